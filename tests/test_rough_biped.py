"""A biped on stairs and the like: commands that lead, soles over the ground, levels, figures, and exports that scan."""

import math
from dataclasses import asdict

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from host_sync import NoHostSync

from legged_gym import make
from legged_gym.deploy.course import Course as DeployedCourse
from legged_gym.deploy.course import course_tile
from legged_gym.deploy.trial import summarise_course
from legged_gym.envs.base.rough_biped import RoughBiped
from legged_gym.envs.g1.g1_rough_config import G1RoughCfg
from legged_gym.evaluation.rough import evaluate, prepare
from legged_gym.evaluation.rough_figures import COLUMNS, label, print_figures
from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from legged_gym.terrain.registry import TERRAINS, proportions
from legged_gym.terrain.tile import render_height
from legged_gym.terrain.walks import bump, rise
from legged_gym.utils.errors import UserError
from rsl_rl.config import PolicyCfg
from rsl_rl.factory import make_policy
from rsl_rl.runners.on_policy_runner import FORMAT
from rsl_rl.utils.checkpoint import save_atomic

STANDING = 0.757  # m, of the pelvis over soles that just touch


def config(num_envs: int = 4, **shares: float) -> G1RoughCfg:
    cfg = G1RoughCfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    cfg.terrain.proportions = proportions(**(shares or {"stairs_up": 1.0}))
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = num_envs, 2, 1
    cfg.terrain.roughness = (0.0, 0.0)
    cfg.domain_rand.push_robots = cfg.noise.add_noise = False
    cfg.commands.standing_fraction = 0.0
    return cfg


def put(env: RoughBiped, x: float, z: float, yaw: float = 0.0, y: float = 0.0) -> None:
    """All robots at rest in the default pose."""
    qpos = env.sim.qpos.clone()
    qpos[:, :3] = torch.tensor([x, y, z])
    qpos[:, 3:7] = torch.tensor([math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw)])
    qpos[:, 7:] = env.default_joint_pos
    env.sim.set_state(env.everyone, qpos, torch.zeros_like(env.sim.qvel))
    env.sim.refresh()
    env._update_base_state()
    env._post_physics_step()


# -- the ground --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_stairs_rise_and_fall_by_their_risers(difficulty):
    for kind, sign, risers in (("stairs_up", 1, 6), ("stairs_down", -1, 5)):
        tile = TERRAINS[kind](difficulty, np.random.default_rng(3))
        x = np.arange(-1.0, tile.goals[-1, 0] + 1.0, 1e-3)
        z = render_height(tile, x, 0.1)
        jumps = np.diff(z)[np.abs(np.diff(z)) > 1e-6]
        assert len(jumps) == 4 * risers
        np.testing.assert_allclose(np.abs(jumps), rise(difficulty), atol=1e-9)
        assert (np.sign(jumps[:risers]) == sign).all() and jumps.sum() == pytest.approx(0.0, abs=1e-9)
        assert sign * z[np.abs(z).argmax()] == pytest.approx(risers * rise(difficulty))
    assert (rise(0.0), rise(1.0), bump(1.0)) == pytest.approx((0.05, 0.25, 0.1))


def test_rough_ground_has_no_bump_above_its_size():
    for seed in range(10):
        for difficulty in (0.0, 1.0):
            tile = TERRAINS["rough"](difficulty, np.random.default_rng(seed))
            x, y = np.meshgrid(np.arange(2.0, 11.0, 0.05), np.arange(-0.5, 0.5, 0.05))
            z = render_height(tile, x, y)
            assert -1e-9 <= z.min() and bump(difficulty) * 0.8 < z.max() <= bump(difficulty) + 1e-9
            assert (z > 0.2 * bump(difficulty)).mean() > 0.4, "most of the way is uneven"


