"""Robots that are told where to go: drawn scenes, the stick, what becomes of robots, and evaluate.py with all of it."""

import json
import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from deepmimic_envs import BOX, SHORT, WALK
from host_sync import NoHostSync

from legged_gym import make
from legged_gym.envs.base.deepmimic_robot import DeepMimicRobot
from legged_gym.evaluation import directed
from legged_gym.parts import steering
from legged_gym.parts.steering import bearing_of, stick
from legged_gym.robots.robot import Robot
from legged_gym.scripts import evaluate, train
from legged_gym.terrain.scenes.drawn import KINDS, draw
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_from_yaw, quat_rotate, quat_yaw

TASK = "g1_deepmimic_root_heightfield_no_history_dagger"
N = len(KINDS)


# -- scenes ------------------------------------------------------------------------------------------------------------
def profile(scene):
    """Where the ground along the way rises or falls by a step, and by how much."""
    x = np.arange(-0.1, scene.path[-1, 0], 1e-3)
    height = scene.height(x, 0.0 * x)
    at = np.flatnonzero(np.abs(np.diff(height)) > 0.01)
    return x[at], np.diff(height)[at], height


@pytest.mark.parametrize(("name", "low", "high"), [("stairs 15-20 cm", 0.15, 0.20), ("stairs 5-15 cm", 0.05, 0.15)])
def test_stairs_go_up_and_down_in_their_band(name, low, high):
    rises, treads, counts = [], [], set()
    for seed in range(20):
        x, steps, height = profile(KINDS[name].draw(np.random.default_rng(seed)))
        count = len(x) // 2
        up, down = steps[:count], steps[count:]
        assert len(x) == 2 * count and np.ptp(up) < 1e-9 and np.allclose(down, -up[0])
        assert x[0] == pytest.approx(0.8, abs=2e-3) and height[0] == height[-1] == 0.0
        apart = np.concatenate([np.diff(x[:count]), np.diff(x[count:])])
        assert np.ptp(apart) < 3e-3 and x[count] - x[count - 1] > 0.79, "a landing"
        rises.append(up[0])
        treads.append(apart[0])
        counts.add(count)
    assert low <= min(rises) < low + 0.2 * (high - low) and high - 0.2 * (high - low) < max(rises) <= high
    assert 0.26 <= min(treads) + 1e-3 and max(treads) - 1e-3 <= 0.34 and counts == {3, 4, 5}
    assert len(set(rises)) == 20


def test_the_other_scenes_are_as_they_are_called():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, steps, height = profile(KINDS["down 15-20 cm"].draw(rng))
        assert np.allclose(steps, steps[0]) and -0.2 <= steps[0] <= -0.15 and x[0] > 0.79 and height[-1] == 0.0
        x, steps, height = profile(KINDS["kerbs 8-15 cm"].draw(rng))
        assert len(x) == 4 and np.all(0.08 <= np.abs(steps)) and np.all(np.abs(steps) <= 0.15) and height.max() <= 0.15
        x, steps, height = profile(KINDS["ramps 4-10 deg"].draw(rng))
        slope = np.gradient(height, 1e-3)
        assert len(x) == 0 and 4.0 <= math.degrees(math.atan(slope.max())) <= 10.001
        assert slope.min() == pytest.approx(-slope.max(), abs=1e-3) and height[0] == height[-1] == 0.0
        assert not profile(KINDS["flat"].draw(rng))[2].any()


def test_scenes_follow_from_the_seed_alone():
    first, again, other = draw(2 * N, 1), draw(N, 1), draw(N, 2)
    for a, b, c in zip(first, again, other, strict=False):
        assert np.array_equal(a.boxes, b.boxes) and a.path[-1, 0] == b.path[-1, 0] != c.path[-1, 0] or "kerbs" in a.name
    assert not np.array_equal(first[0].boxes[0], first[N].boxes[0]) and max(len(s.boxes) for s in first) <= 24


