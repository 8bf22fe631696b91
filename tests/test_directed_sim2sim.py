"""Policies that are told where to go, in plain MuJoCo: they see, are told and are judged as in the environments."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch
import yaml
from deepmimic_envs import BOX, env_of
from tracker_exports import STUDENT, export

from legged_gym.deploy import directed_trial, sim2sim
from legged_gym.deploy.course import flat_tile
from legged_gym.deploy.description import load_description
from legged_gym.deploy.motion import Motions
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.sensors import HeightMap
from legged_gym.evaluation import directed
from legged_gym.evaluation.directed_figures import ARRIVED, FALLEN, STALLED, STRAYED
from legged_gym.motion.ground import as_tile
from legged_gym.parts.steering import bearing_of, stick
from legged_gym.robots import G1_23
from legged_gym.scripts import sim2sim as script
from legged_gym.terrain.scenes.drawn import KINDS, draw

ROOT = Path(__file__).resolve().parents[1]
AS_TRAINED = Physics(dt=0.005, integrator="euler", cone="pyramidal", motor_delay=0.0, noise=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An exported student that has learnt nothing."""
    return export(STUDENT, tmp_path_factory.mktemp("run"))[0]


@pytest.fixture(scope="module")
def tree(folder) -> dict:
    return load_description(folder, STUDENT)


@pytest.fixture(scope="module")
def env():
    """Robots on a box, whose maps are late, held, tilted and off, but without white noise."""
    settings = {"noise.add_noise": True, "height_map.noise_level": 1.0, "height_map.white_noise": 0.0}
    settings |= {"height_map.drop_outs": 0.0, "height_map.delay": (0, 2), "height_map.refresh": (1, 4)}
    groups = ("torso_real", "torso_xy_rel", "torso_yaw_rel", "terrain_height", "terrain_height_noisy")
    groups += ("target_joints", "upper_body_joint_targets", "target_root_roll", "target_root_pitch")
    torch.manual_seed(0)
    return env_of(BOX, task=STUDENT, **settings, **{"deepmimic.observations": groups})


def put(robot: SimulatedRobot, env, i: int) -> None:
    """Into the state of robot `i` of `env`."""
    robot.data.qpos[:], robot.data.qvel[:] = env.sim.qpos[i].numpy(), env.sim.qvel[i].numpy()
    mujoco.mj_forward(robot.model, robot.data)


def exact(height_map: HeightMap) -> np.ndarray:
    """What it would be now, undisturbed."""
    return height_map._look(*height_map._pose())


def terms_of(env) -> dict:
    return {term.name: term for group in env.groups.values() for term in getattr(group, "terms", ())}


# -- the same as the environments --------------------------------------------------------------------------------------
def test_a_robot_sees_and_is_told_what_the_environment_does(env, folder, tree):
    env.reset()
    rng, ours, terms = np.random.default_rng(0), env.parts["height_map"], terms_of(env)
    upper = [env.robot.joint_names[i] for i in env.upper_body.tolist()]
    motions = Motions(folder, tree | {"motion": tree["motion"] | {"upper_body": upper}})
    library = env.motion.library
    clip = motions.clip(motions.names[0])
    clip = type(clip)(**vars(clip) | {"qpos": library.qpos.double().numpy(), "qvel": library.qvel.double().numpy()})
    robots = [SimulatedRobot(tree, as_tile(library.boxes[0]), AS_TRAINED, rng) for _ in range(4)]
    maps = [HeightMap(robot, tree["height_map"], rng) for robot in robots]
    for i, own in enumerate(maps):  # drawn by the environment
        own._delay, own._period, own._phase = (int(x[i]) for x in (ours.delay, ours.period, ours.phase))
        own._mounting, own._offset = ours.mounting[i].double().numpy(), float(ours.offset[i])
    assert len({(own._delay, own._period, own._phase) for own in maps}) > 2 and abs(maps[0]._offset) > 1e-3
    right, varied = [], []
    for step in range(14):
        for i, (robot, own) in enumerate(zip(robots, maps, strict=True)):
            put(robot, env, i)
            right.append(np.abs(own.measure(step) - ours.noisy[i].numpy()) < 1e-4)
            right.append(np.abs(exact(own) - ours.clean[i].numpy()) < 1e-4)
            varied.append(np.ptp(exact(own)))
            measured = robot.measure()
            (torso,), (turn,) = robot.links([tree["root_command"]["link"]])
            now, (target,), (target_turn,) = int(env.motion.frame[i]), *robot.links(["torso_link"], env.motion.qpos[i])
            measured |= clip.told_of_root(now, (torso, turn), (target, target_turn))
            for name in measured.keys() & terms.keys():
                np.testing.assert_allclose(measured[name], terms[name].read()[i], atol=1e-4, err_msg=name)
            assert set(terms) - measured.keys() == {"actions", "terrain_height", "terrain_height_noisy"}
        env.step(0.3 * torch.randn(4, 23))
        assert not env.dones.any()
    assert np.mean(right) > 0.995 and max(varied) > 0.07, "but for rays along an edge"


