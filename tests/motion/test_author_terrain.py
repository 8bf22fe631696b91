"""Clips over terrain: a foot's way over edges, soles on slopes, where each clip's feet stand, and one clip made."""

import numpy as np
import pytest

from legged_gym.motion.author import swing
from legged_gym.motion.author.__main__ import main
from legged_gym.motion.author.clips import scripts
from legged_gym.motion.author.script import CENTRE, FEET_APART, LEFT, SOLE, Place, Script, Step, foot_tracks
from legged_gym.motion.author.swing import HEEL, TOES
from legged_gym.motion.author.terrain import held_out, stairs, terrain, tilted_box
from legged_gym.motion.author.walking import level_box
from legged_gym.motion.check import measure
from legged_gym.motion.ground import ClipGround
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots import G1
from legged_gym.robots.spec import RobotSpec

SCRIPTS = terrain(G1.default_pose)
TIMES = np.linspace(0.0, 1.0, 51)
PLANE = ClipGround(np.zeros((0, 10)))


def place(x: float, z: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    return np.array([x, FEET_APART, z, 0.0, pitch])


# -- a foot's way ------------------------------------------------------------------------------------------------------
def test_bernsteins_polynomials_add_up_to_one() -> None:
    basis = swing.bernstein(TIMES)
    np.testing.assert_allclose(basis.sum(1), 1.0)
    assert basis[0, 0] == basis[-1, -1] == 1.0
    np.testing.assert_allclose(basis @ np.arange(13) / 12.0, TIMES, atol=1e-12)  # they reproduce a line


def test_on_the_plane_a_foot_is_as_high_as_asked_for_and_rests_at_both_ends() -> None:
    pytest.importorskip("qpsolvers")
    way = swing.over(place(0.0), place(0.6), 0.05, PLANE, TIMES)
    assert 0.05 - 2e-4 < way[25, 2] < 0.06 and way[:, 2].min() > -2e-4 and way[:, 2].argmax() in (24, 25, 26)
    np.testing.assert_allclose(way[[0, -1]], [place(0.0), place(0.6)], atol=1e-12)
    assert np.abs(np.diff(way[:, 2])[[0, -1]]).max() < 2e-4 and np.abs(np.diff(way[:, 0])[[0, -1]]).max() < 2e-4
    np.testing.assert_allclose(way[25, 0], 0.3)


@pytest.mark.parametrize("down", [False, True])
def test_heel_and_toes_clear_two_edges_of_stairs(down: bool) -> None:
    """From a tread over the next one to the second: in no place is the sole lower than a tread that it is over."""
    pytest.importorskip("qpsolvers")
    boxes = np.array([level_box(0.25, 2.0, 0.2), level_box(0.53, 2.0, 0.4)])
    low, high = place(0.25 - TOES - 0.05), place(0.53 + HEEL + 0.03, 0.4)
    if down:
        boxes[:, 0] *= -1.0
        low, high = place(-0.25 + HEEL + 0.05), place(-0.53 - TOES - 0.03, 0.4)
    first, last = (high, low) if down else (low, high)
    way = swing.over(first, last, 0.05, ClipGround(boxes), TIMES)
    for x, z in way[:, [0, 2]]:
        under = [h for edge, h in ((0.25, 0.2), (0.53, 0.4)) if (edge < x + TOES if not down else -edge > x - HEEL)]
        assert z > max(under, default=0.0) - 1e-3
    assert way[:, 2].max() < 0.4 + 0.08  # and it is not thrown up


def test_no_way_through_a_wall() -> None:
    pytest.importorskip("qpsolvers")
    wall = ClipGround(np.array([level_box(0.1, 0.5, 0.3)]))
    with pytest.raises(ValueError, match=r"from x = 0\.00 to 0\.30 m"):
        swing.over(place(0.0), place(0.3), 0.05, wall, TIMES)


# -- slopes ------------------------------------------------------------------------------------------------------------
def test_a_sole_on_a_ramp() -> None:
    """Of 45°: the ankle is SOLE away along the normal, and the foot is loaded along the slope."""
    place = Place(0.3, FEET_APART, 0.3, 0.0, -np.pi / 4)
    step = Step(LEFT, place, 0.8, 1.2, apex=0.1)
    tracks = foot_tracks(Script("step", 2.0, steps=[step]), np.arange(101) / 50.0)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(tracks.pos[-1, LEFT], [0.3 - half * SOLE, FEET_APART, 0.3 + half * SOLE], atol=1e-12)
    ahead = [0.3 + half * CENTRE, FEET_APART, 0.3 + half * CENTRE]
    np.testing.assert_allclose(tracks.centre[-1, LEFT], ahead, atol=1e-12)
    np.testing.assert_allclose(tracks.quat[-1, LEFT], [np.cos(np.pi / 8), 0.0, -np.sin(np.pi / 8), 0.0], atol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.2), (0.2, 0.0)])