# -- commands ----------------------------------------------------------------------------------------------------------
def test_goals_lead_but_on_flat_ground():
    env = RoughBiped(config(4, flat=0.5, stairs_up=0.5))
    led = env.velocity_commands.led
    assert led.tolist() == [False, False, True, True]
    assert (env.commands[:2, 1] != 0.0).any(), "sideways too"
    assert (env.commands[2:, 1] == 0.0).all() and ((env.commands[2:, 0] >= 0.3) & (env.commands[2:, 0] <= 1.0)).all()
    put(env, x=-0.5, z=STANDING, yaw=0.3)
    env.velocity_commands.finish(env.sim.root_quat_w)
    torch.testing.assert_close(env.commands[2:, 2], torch.full((2,), -0.3), atol=1e-4, rtol=0)
    put(env, x=-0.5, z=STANDING, yaw=3.0)
    env.velocity_commands.finish(env.sim.root_quat_w)
    torch.testing.assert_close(env.commands[2:, 2], torch.full((2,), -0.8))  # clipped to the range
    env.commands[2] = 0.0
    env.velocity_commands.finish(env.sim.root_quat_w)
    assert env.commands[2].tolist() == [0.0, 0.0, 0.0], "told to stand"
    env.velocity_commands.steer((0.2, 0.1, 0.4))
    env.velocity_commands.finish(env.sim.root_quat_w)
    torch.testing.assert_close(env.commands, torch.tensor([0.2, 0.1, 0.4]).expand(4, 3))


@pytest.mark.parametrize(("yaw", "velocity", "error"), [
    (0.0, (0.5, 0.0), (0.0, 0.0)),
    (0.5 * math.pi, (0.0, 0.5), (0.0, 0.5)),  # along the stairs, as fast as told
    (0.5 * math.pi, (0.5, 0.0), (0.5, 0.5)),  # to the goal, sideways
    (0.0, (0.0, 0.0), (0.25, 0.25)),
])  # fmt: skip
def test_speed_is_paid_towards_the_goal(yaw, velocity, error):
    env = RoughBiped(config(2, flat=0.5, stairs_up=0.5))
    put(env, x=-0.5, z=STANDING, yaw=yaw)
    env.sim.root_lin_vel_w[:, :2] = torch.tensor(velocity)
    env._update_base_state()
    env.commands.copy_(torch.tensor([0.5, 0.0, 0.0]))
    paid = env._reward_tracking_lin_vel().tolist()  # of robots that no goals lead, and that goals lead
    assert paid == pytest.approx([math.exp(-e / 0.25) for e in error], abs=1e-3)


def test_another_heading_is_refused():
    with pytest.raises(UserError, match="commands.heading_command"):
        make("g1_rough", 1, **{"commands.heading_command": True})


# -- heights, edges, falls ---------------------------------------------------------------------------------------------
def test_heights_edges_and_falls_are_over_the_step_under_a_robot():
    cfg = config(2, stairs_down=1.0)
    cfg.terrain.fix_difficulty(0.75)  # risers of 0.2 m
    env = RoughBiped(cfg)
    floor = -1.0
    middle = float(env.course.goals[0, 2, 0])  # of the valley
    put(env, x=middle, z=STANDING + floor)
    torch.testing.assert_close(env.base_height[0], torch.tensor(STANDING), atol=1e-4, rtol=0)
    assert (env.sole_height[0].abs() < 2e-3).all()
    env.check_termination()
    assert not env.falls[0], "a base below the start is no fall"
    put(env, x=middle, z=0.4 + floor)
    env.check_termination()
    assert env.falls[0]
    # With the ankles 5 cm before the first riser the toes hang over it; both feet stand, says the contact.
    ankle = float(env.sim.body_pos_w[0, env.feet[0], 0]) - middle
    for x, on_edge in ((1.5 - 0.05 - ankle, True), (1.0 - ankle, False)):
        put(env, x=x, z=STANDING)
        env.feet_contacts.fill_(True)
        env._post_physics_step()
        assert env.feet_on_edge.all() == on_edge, x


def test_the_steepest_slope_has_no_edge():
    cfg = config(2, slope=1.0)
    cfg.terrain.fix_difficulty(1.0)
    env = RoughBiped(cfg)
    put(env, x=3.0, z=STANDING + math.tan(0.4))
    env.feet_contacts.fill_(True)
    env._post_physics_step()
    assert not env.feet_on_edge.any() and (env.sole_height.abs() < 0.15).all()


def test_progress_is_along_the_line():
    env = RoughBiped(config(2))
    for x in (-0.5, 0.0, 2.0, 7.3):
        put(env, x=x, z=2.0)
        env.course.goal_index.copy_((env.course.goals[..., 0] < x).sum(1))
        env.course.aim()
        torch.testing.assert_close(env.course.progress(), torch.full((2,), x), atol=1e-4, rtol=0)


