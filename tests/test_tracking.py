"""Figures of robots that follow motions, and what stands beside them: replays, clips that are held out."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from deepmimic_envs import BOW, WALK, env_of
from host_sync import NoHostSync

from legged_gym import RESOURCES_DIR, make
from legged_gym.envs.base.deepmimic_robot import DeepMimicRobot
from legged_gym.evaluation.motion_judge import Judge
from legged_gym.evaluation.tracking import bounds, evaluate, print_figures
from legged_gym.motion.check import measure, warnings
from legged_gym.motion.clip import sole_heights
from legged_gym.motion.load import load_clips
from legged_gym.motion.record import MotionRecorder
from legged_gym.motion.skeleton import Skeleton
from legged_gym.registry import get_task
from legged_gym.robots import G1
from legged_gym.robots.spec import RobotSpec
from legged_gym.utils.math import quat_from_yaw, quat_multiply


class Carried(DeepMimicRobot):
    """Robots that are carried along their motion, `beside` it and `turned`, and pushed `along`, until `dropped`."""

    beside, turned, along, dropped = 0.0, 0.0, 0.0, 10**6

    def _post_physics_step(self):
        self.motion.advance()
        qpos, qvel = self.motion.qpos.clone(), self.motion.qvel.clone()
        qpos[:, 1] += self.beside
        qpos[:, 2] += 2.0 * (self.motion.frame >= self.dropped)
        qpos[:, 3:7] = quat_multiply(quat_from_yaw(torch.full((len(qpos),), self.turned)), qpos[:, 3:7])
        qvel[:, 1] += self.along
        self.sim.set_state(self.everyone, qpos, qvel)
        self.sim.refresh()
        self._update_base_state()
        self.motion.frame.sub_(1)
        super()._post_physics_step()


def carried(monkeypatch, frames: int = -1, prepend: int = 0, **how: float) -> Carried:
    """`frames`: of the bow, -1: all; `prepend`: for so many the first pose is held before it."""
    for name, value in how.items():
        monkeypatch.setattr(Carried, name, value)
    cfg = env_of(BOW, **{"deepmimic.cut_off_import_length": frames, "deepmimic.n_prepend": prepend}).cfg
    cfg.evaluation()
    cfg.env.num_envs = 1
    return Carried(cfg)


def rest(observations: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.zeros(len(observations["proprio"]), 29)


@pytest.mark.parametrize(("beside", "dropped"), [(0.0, 10**6), (0.1, 10**6), (0.0, 131)])
def test_figures_go_to_the_end_of_the_clip(beside, dropped, monkeypatch):
    figures = evaluate(carried(monkeypatch, beside=beside, dropped=dropped), rest, graph=False)
    assert set(figures) == {"clean"}, "nothing disturbs"
    row = figures["clean"]["clips"]["bow"]
    assert row["seconds"] == pytest.approx(5.2)  # 261 frames, longer than an episode of training needs to be
    whole = dropped > 1000
    assert row["success"] == float(whole) and row["completion"] == pytest.approx(1.0 if whole else 0.5)
    assert row["score"] == pytest.approx((1.0 if whole else 0.5) * math.exp(-(beside**2) / 0.09), abs=1e-3)
    assert row["mpkpe_mm"] == pytest.approx(1e3 * beside, abs=0.1) and row["mpkpe_anchored_mm"] < 0.1
    assert row["drift_m_per_10s"] == pytest.approx(beside * 10 / (5.2 if whole else 2.6), abs=1e-3)
    assert row["yaw_drift_rad_per_10s"] < 1e-3 and row["reference_sinks_mm"] < 1.0 and row["reference_slide"] < 0.01


def test_turned_and_sliding(monkeypatch):
    row = evaluate(carried(monkeypatch, 101, turned=-0.2, along=0.3), rest, graph=False)["clean"]["clips"]["bow"]
    assert row["yaw_drift_rad_per_10s"] == pytest.approx(0.2 * 10 / 2.0, abs=1e-3)
    assert row["slide"] == pytest.approx(0.3, abs=0.02), "whoever bows stands"
    assert row["link_vel_error"] > 0.29 and row["link_acc_error"] < 1.0
    assert 3.0 < row["peak_knee_torque"] < 139.0 and row["action_rate"] == row["action_jerk"] == 0.0


def test_episodes_shorter_than_the_clip_are_judged_by_what_they_reach(monkeypatch):
    cfg = carried(monkeypatch, dropped=30).cfg
    cfg.env.episode_length_s = 0.5
    row = evaluate(Carried(cfg), rest)["clean"]["clips"]["bow"]
    assert row["success"] == row["completion"] == 1.0 and row["seconds"] == 0.5
    cfg.env.episode_length_s = 1.0
    row = evaluate(Carried(cfg), rest)["clean"]["clips"]["bow"]
    assert row["success"] == 0.0 and row["completion"] == pytest.approx(29 / 50)


def test_the_pose_that_is_held_before_a_clip_does_not_count(monkeypatch, tmp_path):
    env, recorder = carried(monkeypatch, 20, prepend=5), MotionRecorder()
    row = evaluate(env, rest, graph=False, recorder=recorder)["clean"]["clips"]["bow"]
    assert row["completion"] == row["success"] == 1.0
    wrote = f"wrote {tmp_path / 'bow.npz'}: 0.4 s at 50 Hz"  # 19 frames after the first
    assert recorder.save(tmp_path) == [wrote, f"1 of 1 motions are in {tmp_path}"]
    env.cfg.env.episode_length_s = 0.3
    row = evaluate(Carried(env.cfg), rest, graph=False)["clean"]["clips"]["bow"]
    assert row["completion"] == row["success"] == 1.0 and row["seconds"] == pytest.approx(0.2)


def test_replays_beside_the_policy_and_clips_apart(capsys):
    env = env_of(WALK, BOW, num_envs=2, **{"deepmimic.held_out": ("bow",), "deepmimic.cut_off_import_length": 90})
    env.cfg.evaluation()
    env.cfg.clean()
    env.cfg.env.num_envs = 2
    env = type(env)(env.cfg)
    figures = evaluate(env, rest, graph=False) | bounds(env, graph=False)
    assert figures["clean"]["unseen"]["score"] == figures["clean"]["clips"]["bow"]["score"]
    assert figures["clean"]["seen"]["num_clips"] == figures["clean"]["unseen"]["num_clips"] == 1
    pd, replay = figures["pd_replay"]["clips"]["walk_slow"], figures["kinematic_replay"]["clips"]["walk_slow"]
    assert pd == figures["clean"]["clips"]["walk_slow"], "a residual action of 0 is a PD replay"
    assert 0.2 < pd["completion"] < 1.0 and pd["peak_knee_torque"] > 10.0
    assert replay["success"] == replay["completion"] == 1.0 and replay["mpkpe_mm"] < 0.05 and replay["score"] > 0.999
    assert replay["contact_iou"] > 0.8 and replay["slide"] < 0.1
    print_figures(figures, "test")
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("PD replay", "kinematic replay", "learnt from, 1", "bow (held out)"))


def test_what_robots_did_is_a_motion(monkeypatch, tmp_path):
    """Carried robots give the clip itself; one that is dropped is not written; `check` finds nothing."""
    recorder = MotionRecorder()
    evaluate(carried(monkeypatch, 101), rest, graph=False, recorder=recorder)
    line, count = recorder.save(tmp_path / "out")
    assert count == f"1 of 1 motions are in {tmp_path / 'out'}"
    assert line == f"wrote {tmp_path / 'out' / 'bow.npz'}: 2.0 s at 50 Hz"
    skeleton = Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
    (again,), (clip,) = (load_clips(path, skeleton) for path in (tmp_path / "out" / "bow.npz", RESOURCES_DIR / BOW))
    np.testing.assert_allclose(again.qpos, clip.qpos[:101], atol=1e-4)
    assert (again.contacts == clip.contacts[:101]).mean() > 0.95 and warnings(measure(again, skeleton)) == []
    recorder = MotionRecorder()
    evaluate(carried(monkeypatch, 101, dropped=51), rest, graph=False, recorder=recorder)
    none = ["not written: bow, which failed after 1.0 s", f"0 of 1 motions are in {tmp_path / 'none'}"]
    assert recorder.save(tmp_path / "none") == none and not (tmp_path / "none").exists()


def test_the_last_frame_of_a_clip_is_recorded_even_if_the_episode_ends_in_it(monkeypatch, tmp_path):
    cfg, recorder = carried(monkeypatch, 20).cfg, MotionRecorder()
    cfg.deepmimic.n_append = 0
    evaluate(Carried(cfg), rest, graph=False, recorder=recorder)
    recorder.save(tmp_path)
    skeleton = Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
    (again,), (clip,) = (load_clips(path, skeleton) for path in (tmp_path / "bow.npz", RESOURCES_DIR / BOW))
    np.testing.assert_allclose(again.qpos, clip.qpos[:20], atol=1e-4)


def test_robots_on_courses_are_recorded_with_their_boxes(tmp_path):
    settings = {"terrain.num_levels": 2, "sim.num_threads": 1, "env.episode_length_s": 0.2}
    env = make("g1_rough", 6, cfg=lambda cfg: cfg.evaluation(), **settings)
    recorder = MotionRecorder()
    recorder.begin(env)
    for number in range(5):
        env.step(torch.zeros(6, env.num_actions))
        recorder(number)
    *lines, count = recorder.save(tmp_path)
    assert 2 <= len(lines) <= 6 and all(line.startswith("wrote ") for line in lines)
    assert count == f"{len(lines)} of {len(lines)} motions are in {tmp_path}"
    skeleton = Skeleton(env.robot_spec)
    clips = [clip for path in sorted(tmp_path.glob("*.npz")) for clip in load_clips(path, skeleton)]
    assert any(len(clip.boxes) for clip in clips)
    for clip in clips:
        assert len(clip.qpos) == 5 and sole_heights(clip, skeleton).min() > -0.02


@pytest.mark.parametrize("task", ["go2_parkour_teacher", "g1_rough", "g1_deepmimic"])
def test_what_train_py_evaluates_on_a_cpu_is_short(task):
    cfg, evaluator = get_task(task).env_cfg(), get_task(task).evaluator()
    cfg.evaluation()
    said = evaluator.shorten(cfg)
    assert cfg.env.num_envs <= 64 and str(cfg.env.num_envs) in said
    if hasattr(cfg, "deepmimic"):
        assert not cfg.noise.add_noise and not cfg.domain_rand.push_robots


def judged(settings: dict, frame: int | None = None) -> tuple[DeepMimicRobot, Judge]:
    """A robot that begins at the `frame` of the bow."""
    env = env_of(BOW, num_envs=1, **settings)
    clip = torch.zeros(1, dtype=torch.long)
    env.motion.place(env.everyone, clip, None if frame is None else torch.tensor([frame]))
    judge = Judge(env, clip, Skeleton(env.robot_spec))
    env.before_reset = judge.look
    env.reset()
    return env, judge


def test_what_comes_before_a_first_step_is_no_jump():
    """Actions that go on from the pose's own, and velocities that were off from the start, as they are with noise."""
    env, judge = judged({"deepmimic.residual_actions": False, "init_state.root_vel_noise": 0.5}, 130)
    for first in (True, False):
        env.step(env.replaying_actions())
        judge.count(env.everyone)
        assert judge.sums["jerk"] < 0.01 and judge.sums["rate"] < 0.01, "the bow is held there"
        assert judge.sums["speed"] > 0.05 and (judge.sums["acceleration"] == 0.0) == first


def test_torques_of_an_episodes_last_step_count():
    env, judge = judged({"deepmimic.n_append": 0}, 259)
    *_, dones, time_outs = env.step(torch.zeros(1, 29))
    judge.count(env.everyone)
    assert dones and time_outs and judge.knee > 1.0


@pytest.mark.parametrize("carry", [False, True])
def test_the_judge_never_waits_for_the_host(carry):
    env = env_of(WALK, BOW, num_envs=2)
    clip = torch.tensor([0, 1])
    env.motion.place(env.everyone, clip)
    judge, running = Judge(env, clip, Skeleton(env.robot_spec)), env.everyone.clone()
    env.before_reset, env.carried = judge.look, env.everyone if carry else None
    env.reset()
    addresses = [total.data_ptr() for total in judge.totals]
    for k in range(3):
        with NoHostSync() if k else nullcontext():  # what is made on first use is made before a capture
            env.step(torch.zeros(2, 29))
            judge.count(running)
    assert [total.data_ptr() for total in judge.totals] == addresses and judge.sums["good"].tolist() == [3, 3]
