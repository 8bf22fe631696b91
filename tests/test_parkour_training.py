"""The teacher's training and evaluation as a whole, small."""

import importlib
import io
import json
from types import SimpleNamespace

import pytest
import torch
from command_lines import run
from rich.console import Console

from legged_gym.evaluation.course import evaluate, prepare
from legged_gym.registry import get_task
from rsl_rl.runners import OnPolicyRunner, load_policy

TASK = "--task=go2_parkour_teacher"


@pytest.mark.slow
def test_a_short_training_improves():
    task = get_task("go2_parkour_teacher")
    cfg, train_cfg = task.env_cfg(), task.train_cfg()
    cfg.env.num_envs, cfg.env.episode_length_s = 64, 2.0
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 20, 2, 1
    train_cfg.policy.actor_hidden_dims = train_cfg.policy.critic_hidden_dims = (128, 64)
    train_cfg.algorithm.learning_rate = 1e-3
    torch.manual_seed(0)
    env = task.make_env(cfg, "cpu")
    runner = OnPolicyRunner(env, train_cfg, None, "cpu", console=Console(file=io.StringIO()))
    rewards, pop = [], env.pop_statistics

    def popping():
        figures = pop()
        rewards.append(figures.get("Train/mean_reward", 0.0))
        return figures

    env.pop_statistics = popping
    runner.learn(25)
    assert sum(rewards[-5:]) > 3 * sum(rewards[:5]) > 0


class Course:
    """Four robots, two on each of two types, 0.5 s steps; scripted."""

    num_envs, dt, max_episode_length, device = 4, 0.5, 6, "cpu"

    def __init__(self):
        self.course = SimpleNamespace(types=("hurdle", "flat"), type=torch.tensor([0, 0, 1, 1]))
        self.parts = {"course": self.course}
        self.observations, self.time = {}, 0
        self.measured_lin_vel_b = torch.tensor([[0.6, 0.8, 9.0]]).repeat(4, 1)
        self.measured_power = torch.tensor([100.0, 100.0, 50.0, torch.nan])
        self.measured_feet_edge = torch.tensor([1.0, 0.0, 0.0, 2.0])

    def capture(self, function):
        function()
        return function

    def reset(self):
        self.time = 0

    def check(self):
        pass

    def step(self, actions):
        self.time += 1
        ended = self.time >= self.max_episode_length
        self.rewards = torch.ones(4)
        # 0 falls at its second step with 3 goals, 1 finishes at its fourth, 2 falls as it reaches the last one in its
        # last step, 3 runs out of time with 2.
        goals = torch.tensor([3, 8 if self.time == 4 else 5 if self.time < 4 else 0, 8 if ended else 4, 2])  # then anew
        self.course.measured_share, self.course.done = goals / 8, goals == 8
        self.falls = torch.tensor([self.time == 2, False, ended, False])
        self.dones = torch.tensor([self.time == 2, self.time == 4, ended, ended])


def test_figures_by_hand():
    figures = evaluate(Course(), lambda observations: None)
    hurdle, flat = figures["types"]["hurdle"], figures["types"]["flat"]
    assert hurdle == pytest.approx(
        {
            "goals_reached": (3 / 8 + 1) / 2,
            "goals_reached_std": 5 / 16,
            "success_rate": 0.5,
            "feet_edge": 2 / 6,  # one foot in each of robot 0's two steps, of six steps in all
            "fall_rate": 0.5,
            "time_to_finish_s": 2.0,
            "energy_J_per_m": 100.0,  # at 1 m/s
            "mean_reward": 3.0,
            "num_episodes": 2,
        }
    )
    assert flat["time_to_finish_s"] is None and flat["success_rate"] == 0.0 and flat["fall_rate"] == 0.5
    assert flat["energy_J_per_m"] == pytest.approx(50.0), "a world that blew up has neither power nor speed"
    assert figures["total"]["goals_reached"] == hurdle["goals_reached"], "flat ground is reported apart"
    assert figures["total"]["num_episodes"] == 2


def test_robots_are_counted_per_type():
    cfg = get_task("go2_parkour_teacher").env_cfg()
    cfg.evaluation()
    cfg.env.num_envs = 3
    prepare(cfg, 0.25)
    assert cfg.env.num_envs == 18 and cfg.terrain.difficulty == (0.25, 0.25)
    env = get_task("go2_parkour_teacher").make_env(cfg, "cpu")
    assert env.course.type.bincount().tolist() == [3] * 6
    assert (env.commands[:, 0] == pytest.approx(0.7)) and env.max_episode_length == 1500
    assert (env.randomization.added_mass == 0).all() and (env.randomization.kp_factor == 1).all()
    assert 0.6 <= env.randomization.friction.min() and env.randomization.friction.max() <= 2.0
    policy = load_policy(_shipped(), "cpu", env, estimated=True)
    before = policy(env.observations)
    for group in ("priv_explicit", "priv_latent"):
        env.observations[group].add_(1.0)
    assert torch.equal(policy(env.observations), before), "estimated: it reads nothing privileged"


def _shipped():
    from legged_gym.cli.runs import pretrained_checkpoint

    return pretrained_checkpoint("go2_parkour_teacher")


@pytest.mark.slow
def test_evaluate_writes_figures_and_chart(tmp_path):
    flags = (TASK, "--device=cpu", "--use_pretrained_checkpoint", "--num_envs=1", "--env.env.episode_length_s=0.6")
    result = run("evaluate", *flags, "--estimated", "--difficulty=0.5", "--json=f.json", "--chart=f.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "f.json").read_text())
    assert set(figures["types"]) == {"parkour", "hurdle", "step", "gap", "flat", "demo"}
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("script", "flags", "message"),
    [
        ("evaluate", ("--task=go2", "--use_pretrained_checkpoint", "--difficulty=0.5"), "--difficulty is for tasks"),
        ("evaluate", ("--task=go2", "--use_pretrained_checkpoint", "--chart=a.png"), "--chart is for tasks"),
        ("evaluate", ("--task=go2", "--use_pretrained_checkpoint", "--estimated"), "reads no privileged state"),
        ("evaluate", (TASK, "--use_pretrained_checkpoint", "--difficulty=2"), "--difficulty is 2.0: it has to lie in"),
        ("evaluate", (TASK, "--use_pretrained_checkpoint", "--chart=a.doc"), "has to end in .png"),
        ("evaluate", (TASK, "--use_pretrained_checkpoint", "--camera=a.gif"), "--camera is for tasks with a depth"),
        ("evaluate", (TASK, "--use_pretrained_checkpoint", "--camera=a.mp4"), "has to end in .gif"),
        ("train", ("--task=go2", "--use_pretrained_checkpoint"), "the task has to learn from one"),
        ("train", (TASK, "--num_envs=4", "--env.terrain.proportions.gap=-1"), "proportions.gap is -1"),
        ("train", (TASK, "--num_envs=4", "--env.terrain.num_boxes=5"), "--env.terrain.num_boxes is 5: set it to"),
        ("train", (TASK, "--num_envs=4", "--env.terrain.num_columns=2"), "too few for a column of"),
        ("train", (TASK, "--num_envs=4", "--env.terrain.num_levels=4"), "max_init_level is 5: the levels are 0 to 3"),
        (
            "train",
            (TASK, "--num_envs=4", "--env.terrain.num_columns=20", "--train.policy.history_length=20"),
            "10, but --train.policy.history_length 20",
        ),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, capsys, script, flags, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"legged_gym.scripts.{script}").main([*flags, "--device=cpu"])
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.count("\n") == 1 and message in error
    assert not list(tmp_path.iterdir())