def test_a_tilted_box_is_a_ramp(low: float, high: float) -> None:
    ground = ClipGround(np.array([tilted_box(0.5, 1.5, low, high)]))
    x = np.array([0.51, 1.0, 1.49])
    points = np.stack([x, 0.9 * np.ones(3), np.ones(3)], 1)
    heights = low + (x - 0.5) * (high - low)
    np.testing.assert_allclose(ground.heights(points), heights, atol=1e-9)
    inside = points * [1.0, 1.0, 0.0] + np.stack([0 * x, 0 * x, 0.3 * heights], 1)
    assert (ground.depths(inside, np.full(3, 1e-3)) > 1e-3).all()  # no room below


# -- clips -------------------------------------------------------------------------------------------------------------
def test_names() -> None:
    names = [script.name for script in SCRIPTS]
    assert len(set(names)) == len(names) == 36 and not set(names) & {s.name for s in scripts(G1.default_pose)}
    assert {script.name for script in held_out(G1.default_pose)} < set(names)
    assert all(9.0 < script.seconds < 17.0 and len(script.boxes) <= 4 for script in SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_soles_stand_on_the_ground_that_is_there(script: Script) -> None:
    """All of them, but for 14 mm of the heels on the highest steps with the narrowest treads, where shins need room."""
    ground = ClipGround(np.array(script.boxes))
    along = np.linspace(-HEEL + 0.0141, TOES, 9)
    for step in script.steps:
        to = step.to
        points = np.stack([to.x + along, np.full(9, to.y), np.full(9, 2.0)], 1)
        over = ground.heights(points) - (to.z - along * np.tan(to.pitch))
        assert np.abs(over).max() < 1e-6
    feet = [step.foot for step in script.steps]
    assert feet == [k % 2 for k in range(len(feet))]


def test_a_clip_over_a_step_is_made(g1: Skeleton) -> None:
    """Up 0.15 m and down, as the whole set is; its longer clips take the same code a few seconds more."""
    pytest.importorskip("mink")
    from legged_gym.motion.author.make import Author

    author = Author(RobotSpec.load(G1.source, G1.feet.split()), G1)
    clip, quality = author.make(stairs("step", G1.default_pose, 0.15, 0.28, 1, 0.3, 0.36))
    assert quality.feet_error < 2e-3 and quality.com_error < 0.01 and quality.push_error[-1] < 0.006
    assert quality.bad_frames <= 0.03 and quality.torque < 0.9 and not quality.self_links
    assert clip.qpos[:, 2].max() - clip.qpos[0, 2] > 0.05
    measured = measure(clip, g1)
    assert measured.penetration <= 0.005 and measured.slide_mean <= 0.02 and measured.beyond_limits == 0.0
    assert measured.joint_speed < 15.0 and (clip.qvel[[0, -1]] ** 2).max() < 0.01


def test_a_set_is_listed_and_needs_a_folder(capsys: pytest.CaptureFixture) -> None:
    main(["--set", "terrain", "--list"])
    assert "stairs_20cm_32cm_stop  " in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["--set", "terrain"])
    assert caught.value.code == 2 and "--out" in capsys.readouterr().err