def test_it_is_driven_as_the_environment_drives(env, tree):
    robots = [SimulatedRobot(tree, as_tile(env.motion.library.boxes[0]), AS_TRAINED, None) for _ in range(4)]
    env.reset()
    for robot in robots:
        robot.start_as(np.zeros(30) + [0, 0, 1, 1, *[0] * 26], np.zeros(29), 1.0, robot.default_joint_pos)
    for i, robot in enumerate(robots):
        robot.model.geom_friction[robot._own, 0] = float(env.randomization.friction[i])
        put(robot, env, i)
    actions = torch.randn(4, 23)
    targets = env.default_joint_pos + env.motors.action_scale * actions
    env.step(actions)
    for i, robot in enumerate(robots):
        robot.drive(targets[i].numpy())
        np.testing.assert_allclose(robot.data.qpos, env.sim.qpos[i], atol=2e-5)


def test_the_stick_is_the_same():
    rng = np.random.default_rng(0)
    aside, heading = rng.normal(size=200), 4.0 * rng.normal(size=200)
    expected = stick(bearing_of(torch.as_tensor(aside), torch.as_tensor(heading)), 0.5).numpy()
    found = [np.append(*directed_trial.stick(*pair, 0.5, 0.3)) for pair in zip(aside, heading, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_judge_is_the_same(monkeypatch):
    """Robots that walk at random, of which some fall, leave, dawdle or arrive."""
    rng, n, length = np.random.default_rng(1), 60, 1.0
    speed, wander = rng.uniform(0.1, 1.0, n), rng.uniform(0.0, 0.25, n)
    falls_at = np.where(rng.random(n) < 0.5, rng.integers(5, 75, n), 10**6)
    theirs = directed.Trial(SimpleNamespace(dt=0.1), torch.full((n,), length))
    ours, place, over = [directed_trial.Way(length, 0.1) for _ in range(n)], np.zeros((n, 2)), np.zeros(n, bool)
    for step in range(1, theirs.num_steps + 1):
        place[:, 0] += 0.1 * speed
        place[:, 1] += wander * rng.normal(size=n)
        up = step < falls_at
        theirs.judge(torch.as_tensor(place, dtype=torch.float32), torch.as_tensor(up))
        for k in np.flatnonzero(~over):
            ours[k].judge(place[k].copy(), bool(up[k]))
            over[k] = ours[k].over
    assert over.all() and {way.fate for way in ours} == {ARRIVED, FALLEN, STALLED, STRAYED}
    assert any(way.toppled for way in ours)
    for name in ("fate", "took", "toppled"):
        assert [int(getattr(way, name)) for way in ours] == getattr(theirs, name).int().tolist(), name
    for name in ("gone", "drift"):
        np.testing.assert_allclose([getattr(way, name) for way in ours], getattr(theirs, name), atol=1e-5)
    rows = [
        dict(fate=way.fate, gone=way.gone, length=length, seconds=0.1 * way.took, toppled=way.toppled, drift=way.drift)
        for way in ours
    ]
    found, expected = directed_trial.summarise_scenes({"flat": rows}), theirs.figures(torch.ones(n, dtype=torch.bool))
    assert found["scenes"]["flat"] == pytest.approx(expected, abs=1e-5)
    assert found["total"]["success"] is None and found["total"]["num_episodes"] == 0, "flat does not count"


def test_scenes_and_starts_are_those_of_evaluation(tree):
    scenes = tree["trial"]["scenes"]
    assert scenes["seed"] == 1 and scenes["start_height"] == G1_23.start_height
    assert scenes["start_joint_pos"] == [G1_23.default_pose[name] for name in tree["robot"]["joint_names"]]
    down = draw(3, 1)[2]
    trial = tree["trial"] | {"joint_pos_noise": 0.0, "scenes": scenes | {"root_pos_noise": [0.0, 0.2, 0.0]}}
    robot = SimulatedRobot(tree, down.solid, Physics(), np.random.default_rng(0))
    directed_trial.start(robot, trial, float(down.height(0.0, 0.0)), np.random.default_rng(0))
    top = float(down.height(0.0, 0.0))
    assert top > 0.4 and robot.position[2] == pytest.approx(top + 0.76) and 0.0 < abs(robot.position[1]) < 0.2
    np.testing.assert_allclose(robot.joint_pos, scenes["start_joint_pos"], atol=1e-9)
    assert directed_trial.stands(robot, down)
    robot.data.qpos[2] = top + 0.29
    assert not directed_trial.stands(robot, down)
    robot.data.qpos[2:7] = [top + 0.7, np.cos(0.55), 0.0, np.sin(0.55), 0.0]  # bent by 63 degrees
    assert not directed_trial.stands(robot, down)


# -- the map -----------------------------------------------------------------------------------------------------------
def map_of(tree: dict, **changes) -> HeightMap:
    """On a plane, of a torso that stands still; `changes` of its entry, and of `noise`, the factor."""
    robot = SimulatedRobot(tree, flat_tile(), Physics(noise=changes.pop("noise", 1.0)), np.random.default_rng(0))
    robot.start(np.array([0.0, 0.0, 0.8]), 0.5, robot.default_joint_pos, np.zeros(6), 1.0)
    return HeightMap(robot, tree["height_map"] | changes, np.random.default_rng(0))


def test_noise_of_a_map(tree):
    height = float(exact(map_of(tree))[0])
    assert 0.8 < height < 1.0 and np.ptp(exact(map_of(tree))) < 1e-9
    np.testing.assert_allclose(map_of(tree, noise=0.0).measure(0), height, atol=1e-9)
    level = map_of(tree, tilt_noise=[0.0] * 3, offset_noise=0.0, drop_outs=0.0)
    assert np.std([level.measure(k) - height for k in range(60)]) == pytest.approx(0.02, rel=0.05)
    white = dict(white_noise=0.0, tilt_noise=[0.0] * 3)
    dropping = map_of(tree, drop_outs=0.2, offset_noise=0.0, **white)
    dropped = np.abs([dropping.measure(k) - height for k in range(60)]) > 1e-6
    assert dropped.mean() == pytest.approx(0.2, abs=0.02)
    rng, entry = np.random.default_rng(0), tree["height_map"] | {"drop_outs": 0.0} | white
    offsets = [HeightMap(dropping._robot, entry, rng).measure(0)[0] - height for _ in range(60)]
    assert np.std(offsets) == pytest.approx(0.02, rel=0.3)
    tilted = map_of(tree, white_noise=0.0, drop_outs=0.0, offset_noise=0.0, noise_level=2.0).measure(0).reshape(11, 11)
    assert np.ptp(tilted) > 0.01 and np.abs(np.diff(tilted, 2, axis=0)).max() < 1e-6, "a plane is a tilted plane"


def test_a_blank_map_is_level_ground(tree):
    blank = map_of(tree, blank=True)
    first = blank.measure(0).copy()
    assert np.ptp(first) == 0.0 and first[0] == pytest.approx(exact(blank)[60])
    blank._robot.data.qpos[2] += 0.3
    mujoco.mj_forward(blank._robot.model, blank._robot.data)
    assert np.array_equal(blank.measure(1), first)


# -- the script --------------------------------------------------------------------------------------------------------
def test_who_goes_where_he_is_told_crosses_all_scenes(folder, tree, tmp_path, monkeypatch, capsys):
    """Carried as far as it is told, upright over whatever is there."""
    largest = tree["root_command"]["largest_way"]
    grounds = {id(scene.solid): scene for scene in draw(len(KINDS), 1)}
    seen = []

    def act(policy, measured):
        assert measured["terrain_height_noisy"].shape == (121,)
        seen.append(measured["terrain_height_noisy"].mean())
        return np.concatenate([measured["torso_xy_rel"], measured["torso_yaw_rel"]])

    def drive(robot, told):
        x, y, _ = robot.position
        yaw = 2.0 * np.arctan2(robot.orientation[3], robot.orientation[0])
        step = 0.1 / largest * np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) @ told[:2]
        yaw += told[2]
        place = np.array([x, y]) + step
        height = float(robot.scene.height(*place))
        robot.data.qpos[:7] = [*place, height + 0.76, np.cos(0.5 * yaw), 0.0, 0.0, np.sin(0.5 * yaw)]
        mujoco.mj_forward(robot.model, robot.data)

    init = SimulatedRobot.__init__

    def made(robot, description, tile, *others):
        init(robot, description, tile, *others)
        robot.scene = next(s for s in grounds.values() if np.array_equal(s.solid.centre, tile.centre))

    monkeypatch.setattr(DeployedPolicy, "act", act)
    monkeypatch.setattr(SimulatedRobot, "drive", drive)
    monkeypatch.setattr(SimulatedRobot, "__init__", made)
    monkeypatch.setattr(directed_trial, "STAND_S", 0.1)
    script.main([f"--task={STUDENT}", f"--exported={folder}", "--episodes_per_type=1", f"--json={tmp_path / 'f.json'}"])
    figures, said = json.loads((tmp_path / "f.json").read_text()), capsys.readouterr().out
    assert list(figures["scenes"]) == list(KINDS) and all(name in said for name in KINDS)
    for row in figures["scenes"].values():
        assert row["success"] == row["stands"] == row["covered"] == 1.0 and row["drift_m"] < 1e-4
        assert 4.4 < row["speed"] < 5.2, "0.1 m in 0.02 s"
    assert figures["total"]["num_episodes"] == 4 and np.ptp(seen) > 0.1


def test_it_runs_without_torch(folder, tmp_path):
    code = (
        "import sys; from legged_gym.scripts.sim2sim import main; "
        f"main(['--task={STUDENT}', '--exported={folder}', '--episodes_per_type=1', '--types', 'kerbs 8-15 cm', "
        "'--json=f.json']); "
        "bad = {m for m in sys.modules if m.split('.')[0] in ('torch', 'warp', 'rsl_rl')}; "
        "bad -= {'rsl_rl', 'rsl_rl.utils', 'rsl_rl.utils.files'}; assert not bad, bad"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "f.json").read_text())
    assert list(figures["scenes"]) == ["kerbs 8-15 cm"] and figures["total"]["falls"] == 1.0, "nobody taught it"
    assert "policy" in figures["step_ms"] and "kerbs 8-15 cm" in result.stdout