def test_levels_follow_the_distance_that_was_commanded():
    """Slow robots move up as fast ones do, once they reached what they were told to."""
    env = RoughBiped(config(4))
    env.course.level.fill_(0)
    env.course.goal_index.copy_(torch.tensor([7, 2, 0, 0]))  # of goals at 1, 2.3, 3.5 … m
    env.course.commanded_distance.copy_(torch.tensor([20.0, 3.0, 8.0, 0.1]))
    length, fallen = torch.full((4,), 900), torch.zeros(4, dtype=torch.bool)
    env.course.change_levels(env.everyone, fallen, length, 1000)
    assert env.course.level.tolist() == [1, 1, 0, 0]


# -- figures -----------------------------------------------------------------------------------------------------------
def test_figures_by_type_and_size():
    cfg = config()
    cfg.evaluation()
    prepare(cfg, None)
    assert cfg.env.num_envs == 6 * 256 and cfg.terrain.num_levels == 4
    cfg.terrain.proportions = proportions(stairs_up=0.5, flat=0.5)
    cfg.env.num_envs, cfg.terrain.num_columns, cfg.env.episode_length_s = 16, 16, 1.5
    env = RoughBiped(cfg)
    figures = evaluate(env, lambda observations: torch.zeros(16, 29), graph=False)
    stairs = [f"stairs_up {height} m" for height in ("0.1", "0.15", "0.2", "0.25")]
    assert list(figures["types"])[1:] == stairs and set(COLUMNS) < set(figures["total"])
    assert figures["total"]["fall_rate"] > 0.5
    assert sum(row["num_episodes"] for row in figures["types"].values()) == 16
    assert all(row["num_episodes"] == 2 for kind, row in figures["types"].items() if kind != "flat")


def test_success_is_told_where_commands_lead_alone(capsys):
    cfg = config(4, stairs_up=0.5, flat=0.5)
    cfg.play()
    cfg.env.num_envs, cfg.env.episode_length_s = 4, 0.1
    figures = evaluate(RoughBiped(cfg), lambda observations: torch.zeros(4, 29), graph=False)
    flat = figures["types"].pop("flat")
    assert flat["success_rate"] is flat["progress"] is None and flat["fall_rate"] == 0.0
    stairs = list(figures["types"].values())
    assert figures["total"]["progress"] == pytest.approx(sum(row["progress"] for row in stairs) / len(stairs))
    print_figures({"types": {"flat": flat}, "total": flat}, "")
    assert capsys.readouterr().out.splitlines()[-3].split()[1:8:2] == ["flat", "-", "0.000", "-"]


@pytest.mark.parametrize(
    ("robots", "missing"),
    [(2, "stairs_up 0.1 m, stairs_up 0.2 m, stairs_up 0.25 m"), (3, "stairs_up 0.1 m, stairs_up 0.25 m"), (16, "")],
)
def test_ground_that_no_robot_is_on_is_told(robots, missing, capsys):
    """With as many robots as the line says, none is missing."""
    cfg = config(robots)
    cfg.evaluation()
    cfg.terrain.proportions, cfg.terrain.num_columns = proportions(stairs_up=0.75, flat=0.25), 8
    cfg.env.num_envs, cfg.env.episode_length_s = robots, 0.1
    figures = evaluate(RoughBiped(cfg), lambda observations: torch.zeros(robots, 29), graph=False)
    assert len(figures["types"]) == 5 - len(missing.split(", ")) * bool(missing)
    told = f"note: no robot is on {missing}, and the total is of the others; 16 robots in all are enough (--num_envs)\n"
    assert capsys.readouterr().err == (told if missing else "")


class Carried(RoughBiped):
    """Robots that are carried along the course, at a share of the speed that they are told."""

    shares = torch.tensor([1.0, 0.85, 0.7, 0.0])

    def _post_physics_step(self):
        x = self.shares * self.commands[:, 0] * self.episode_length * self.dt
        qpos = self.sim.qpos.clone()
        qpos[:, 0], qpos[:, 1], qpos[:, 2] = x, 0.0, 3.0
        qpos[:, 3:7] = torch.tensor([1.0, 0.0, 0.0, 0.0])
        self.sim.set_state(self.everyone, qpos, torch.zeros_like(self.sim.qvel))
        self.sim.refresh()
        self._update_base_state()
        super()._post_physics_step()