# -- the stick ---------------------------------------------------------------------------------------------------------
def test_the_stick_leads_back_to_the_line():
    aside = torch.tensor([0.0, 0.5, -0.5, 0.0, 0.0, 0.5, 0.0])
    heading = torch.tensor([0.0, 0.0, 0.0, 0.2, -1.0, -math.atan(0.5), math.pi])
    ahead, left, turn = stick(bearing_of(aside, heading), 0.5).unbind(1)
    assert (ahead[0], left[0], turn[0]) == (0.5, 0.0, 0.0), "straight on"
    assert left[1] < -0.2 and turn[1] == pytest.approx(-0.3) and ahead[1] > 0.4, (
        "to the right from the left of the line"
    )
    assert left[2] == -left[1] and turn[2] == -turn[1]
    assert turn[3] == pytest.approx(-0.2) and left[3] == pytest.approx(-0.5 * math.sin(0.2)), "back from the left"
    assert turn[4] == pytest.approx(0.3)
    assert left[5].abs() < 1e-6 and turn[5].abs() < 1e-6, "on its way to the line already"
    assert ahead[6] == 0.0 and turn[6].abs() == pytest.approx(0.3), "who looks back turns first"
    told = stick(bearing_of(torch.randn(1000), 4.0 * torch.randn(1000)), 0.5)
    assert told[:, :2].norm(dim=1).max() <= 0.5 + 1e-6 and told[:, 2].abs().max() <= 0.3 + 1e-6


# -- what becomes of robots --------------------------------------------------------------------------------------------
def test_fates_of_made_up_robots():
    """Ways of 1 m at 0.2 m/s: 5 s, or 50 steps of 0.1 s; then they stand for 30 steps."""
    trial = directed.Trial(SimpleNamespace(dt=0.1), torch.ones(6))
    assert trial.num_steps == 80
    for step in range(1, 81):
        # arrives after 25 steps and stays; falls at 0.6 m; falls at 10 steps after its arrival; too slow; comes off at
        # 0.4 m; arrives, and falls when nobody looks any more
        along = 0.04 * torch.tensor([min(step, 25), min(step, 15), min(step, 25), 0.25 * step, step, min(step, 25)])
        aside = torch.tensor([0.0, 0.0, 0.0, 0.3, 0.11 * step, 0.05 * max(0, step - 25)])
        falls_at = torch.tensor([99, 15, 35, 99, 99, 60])
        trial.judge(torch.stack([along, aside], 1), step < falls_at)
    D = directed
    assert trial.fate.tolist() == [D.ARRIVED, D.FALLEN, D.ARRIVED, D.STALLED, D.STRAYED, D.ARRIVED]
    assert trial.took.tolist() == [25, 15, 25, 50, 10, 25]
    assert trial.toppled.tolist() == [False, False, True, False, False, False]
    assert trial.gone.tolist() == pytest.approx([1.0, 0.56, 1.0, 0.5, 0.4, 1.0])
    assert trial.drift[5].item() == pytest.approx(0.05 * 30), "of 3 s, and no further"
    figures = trial.figures(torch.ones(6, dtype=torch.bool))
    assert figures["success"] == 0.5 and figures["stands"] == pytest.approx(2 / 3)
    assert figures["falls"] == figures["stalls"] == figures["strays"] == pytest.approx(1 / 6)
    assert figures["covered"] == pytest.approx((3.0 + 0.56 + 0.5 + 0.4) / 6) and figures["speed"] == pytest.approx(0.4)
    assert figures["drift_m"] == pytest.approx(0.75) and figures["num_episodes"] == 6
    lost = trial.figures(torch.arange(6) == 1)
    assert lost["success"] == 0.0 and lost["speed"] is lost["stands"] is lost["drift_m"] is None


class Obedient(DeepMimicRobot):
    """Goes a fifth of the way that it is told, and turns by the turn, in each step; on its feet on all grounds."""

    def _post_physics_step(self):
        start, told = self.episode_length == 1, self.root_command
        if not hasattr(self, "at"):
            self.at, self.looks = torch.zeros(self.num_envs, 2), torch.zeros(self.num_envs)
        self.at.masked_fill_(start[:, None], 0.0)[:, 1].masked_fill_(start, 0.3)
        self.looks.masked_fill_(start, 0.0).add_(told.turn[:, 0])
        turn = quat_from_yaw(self.looks)
        self.at.add_(quat_rotate(turn, torch.cat([0.1 / told.largest_way * told.way, 0.0 * told.turn], 1))[:, :2])
        height = self.footing.ground.height(self.at[:, None].contiguous(), torch.empty(self.num_envs, 1))
        qpos = self.motion.qpos.clone()
        qpos[:, :2], qpos[:, 2], qpos[:, 3:7] = self.at, height[:, 0] + 0.76, turn
        self.sim.set_state(self.everyone, qpos, torch.zeros_like(self.motion.qvel))
        self.sim.refresh()
        self._update_base_state()
        super()._post_physics_step()