def test_evaluations_figures_stand_below(capsys):
    row = dict.fromkeys(("success", "falls", "strays", "stalls", "covered", "speed", "stands", "drift_m"), 0.5)
    row["num_episodes"] = 4
    ours = {"scenes": {"flat": row}, "total": row}
    theirs = {"scenes": {"flat": row | {"success": 0.75}, "kerbs 8-15 cm": row}, "total": row | {"success": 0.125}}
    sim2sim.print_figures(ours, {"clean": {"total": {}}, "directed": theirs}, "title")
    said = capsys.readouterr().out
    assert "evaluate.py" in said and "0.750" in said and "0.125" not in said, "that total is of other kinds"


def changed(*keys, to):
    def change(folder: Path) -> None:
        tree = place = yaml.safe_load((folder / "deploy.yaml").read_text())
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to
        (folder / "deploy.yaml").write_text(yaml.safe_dump(tree))

    return change


BAD = {
    "another kind": (
        ["--types", "stairs 15-20"],
        None,
        "no kind of scene 'stairs 15-20'; did you mean 'stairs 15-20 cm",
    ),
    "a difficulty": (
        ["--difficulty=1"],
        None,
        "--difficulty is for tasks with obstacle courses; this one's scenes are",
    ),
    "a map of others": ([], changed("height_map", "side", to=10), "the entry height_map describes [1, 100]"),
    "a range": (
        [],
        changed("height_map", "delay", to=[2, 1]),
        "height_map.delay is 2 1: a range goes from low to high",
    ),
    "an older map": ([], changed("height_map", to={"input": "terrain_height_noisy"}), "height_map lacks blank, delay"),
    "no such link": (
        [],
        changed("height_map", "link", to="torso"),
        "height_map.link in deploy.yaml has 'torso', which",
    ),
    "no such term": (
        [],
        changed("root_command", "way", to="gravity"),
        "root_command.way is 'gravity': observations.pro",
    ),
    "no link to lead": ([], changed("root_command", "link", to="head"), "root_command.link in deploy.yaml has 'head'"),
    "figures": (
        [],
        changed("figures", to={"directed": {"total": {}, "scenes": 3}}),
        "figures.directed.scenes is 3, not",
    ),
    "a pose": ([], changed("trial", "scenes", "start_joint_pos", to=[0.1]), "has 1 entries for the 23 joints"),
}


@pytest.mark.parametrize("flags, spoil, message", BAD.values(), ids=BAD)
def test_one_line_for_a_mistake(flags, spoil, message, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = shutil.copytree(folder, tmp_path / "exported")
    if spoil is not None:
        spoil(source)
    with pytest.raises(SystemExit) as end:
        script.main([f"--task={STUDENT}", f"--exported={source}", "--force", "--json=f.json", *flags])
    error = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and len(error) == 1 and message in error[0], error
    assert not Path("f.json").exists()