def test_success_is_80_percent_of_the_way():
    cfg = config(4, rough=1.0)
    cfg.evaluation()
    cfg.terrain.proportions, cfg.terrain.num_columns, cfg.terrain.num_levels = proportions(rough=1.0), 4, 1
    cfg.env.num_envs, cfg.env.episode_length_s, cfg.domain_rand.push_robots = 4, 4.0, False
    env = Carried(cfg)
    figures = evaluate(env, lambda observations: torch.zeros(4, 29), graph=False)["total"]
    assert figures["success_rate"] == 0.5 and figures["fall_rate"] == 0.0
    assert figures["progress"] == pytest.approx((1.0 + 0.85 + 0.7) / 4, abs=0.02)


# -- exports -----------------------------------------------------------------------------------------------------------
def checkpoint(path, groups: tuple[str, ...]):
    torch.manual_seed(0)
    cfg = PolicyCfg(actor_groups=groups, actor_hidden_dims=(32,), critic_hidden_dims=(32,))
    policy = make_policy({"proprio": 96, "scan": 187, "privileged": 70}, 29, cfg)
    saved = {"format": FORMAT, "policy": policy.state_dict(), "policy_cfg": asdict(cfg), "iteration": 1}
    save_atomic(saved | {"obs_dims": policy.obs_dims, "num_actions": 29}, path)
    return path


@pytest.mark.parametrize("groups", [("proprio",), ("proprio", "scan")])
def test_blind_and_scanning_policies_are_exported(groups, tmp_path, monkeypatch):
    monkeypatch.setattr("legged_gym.export.check.RANDOM_INPUTS", 50)
    task = get_task("g1_rough")
    export_policy(checkpoint(tmp_path / "model_1.pt", groups), tmp_path / "exported", task, task.env_cfg())
    tree = yaml.safe_load((tmp_path / "exported" / "deploy.yaml").read_text())
    session = onnxruntime.InferenceSession(str(tmp_path / "exported" / "policy.onnx"))
    assert [value.name for value in session.get_inputs()] == list(groups)
    assert ("scan" in tree) == ("scan" in groups)
    assert tree["trial"]["commands"]["goal_speed"] == [0.6, 0.6] and tree["trial"]["falls"]["min_height"] == 0.45
    course = tree["trial"]["course"]
    tile = course_tile("stairs_down", 0, course, 0.75)
    judge = DeployedCourse(tile, course, 0.02)
    middle = np.array([tile.goals[2, 0], 0.0, STANDING - 1.0])
    assert judge.ground_under(middle) == pytest.approx(-1.0, abs=0.03)
    assert not judge.fallen(middle, 0.0, 0.0, np.array([[middle[0], 0.1, -0.96], [middle[0], -0.1, -0.96]]))


def test_a_walk_in_plain_mujoco_succeeds_by_the_way_that_was_told(capsys):
    def episode(progress: float, fallen: bool) -> dict[str, float]:
        rest = dict.fromkeys(("goals", "finished", "seconds", "edge", "energy", "metres"), 0.0)
        return rest | {"progress": progress, "fallen": float(fallen), "steps": 10.0}

    rows = [episode(0.81, False), episode(0.79, False), episode(1.0, True), episode(1.1, False)]
    row = summarise_course({"stairs_up": rows})["types"]["stairs_up"]
    assert (row["success_rate"], row["fall_rate"], row["progress"]) == pytest.approx((0.5, 0.25, 0.925))
    figures = {"types": {label("stairs_up", 0.75): row}, "total": row}
    print_figures(figures, "", {"types": {"stairs_up 0.2 m": {"success_rate": 0.777}, "flat": {"success_rate": 0.111}}})
    shown = capsys.readouterr().out
    assert "stairs_up 0.2 m" in shown and "0.777" in shown and "0.111" not in shown and "swing" not in shown


# -- what a CUDA graph needs -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("task", ["g1", "g1_rough", "g1_depth"])
def test_the_step_never_waits_for_the_host_and_rebinds_no_tensor(task):
    env = make(task, 4, **{"sim.num_threads": 1, "domain_rand.push_interval_s": 0.1, "commands.resampling_time": 0.1})
    env.step(torch.zeros(4, env.num_actions))  # what is made on first use is made before a capture
    before, ended = {name: value.data_ptr() for name, value in env._all_state().items()}, 0
    torch.manual_seed(0)
    for _ in range(60):
        with NoHostSync():
            dones = env.step(2.0 * torch.randn(4, env.num_actions))[2]
        ended += int(dones.sum())
    assert ended >= 1
    assert {name: value.data_ptr() for name, value in env._all_state().items()} == before
