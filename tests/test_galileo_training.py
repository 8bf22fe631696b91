"""Galileo's teacher and student as a whole, small: trained, evaluated, exported; and what the student does not see."""

import io
import json

import pytest
import torch
from rich.console import Console

from legged_gym.evaluation.course import draw_chart, evaluate, print_figures
from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from rsl_rl.runners import OnPolicyRunner, load_policy

SMALL = dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,))


def small(name: str, num_envs: int = 6):
    task = get_task(name)
    cfg, train = task.env_cfg(), task.train_cfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    policy = train.policy if hasattr(train.policy, "actor_hidden_dims") else train.policy.teacher
    for key, value in SMALL.items():
        setattr(policy, key, value)
    return task, cfg, train


def runner_of(task, cfg, train, folder):
    return OnPolicyRunner(task.make_env(cfg, "cpu"), train, folder, "cpu", console=Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The checkpoint of a teacher of one iteration."""
    folder = tmp_path_factory.mktemp("teacher")
    task, cfg, train = small("galileo_parkour_teacher")
    train.runner.num_steps_per_env, train.algorithm.num_mini_batches = 4, 2
    runner_of(task, cfg, train, folder).learn(1)
    return folder / "model_1.pt"


def test_an_evaluation_has_bars_and_gate(teacher, tmp_path, capsys):
    task, cfg, train = small("galileo_parkour_teacher")
    cfg.evaluation()
    cfg.env.num_envs, cfg.env.episode_length_s = 8, 0.4
    cfg.init_state.pos = (1.9, 0.0, 0.45)  # before the first bar
    torch.manual_seed(0)
    env = task.make_env(cfg, "cpu")
    policy = load_policy(teacher, "cpu", env, estimated=True, task_cfg=train.policy)
    figures = evaluate(env, policy)
    assert figures["types"].keys() == {"competition", "crouch"} and figures["total"]["clean_courses"] == 0.0
    bars = figures["bars"]["competition"]
    assert [(bar["mode"], bar["height_cm"], bar["number"]) for bar in bars] == [
        ("jump", 20, 4), ("jump", 30, 4), ("crawl", 40, 4), ("crawl", 50, 4)
    ]  # fmt: skip
    assert sum(bar["number"] for bar in figures["bars"]["crouch"]) == 16
    usage = figures["gate"]["usage"]["jump"]
    assert usage.keys() == {"flat", "jump", "crawl"} and sum(usage.values()) == pytest.approx(1.0)
    json.dumps(figures, allow_nan=False)
    print_figures(figures, "Galileo")
    printed = capsys.readouterr().out
    assert "all bars clean" in printed and "gate before bars to jump" in printed
    draw_chart(figures, "Galileo", tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 1000


def test_nothing_privileged_is_in_the_student_s_groups():
    task, cfg, train = small("galileo_parkour_student", 8)
    env = task.make_env(cfg, "cpu")
    own = ("student_proprio", "student_history", "depth", "new_image", "new_episode")
    for name in own:
        for term in env.groups[name].terms:
            assert term.on_robot != "privileged", f"{name}.{term.name}"
    proprio = env.groups["student_proprio"]
    for name in ("yaw_errors", "not_flat", "flat", "reserved"):
        assert (env.observations["student_proprio"][:, proprio.columns(name)].std(0) == 0.0).all(), name


@pytest.mark.slow
def test_the_student_learns_from_the_teacher_and_both_are_exported(teacher, tmp_path):
    task, cfg, train = small("galileo_parkour_student", 8)
    train.runner.num_steps_per_env, train.algorithm.num_mini_batches = 10, 2
    runner = runner_of(task, cfg, train, tmp_path)
    runner.load_teacher(teacher)
    before = runner.algorithm.policy.sight[0].weight.detach().clone()
    runner.learn(1)
    student = runner.algorithm.policy
    assert not torch.equal(student.sight[0].weight, before), "its eyes learn from what the actor makes of the bars"
    assert torch.equal(student.actor.temperature, runner.algorithm.teacher.actor.temperature)
    for name, path in (("galileo_parkour_teacher", teacher), ("galileo_parkour_student", tmp_path / "model_1.pt")):
        owner = get_task(name)
        files = export_policy(path, tmp_path / name, owner, owner.env_cfg())
        assert "policy.onnx" in {file.name for file in files}
