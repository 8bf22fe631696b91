"""The loop without torch: it measures, drives and judges as the environments do, and says in one line what is wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import yaml
from exports import GO2, TEACHER, exported, student_checkpoint

from legged_gym.deploy.course import Course, course_tile, flat_tile
from legged_gym.deploy.measure import SENSORS
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.rotations import roll_pitch_yaw
from legged_gym.deploy.sensors import DepthCamera, RayScan
from legged_gym.deploy.trial import run_course, summarise_course
from legged_gym.export import check
from legged_gym.registry import get_task
from legged_gym.scripts import sim2sim as script
from legged_gym.terrain.grid import TerrainGrid

ROOT = Path(__file__).resolve().parents[1]
AS_TRAINED = Physics(dt=0.005, integrator="euler", cone="pyramidal", motor_delay=0.0, noise=0.0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Exported folders by task, with episodes of two seconds."""
    parent, checkpoints = tmp_path_factory.mktemp("exported"), {"go2": GO2, "go2_parkour_teacher": TEACHER}
    checkpoints["go2_parkour_student"] = student_checkpoint(tmp_path_factory.mktemp("run") / "model_7.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "RANDOM_INPUTS", 20)
        patch.setattr(check, "RECORDED_STEPS", 10)
        for task, checkpoint in checkpoints.items():
            tree = exported(task, checkpoint, parent / task)
            tree["trial"]["episode_s"] = 2.0
            (parent / task / "deploy.yaml").write_text(yaml.safe_dump(tree))
    return {task: parent / task for task in checkpoints}


def description(folder: Path) -> dict:
    return yaml.safe_load((folder / "deploy.yaml").read_text())


def make_env(task: str, num_envs: int = 6):
    """As evaluated, each robot on another type of tile, undisturbed."""
    task = get_task(task)
    cfg = task.env_cfg()
    cfg.evaluation()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.noise.add_noise = num_envs, 1, False
    random = cfg.domain_rand
    random.push_robots = random.randomize_friction = random.randomize_base_mass = random.randomize_base_com = False
    random.randomize_motor_strength = False
    if hasattr(cfg, "camera"):
        cfg.camera.undisturbed()
        middle = sum(cfg.camera.pitch) / 2
        cfg.camera.position_noise, cfg.camera.pitch, cfg.camera.mount_height = 0.0, (middle, middle), (0.0, 0.0)
    torch.manual_seed(0)
    return task.make_env(cfg, "cpu")


def twin(env, i: int, tree: dict, physics: Physics = AS_TRAINED) -> SimulatedRobot:
    """Robot `i` of `env` in plain MuJoCo, in the same state on the same tile."""
    tile = tile_of(env, i) if hasattr(env, "course") else flat_tile()
    robot = SimulatedRobot(tree, tile, physics, np.random.default_rng(0))
    robot.start(np.zeros(3), 0.0, robot.default_joint_pos, np.zeros(6), 1.0)
    robot.data.qpos[:], robot.data.qvel[:] = env.sim.qpos[i].numpy(), env.sim.qvel[i].numpy()
    mujoco.mj_forward(robot.model, robot.data)
    return robot


def tile_of(env, i: int):
    """The tile of robot `i`, on the host."""
    return TerrainGrid(env.cfg.terrain, "cpu").tile(int(env.course.level[i]), int(env.course.column[i]))


def close(found, expected, tolerance: float) -> bool:
    return np.allclose(found, expected.numpy() if isinstance(expected, torch.Tensor) else expected, atol=tolerance)


# -- the same as the environments --------------------------------------------------------------------------------------


def test_measures_what_the_environment_observes(folders):
    tree, env = description(folders["go2_parkour_teacher"]), make_env("go2_parkour_teacher")
    for _ in range(25):
        env.step(torch.randn(6, 12))
    env.scan.measure(torch.ones(6, dtype=torch.bool), env.sim.root_pos_w, env.sim.root_quat_w)
    for i in range(6):
        robot = twin(env, i, tree)
        measured, course = robot.measure(), Course(tile_of(env, i), tree["trial"]["course"], 0.02)
        course.reached = int(env.course.goal_index[i])
        observed = dict(zip(tree_terms(env), env.observations["proprio"][i].split(tree_widths(env)), strict=True))
        assert close(measured["base_ang_vel"] * 0.25, observed["base_ang_vel"], 1e-4)
        assert close(measured["roll_pitch"], observed["roll_pitch"], 1e-5)
        assert close(SENSORS["gravity"](robot), env.gravity_b[i], 1e-5)
        assert close(measured["joint_pos"] - robot.default_joint_pos, observed["joint_pos"], 1e-5)
        assert close(measured["joint_vel"] * 0.05, observed["joint_vel"], 1e-5)
        yaw = roll_pitch_yaw(robot.orientation)[2]
        assert close(course.yaw_errors(robot.position, yaw), env.course.yaw_errors[i], 1e-4)
        assert course.progress(robot.position) == pytest.approx(env.course.progress()[i].item(), abs=1e-3)
        heights = env.sim.root_pos_w[i, 2] - env.scan.heights[i]
        seen = RayScan(robot, course.tile, tree["scan"]).measure()["scan"]
        assert np.mean(np.abs(seen - heights.numpy()) < 1e-4) > 0.97  # but for edges
        everywhere = torch.ones(6, 4, dtype=torch.bool)
        edges = env.ground.edge(env.sim.body_pos_w[:, env.feet], everywhere, 0.03, 0.05, 0.05)[i].sum()
        feet = env.sim.body_pos_w[i, env.feet].double().numpy()
        assert course.feet_on_edge(feet, np.ones(4, bool)) == int(edges)


def tree_terms(env) -> list[str]:
    return list(env.observation_layout["proprio"])


def tree_widths(env) -> list[int]:
    return list(env.observation_layout["proprio"].values())


def test_edges_are_the_grounds(folders):
    """Feet anywhere on the tiles, more than any rollout has."""
    tree, env = description(folders["go2_parkour_teacher"]), make_env("go2_parkour_teacher")
    rng, found = np.random.default_rng(0), 0
    feet = rng.uniform((0.0, -0.8, 0.0), (9.0, 0.8, 0.5), (6, 300, 3))
    expected = env.ground.edge(
        torch.tensor(feet, dtype=torch.float32), torch.ones(6, 300, dtype=torch.bool), 0.03, 0.05, 0.05
    )
    for i in range(6):
        course = Course(tile_of(env, i), tree["trial"]["course"], 0.02)
        ours = [course.feet_on_edge(foot[None], np.ones(1, bool)) for foot in feet[i]]
        found += sum(ours)
        assert np.mean(np.array(ours) == expected[i].numpy()) >= 0.98
    assert found > 30


def test_drives_as_the_environment_does(folders):
    """With training's own integrator, step and cones, a control step is that of the environment."""
    tree, env = description(folders["go2"]), make_env("go2", 4)
    for _ in range(5):
        env.step(torch.randn(4, 12))
    robots = [twin(env, i, tree) for i in range(4)]
    actions = 5.0 * torch.randn(4, 12)  # far enough to meet the torque limits
    targets = env.default_joint_pos + 0.25 * actions
    wanted = 25.0 * (targets - env.sim.joint_pos) - 0.6 * env.sim.joint_vel
    assert (wanted.abs() > env.motors.torque_limits).any()
    env.step(actions)
    assert not env.dones.any()
    for i, robot in enumerate(robots):
        robot.drive(targets[i].numpy())
        assert close(robot.data.qpos, env.sim.qpos[i], 1e-5)
        assert robot.power == pytest.approx((env.torques * env.sim.joint_vel)[i].abs().sum().item(), rel=0.01)


def test_motor_delay(folders):
    """One control period late, the first target is the default pose."""
    tree, rng = description(folders["go2"]), np.random.default_rng(0)
    ends = {}
    for delay in (0.0, 0.02):
        robot = SimulatedRobot(tree, flat_tile(), Physics(motor_delay=delay, noise=0.0), rng)
        robot.start(np.array([0.0, 0.0, 0.34]), 0.0, robot.default_joint_pos, np.zeros(6), 1.0)
        robot.drive(robot.default_joint_pos + (0.2 if delay else 0.0))
        ends[delay] = robot.data.qpos.copy()
    assert np.array_equal(ends[0.0], ends[0.02])


def test_tiles_are_those_of_evaluation(folders):
    tree, env = description(folders["go2_parkour_teacher"]), get_task("go2_parkour_teacher").env_cfg()
    env.evaluation()
    grid, course = TerrainGrid(env.terrain, "cpu"), tree["trial"]["course"]
    assert course["types"] == list(grid.types)
    for kind, number, column in (("parkour", 3, 3), ("gap", 15, 63), ("demo", 16, 80)):
        ours, theirs = course_tile(kind, number, course, 1.0), grid.tile(0, column)
        assert theirs.kind == kind
        assert close(ours.centre, theirs.centre, 1e-5) and close(ours.goals, theirs.goals, 1e-5)
    assert course_tile("stairs", 0, course, 0.5).kind == "stairs"  # which evaluate.py does not have


RENDER = """
import sys
from pathlib import Path
import mujoco, numpy as np
from legged_gym.deploy.description import load_description
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.sensors import DepthCamera
from legged_gym.terrain.tile import Tile
from legged_gym.utils.errors import UserError
tree, images = load_description(Path(sys.argv[1]), force=True), []
for state in np.load("states.npy", allow_pickle=True):
    robot = SimulatedRobot(tree, Tile(*state["tile"]), Physics(noise=0.0), np.random.default_rng(0))
    robot.data.qpos[:] = state["qpos"]
    mujoco.mj_forward(robot.model, robot.data)
    try:
        camera = DepthCamera(robot, tree["camera"], 0.02, np.random.default_rng(0))
    except UserError:
        sys.exit(3)
    images.append(camera.render())
    camera.close()
np.save("images.npy", images)
"""


def in_subprocess(code: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Python where MuJoCo is imported with EGL; skips the test where there is none."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "MUJOCO_GL": "egl"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if result.returncode == 3 or "need OpenGL" in result.stderr:
        pytest.skip("no EGL")
    assert result.returncode == 0, result.stderr
    return result


def test_depth_is_that_of_the_training_camera(folders, tmp_path):
    """The engine's renderer against legged_gym's rays, on each type of tile, with the legs in view."""
    env = make_env("go2_parkour_student")
    for _ in range(20):
        env.step(torch.randn(6, 12))
    env.sim.refresh()
    rays = env.camera.render(torch.ones(6, dtype=torch.bool)).numpy()
    tiles = [tile_of(env, i) for i in range(6)]
    states = [{"tile": list(vars(t).values()), "qpos": env.sim.qpos[i].numpy()} for i, t in enumerate(tiles)]
    np.save(tmp_path / "states.npy", states)
    in_subprocess(RENDER, tmp_path, folders["go2_parkour_student"])
    for image, expected in zip(np.load(tmp_path / "images.npy"), rays, strict=True):
        padded = np.pad(expected, 1, mode="edge")
        around = np.stack([padded[a : a + 60, b : b + 106] for a in range(3) for b in range(3)])
        away = np.ptp(around, axis=0) < 0.05
        seen = away & (expected < 2.0)
        assert seen.mean() > 0.05
        error = np.abs(np.minimum(image, 2.0) - expected)
        assert np.median(error[seen]) < 1e-3 and (error > 0.01).mean() < 0.02


def test_images_come_late(folders, monkeypatch):
    """Each 0.1 s old; the first of an episode at once. At 6.25 Hz, in steps 3, 11, 19, 27, a look may get one again."""
    tree = description(folders["go2_parkour_student"])
    camera = object.__new__(DepthCamera)  # without OpenGL
    camera._camera, camera._period, camera._rng = dict(tree["camera"]), 0.02, np.random.default_rng(1)
    now, rendered = [0], []
    monkeypatch.setattr(camera, "render", lambda: rendered.append(now[0]) or now[0])
    monkeypatch.setattr(camera, "_spoil", lambda image: image)

    def arrived(steps, **changes):
        settings = {"rate": [0.0, 0.0], "latency_s": [0.1, 0.1], "latency_jitter_s": 0.0, "dropped_frames": 0.0}
        camera._camera |= settings | changes
        rendered.clear()
        found = {}
        for now[0] in range(steps):
            if (image := camera.update(now[0])) is not None:
                found[now[0]] = image
        return found

    assert arrived(17) == {0: 0, 5: 0, 10: 5, 15: 10} and rendered == [0, 5, 10, 15]
    assert arrived(16, latency_s=[0.0, 0.0]) == {0: 0, 5: 5, 10: 10, 15: 15}
    assert arrived(21, latency_s=[0.26, 0.26]) == {0: 0, 5: 0, 10: 0, 15: 2, 20: 7}
    assert arrived(16, dropped_frames=1.0) == {0: 0, 5: 0, 10: 0, 15: 0}, "the one before stays"
    got = {step: image for step, image in arrived(501, dropped_frames=0.2).items() if step}
    assert 60 < sum(image == step - 5 for step, image in got.items()) < 95
    draw = camera._draw
    monkeypatch.setattr(camera, "_draw", lambda: (draw(), setattr(camera, "_phase", 0.06)))
    assert arrived(31, rate=[6.25, 6.25]) == {0: 0, 5: 0, 10: 3, 15: 3, 20: 11, 25: 19, 30: 19}
    ages = {step - image for _ in range(40) for step, image in arrived(31, latency_jitter_s=0.04).items() if step > 10}
    assert ages == {3, 4, 5, 6, 7}


# -- the loop ----------------------------------------------------------------------------------------------------------


def test_policy_remembers(folders):
    """History and last actions go from step to step, and a reset forgets them."""
    folder = folders["go2_parkour_teacher"]
    policy, rng = DeployedPolicy(folder, description(folder)), np.random.default_rng(0)
    steps = [{name: rng.normal(size=width) for name, width in policy.terms.items()} for _ in range(3)]
    scan = np.full(132, 0.3)
    first = [policy.act(step | {"scan": scan}) for step in steps]
    assert np.array_equal(policy.frame(steps[0])[0, -16:-4], policy.actions)
    assert not np.array_equal(policy.act(steps[0] | {"scan": scan}), first[0])
    policy.reset()
    assert all(np.array_equal(policy.act(step | {"scan": scan}), a) for step, a in zip(steps, first, strict=True))


@pytest.mark.parametrize("task", ["go2", "go2_parkour_teacher", "go2_parkour_student"])
def test_runs_without_torch(task, folders, tmp_path):
    """The whole script; it prints and writes the figures of evaluate.py."""
    extra = "" if task == "go2" else ", '--types', 'gap', '--difficulty', '0.5'"
    code = (
        "import sys; from legged_gym.scripts.sim2sim import main; "
        f"main(['--task={task}', '--exported={folders[task]}', '--force', '--episodes_per_type=1'"
        f", '--json=f.json'{extra}]); "
        "bad = {m for m in sys.modules if m.split('.')[0] in ('torch', 'warp', 'rsl_rl')}; "
        "bad -= {'rsl_rl', 'rsl_rl.utils', 'rsl_rl.utils.files'}; assert not bad, bad"  # which writes files, no more
    )
    result = in_subprocess(code, tmp_path)
    figures = json.loads((tmp_path / "f.json").read_text())
    assert ("depth_encoder" in figures["step_ms"]) == (task == "go2_parkour_student")
    if task == "go2":
        assert figures["fall_rate"] == 0.0 and 0.0 < figures["lin_vel_error"] < 0.3
        assert "lin_vel_error" in result.stdout
    else:
        assert set(figures["types"]) == {"gap"} and 0.0 <= figures["total"]["goals_reached"] <= 1.0
        assert "goals reached" in result.stdout


def test_a_world_that_blows_up_is_a_fall(folders, monkeypatch):
    folder = folders["go2_parkour_teacher"]
    drive = SimulatedRobot.drive

    def explode(robot, targets):
        drive(robot, targets)
        robot.data.qvel[3] = np.nan

    monkeypatch.setattr(SimulatedRobot, "drive", explode)
    tree = description(folder)
    row = run_course(DeployedPolicy(folder, tree), tree, "gap", 0, 0.5, Physics())
    assert row["fallen"] == 1.0 and np.isfinite(list(row.values())).all()
    assert np.isfinite([x for x in summarise_course({"gap": [row]})["total"].values() if x is not None]).all()


def test_figures_by_hand():
    one = dict(goals=1.0, fallen=0.0, finished=1.0, steps=500, seconds=10.0, edge=50, energy=900.0, metres=9.0)
    two = dict(goals=0.5, fallen=1.0, finished=0.0, steps=300, seconds=6.0, edge=30, energy=300.0, metres=3.0)
    figures = summarise_course({"gap": [one, two], "step": [one, one], "flat": [two]})
    assert figures["types"]["gap"] == {
        "goals_reached": 0.75,
        "goals_reached_std": 0.25,
        "success_rate": 0.5,
        "feet_edge": 0.1,
        "fall_rate": 0.5,
        "time_to_finish_s": 10.0,
        "energy_J_per_m": 100.0,
        "num_episodes": 2,
    }
    assert figures["total"]["goals_reached"] == 0.875 and figures["total"]["num_episodes"] == 4  # flat does not count
    assert figures["types"]["flat"]["time_to_finish_s"] is None


# -- mistakes ----------------------------------------------------------------------------------------------------------


def cut(path: Path, *keys: str) -> None:
    """Takes one entry out of a description."""
    tree = yaml.safe_load(path.read_text())
    del tree[keys[0]][keys[1]]
    path.write_text(yaml.safe_dump(tree))


BAD = {
    "no folder": ([], "none", None, "there is no none/deploy.yaml"),
    "another task": ([], "go2_parkour_teacher", None, "is of task 'go2_parkour_teacher', not of 'go2'"),
    "no description": ([], "go2", lambda f: (f / "deploy.yaml").unlink(), "deploy.yaml: export.py writes it"),
    "no yaml": ([], "go2", lambda f: (f / "deploy.yaml").write_text("a: [b\n"), "cannot read"),
    "another yaml": ([], "go2", lambda f: (f / "deploy.yaml").write_text("a: b\n"), "does not describe"),
    "half a description": (["--force"], "go2", lambda f: cut(f / "deploy.yaml", "control", "kp"), "control lacks kp"),
    "no network": ([], "go2", lambda f: (f / "policy.onnx").unlink(), "which deploy.yaml names"),
    "tampered network": ([], "go2", lambda f: (f / "policy.onnx").write_bytes(b"x"), "its SHA-256 differs"),
    "courses on flat ground": (["--force", "--difficulty=1"], "go2", None, "this one has none"),
    "no integrator": (["--force", "--integrator=heun"], "go2", None, "choose from euler, rk4"),
    "no multiple": (["--force", "--dt=0.003"], "go2", None, "has to be a multiple of it"),
    "no terrain": (["--force", "--types=gab"], "go2_parkour_teacher", None, "did you mean 'gap'?"),
    "no difficulty": (["--force", "--difficulty=2"], "go2_parkour_teacher", None, "has to lie in 0 .. 1"),
    "no episodes": (["--force", "--episodes_per_type=0"], "go2", None, "at least one"),
}


@pytest.mark.parametrize("flags, source, spoil, message", BAD.values(), ids=BAD)
def test_one_line_for_a_mistake(flags, source, spoil, message, folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    task = source if flags and source in folders else "go2"
    if source in folders:
        shutil.copytree(folders[source], source)
    if spoil is not None:
        spoil(Path(source))
    with pytest.raises(SystemExit) as end:
        script.main([f"--task={task}", f"--exported={source}", *flags])
    error = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and len(error) == 1 and message in error[0], error


def test_damaged_network_with_a_good_checksum(folders, tmp_path):
    shutil.copytree(folders["go2"], tmp_path / "go2")
    (tmp_path / "go2" / "policy.onnx").write_bytes(b"not a network")
    with pytest.raises(Exception, match="no network that onnxruntime can run"):
        DeployedPolicy(tmp_path / "go2", description(tmp_path / "go2"))


@pytest.mark.parametrize("gl, message", [("disable", "depth images need OpenGL"), ("glide", "MUJOCO_GL is 'glide'")])
def test_no_opengl(gl, message, folders):
    flags = [
        "--task=go2_parkour_student",
        f"--exported={folders['go2_parkour_student']}",
        "--episodes_per_type=1",
        "--force",
    ]
    command = [sys.executable, ROOT / "legged_gym" / "scripts" / "sim2sim.py", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MUJOCO_GL": gl}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    error = result.stderr.strip().splitlines()
    assert result.returncode == 2 and len(error) == 1 and message in error[0], result.stderr