@pytest.fixture(scope="module")
def cfg():
    small = SHORT | {"deepmimic.motions": (WALK, BOX), "deepmimic.observations": ("torso_real", "terrain_height_noisy")}
    return make(TASK, N, cfg=lambda cfg: cfg.evaluation(), **small).cfg


def test_who_goes_where_he_is_told_crosses_all_scenes(cfg, monkeypatch):
    monkeypatch.setattr(directed, "SLOWEST", 3.6)
    monkeypatch.setattr(directed, "STAND_S", 0.2)
    torch.manual_seed(3)
    env = Obedient(cfg)
    seen = []

    def policy(observations):
        seen.append(observations["terrain_height_noisy"].mean(1))
        return torch.zeros(N, 23)

    figures = directed.directed(env, policy, graph=False)
    assert list(figures["scenes"]) == list(KINDS)
    for row in figures["scenes"].values():
        assert row["success"] == row["stands"] == row["covered"] == 1.0 and row["num_episodes"] == 1
        assert 4.4 < row["speed"] < 5.2 and row["drift_m"] < 1e-4, "0.1 m in 0.02 s; told to stand, it does"
    assert figures["total"]["num_episodes"] == 4 and figures["total"]["success"] == 1.0
    spread = torch.stack(seen).amax(0) - torch.stack(seen).amin(0)
    assert spread[:6].min() > 0.01 + spread[6], "they see their scenes"


def test_a_robot_that_has_no_pose_to_stand_in_is_refused(cfg, monkeypatch):
    monkeypatch.setattr(steering, "find_robot", lambda name: Robot(name, "none.xml"))
    with pytest.raises(UserError, match="g1_23 has to stand where scenes begin: its default_pose has no left_hip"):
        directed._standing_on(DeepMimicRobot, draw(N, 1))(cfg)


def test_steering_never_waits_for_the_host(cfg):
    env = DeepMimicRobot(cfg)
    trial = directed.Trial(env, torch.full((N,), 3.0))
    largest = cfg.deepmimic.largest_way
    env.root_command.steer(env.everyone, (largest, 0.0), 0.0)
    env.before_reset = trial.look
    env.reset()
    addresses = [total.data_ptr() for total in (*trial.totals, env.root_command.by_hand)]
    for k in range(3):
        with NoHostSync() if k else nullcontext():  # what is made on first use is made before a capture
            env.step(torch.zeros(N, 23))
    assert [total.data_ptr() for total in (*trial.totals, env.root_command.by_hand)] == addresses
    heading = quat_yaw(env.link_quat[:, env.anchor])
    expected = stick(bearing_of(env.link_pos[:, env.anchor, 1], heading), largest)
    torch.testing.assert_close(env.root_command.by_hand, expected)


# -- evaluate.py -------------------------------------------------------------------------------------------------------
def test_evaluate_py_tells_of_scenes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(directed, "SLOWEST", 10.0)
    monkeypatch.setattr(directed, "STAND_S", 0.1)
    common = [f"--task={TASK}", "--device=cpu", "--env.sim.num_threads=1", "--env.deepmimic.motions", WALK]
    common += ["--env.deepmimic.mirrored=False", "--env.deepmimic.cut_off_import_length=10"]
    common += ["--env.deepmimic.n_append=0"]
    train.main(
        [*common, "--num_envs=2", "--headless", "--max_iterations=1", "--no_eval", "--train.algorithm.bc_loss_coef=0"]
        + ["--train.runner.num_steps_per_env=4", "--train.algorithm.num_mini_batches=1"]
    )
    evaluate.main([*common, f"--num_envs={N + 1}", "--json=figures.json", "--env.height_map.blank=True"])
    said = " ".join(capsys.readouterr().out.split())
    assert "told where to go" in said and all(name in said for name in KINDS)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["clean"]["total"]["num_clips"] == 1
    found = figures["directed"]
    assert [row["num_episodes"] for row in found["scenes"].values()] == [2] + [1] * (N - 1)
    for row in found["scenes"].values():
        assert sum(row[name] for name in ("success", "falls", "strays", "stalls")) == pytest.approx(1.0)
