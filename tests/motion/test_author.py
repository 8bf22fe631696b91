"""The author's curves, balance and kinematics by hand numbers, and the clips that the package comes with."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from legged_gym import RESOURCES_DIR
from legged_gym.motion.author import balance
from legged_gym.motion.author.clips import scripts
from legged_gym.motion.author.curves import curve, smooth
from legged_gym.motion.author.gestures import Gestures
from legged_gym.motion.author.script import CENTRE, FEET_APART, LEFT, RIGHT, SOLE, TOE, Place, Script, Step, foot_tracks
from legged_gym.motion.check import measure
from legged_gym.motion.load import load_clips
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots import G1
from legged_gym.robots.spec import RobotSpec

FOLDER = RESOURCES_DIR / "motions" / "g1"
SCRIPTS = scripts(G1.default_pose)
NAMES = [script.name for script in SCRIPTS]
TIMES = np.arange(101) / 50.0


# -- curves ------------------------------------------------------------------------------------------------------------
def test_smooth() -> None:
    np.testing.assert_allclose(smooth([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0]), [0, 0, 0.103515625, 0.5, 1, 1])


def test_curve_rests_in_its_knots_and_is_held_outside() -> None:
    values = curve([(0.5, 1.0), (1.5, 3.0)], TIMES)
    assert values[0] == values[25] == 1.0 and values[50] == 2.0 and values[75] == values[100] == 3.0
    assert abs(values[26] - values[25]) < 1e-3
    np.testing.assert_array_equal(curve([(0.0, (1.0, 2.0))], TIMES), np.tile([1.0, 2.0], (101, 1)))


def test_gestures_hold_until_the_next_move() -> None:
    moves = Gestures({"left_elbow_joint": 0.6}).both(0.5, 1.0, shoulder_roll=0.4).move(1.0, 1.5, left_elbow=0.0)
    knots = moves.back(1.6, 2.0).knots
    assert knots["right_shoulder_roll"][2] == (1.0, -0.4)
    elbow = curve(knots["left_elbow"], TIMES)
    assert elbow[50] == 0.6 and elbow[75] == elbow[80] == 0.0 and elbow[100] == 0.6


# -- feet --------------------------------------------------------------------------------------------------------------
def test_foot_tracks_of_a_step() -> None:
    step = Step(LEFT, Place(0.3, FEET_APART, 0.1), 0.8, 1.2, apex=0.05, heel_off=0.4)
    tracks = foot_tracks(Script("step", 2.0, steps=[step]), TIMES)
    left = tracks.pos[:, LEFT]
    np.testing.assert_allclose(left[0], [0.0, FEET_APART, SOLE])
    np.testing.assert_allclose(left[100], [0.3, FEET_APART, 0.1 + SOLE], atol=1e-12)
    assert (
        (tracks.contacts[:41, LEFT]).all()
        and not tracks.contacts[41:60, LEFT].any()
        and tracks.contacts[60:, LEFT].all()
    )
    assert tracks.contacts[:, RIGHT].all()
    # With the heel up the toes stay where they were.
    toe = left[40] + _rotated(tracks.quat[40, LEFT], TOE)
    np.testing.assert_allclose(toe, [TOE[0], FEET_APART, SOLE + TOE[2]], atol=1e-9)
    # All weight is on the right foot while the left is in the air, and the ground pushes at its middle.
    np.testing.assert_allclose(tracks.load[40:61], 0.0, atol=1e-12)
    np.testing.assert_allclose(tracks.target[50], [CENTRE, -FEET_APART, 0.0])
    assert tracks.load[0] == 0.5 and tracks.load[95] == 0.5


def _rotated(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    from legged_gym.motion.quaternions import rotate

    return rotate(quat, vector)


# -- balance -----------------------------------------------------------------------------------------------------------
def test_the_centre_of_mass_makes_the_ground_push_at_the_target() -> None:
    target = np.stack([curve([(1.0, 0.0), (2.0, 0.3)], np.arange(151) / 50), 0 * np.arange(151)], 1)
    height = np.full(151, 0.07)
    com = balance.com_track(target, height, 50.0)
    acceleration = np.gradient(np.gradient(com, 1 / 50, axis=0), 1 / 50, axis=0)
    np.testing.assert_allclose((com - 0.07 * acceleration)[5:-5], target[5:-5], atol=0.01)
    np.testing.assert_allclose(com[[0, -1]], target[[0, -1]], atol=1e-3)
    assert com[60, 0] > target[60, 0] + 0.005  # it goes ahead of what pushes it


def test_push_point_by_hand() -> None:
    """100 N upwards at (0.2, -0.1), seen from a root at (0, 0, 1); and with 10 N forward, which need 0.1 m more."""
    root, level = np.array([[0.0, 0.0, 1.0]] * 2), np.zeros(2)
    arm = np.array([0.2, -0.1, -1.0])
    forces = np.array([[0.0, 0.0, 100.0], [10.0, 0.0, 100.0]])
    wrench = np.concatenate([forces, np.cross(arm, forces)], 1)
    np.testing.assert_allclose(balance.push_point(wrench, root, level), [[0.2, -0.1]] * 2)


def test_what_soles_can_give() -> None:
    """Two points 0.2 m apart: a weight between them is borne, one beside them is not, nor more than friction allows."""
    points = [np.array([[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0]])] * 3
    root = np.zeros((3, 3))
    wrench = np.zeros((3, 6))
    wrench[:, 2] = 100.0
    wrench[1, 4] = -30.0  # at x = 0.3
    wrench[2, 0] = 100.0
    pytest.importorskip("scipy")
    missing, friction = balance.missing_force(wrench, root, points)
    assert missing[0] < 1e-9 and missing[1] > balance.BAD and missing[2] > balance.BAD
    np.testing.assert_allclose(friction, [0.0, 0.0, 1.0])


def test_inverse_dynamics_of_a_robot_at_rest_is_its_weight(g1: Skeleton) -> None:
    qpos = np.zeros((5, 36))
    qpos[:, 2:4] = 0.8, 1.0
    wrench, _ = balance.root_wrench(g1.model, qpos, 50.0)
    weight = g1.model.body_mass.sum() * balance.GRAVITY
    np.testing.assert_allclose(wrench[:, :3], np.tile([0.0, 0.0, weight], (5, 1)), atol=1e-6)
    com = balance.push_point(wrench, qpos[:, :3], np.zeros(5))[0]
    np.testing.assert_allclose(com, [0.02033, 0.00008], atol=1e-4)  # g1.md, section 8


# -- clips -------------------------------------------------------------------------------------------------------------
def test_a_clip_is_made(g1: Skeleton) -> None:
    pytest.importorskip("mink")
    from legged_gym.motion.author.make import Author

    author = Author(RobotSpec.load(G1.source, G1.feet.split()), G1)
    script = Script("nod", 1.2, crouch=[(0.2, 0.0), (0.6, 0.06), (1.0, 0.0)], lean=[(0.2, 0.0), (0.6, 0.2), (1.0, 0.0)])
    clip, quality = author.make(script)
    assert clip.qpos.shape == (61, 36) and clip.joint_names == g1.joint_names
    assert quality.feet_error < 1e-3 and quality.com_error < 2e-3 and quality.push_error[-1] < 2e-3
    assert quality.bad_frames == 0.0 and quality.torque < 0.6 and not quality.self_links
    assert clip.qpos[0, 2] - clip.qpos[:, 2].min() > 0.04
    measured = measure(clip, g1)
    assert measured.penetration < 1e-3 and measured.slide_mean < 1e-3 and measured.beyond_limits == 0.0


def test_the_library_is_what_the_program_makes() -> None:
    assert sorted(p.stem for p in FOLDER.glob("*.npz")) == sorted(NAMES)
    assert sum(p.stat().st_size for p in FOLDER.iterdir()) < 2 << 20


@pytest.mark.parametrize("name", NAMES)
def test_shipped_clips(name: str, g1: Skeleton) -> None:
    (clip,) = load_clips(FOLDER / f"{name}.npz", g1)
    assert clip.fps == 50.0 and clip.name == name and clip.format == "legged_gym npz"
    measured = measure(clip, g1)
    assert measured.penetration <= 0.005
    assert measured.slide_mean <= 0.02 and measured.stance > 0.5
    assert measured.beyond_limits == 0.0 and measured.joint_speed < 15.0
    assert abs(measured.sole_median) < 0.002
    script = next(script for script in SCRIPTS if script.name == name)
    tracks = foot_tracks(script, np.arange(len(clip.qpos)) / clip.fps)
    assert (tracks.contacts == clip.contacts).all()
    ankles = g1.poses(np.asarray(clip.qpos, np.float64))[0][:, g1.feet]
    assert np.abs(ankles - tracks.pos).max() < 0.003  # the program still says what it was made by
    assert (clip.qvel[[0, -1]] ** 2).max() < 0.01  # they begin and end at rest


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shipped_clips_can_be_pushed_by_the_ground(name: str, g1: Skeleton) -> None:
    """At most 3 % of frames lack more than 10 N, and hands and knees do not go through each other."""
    pytest.importorskip("scipy")
    (clip,) = load_clips(FOLDER / f"{name}.npz", g1)
    qpos = np.asarray(clip.qpos, np.float64)
    model = g1.model
    flags = int(model.opt.disableflags)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT  # forces come from the ground alone
    wrench, _ = balance.root_wrench(model, qpos, clip.fps)
    model.opt.disableflags = flags
    missing, _ = balance.missing_force(wrench, qpos[:, :3], balance.supports(clip, g1))
    assert (missing[2:-2] > balance.BAD).mean() <= 0.03
    deep, which = balance.self_contact(RobotSpec.load(G1.source, G1.feet.split()), G1.self_collision_pairs, clip)
    assert deep < 0.003, which


def test_names_are_listed(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    from legged_gym.motion.author.__main__ import main

    main(["--list"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NAMES
    with pytest.raises(SystemExit) as caught:
        main(["--only", "wakl", "--out", str(tmp_path)])
    assert caught.value.code == 2 and "did you mean 'walk'?" in capsys.readouterr().err
