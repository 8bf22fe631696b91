"""Galileo's teacher and student as a whole, small: trained, evaluated, exported; and what the student does not see."""

import io
import json
from dataclasses import replace

import pytest
import torch
from host_sync import NoHostSync
from rich.console import Console

from legged_gym.evaluation.course import draw_chart, evaluate, print_figures
from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from rsl_rl.algorithms.phases import due
from rsl_rl.modules import GatedExperts
from rsl_rl.modules.gated_experts import gate_of
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.utils.graphs import parity_error

SMALL = dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,))


def small(name: str, num_envs: int = 6):
    task = get_task(name)
    cfg, train = task.env_cfg(), task.train_cfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    policy = train.policy if hasattr(train.policy, "actor_hidden_dims") else train.policy.teacher
    for key, value in SMALL.items():
        setattr(policy, key, value)
    return task, cfg, train


def runner_of(task, cfg, train, folder, device="cpu"):
    return OnPolicyRunner(task.make_env(cfg, device), train, folder, device, console=Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The checkpoint of a teacher of one iteration."""
    folder = tmp_path_factory.mktemp("teacher")
    task, cfg, train = small("galileo_parkour_teacher")
    train.runner.num_steps_per_env, train.algorithm.num_mini_batches = 4, 2
    runner_of(task, cfg, train, folder).learn(1)
    return folder / "model_1.pt"


def test_an_evaluation_has_bars_and_gate(teacher, capsys):
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
    chart = draw_chart(figures, "Galileo", ".png")
    assert chart.startswith(b"\x89PNG") and len(chart) > 1000


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


# -- the student's three phases ----------------------------------------------------------------------------------------
PHASES = dict(distillation_iterations=1, critic_iterations=1)


def student_runner(teacher, folder=None, device="cpu", **algorithm):
    """One iteration of 10 steps of 8 robots is distilled, one the critic's, and all others are PPO's."""
    task, cfg, train = small("galileo_parkour_student", 8)
    train.runner.num_steps_per_env = 10
    train.algorithm.num_mini_batches = train.algorithm.ppo.num_mini_batches = 2
    for name, value in (PHASES | algorithm).items():
        setattr(train.algorithm, name, value)
    torch.manual_seed(3)
    runner = runner_of(task, cfg, train, folder, device)
    if teacher is not None:
        runner.load_teacher(teacher)
    return runner


def an_iteration(runner) -> dict[str, float]:
    """Its losses."""
    (phase,) = due(runner.phases, runner.iteration)
    runner.algorithm.begin_training(9)
    phase.begin(runner.env, runner.iteration)
    runner._collect(phase)
    runner.iteration += 1
    return phase.update(runner.env.observations)


def parts_changed(before, module):
    now = module.state_dict()
    return {name.split(".")[0] for name, tensor in before.items() if not torch.equal(tensor, now[name])}


def copied(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_what_of_the_student_learns_in_which_phase(teacher):
    runner = student_runner(teacher, averaging=0.9)
    runner.prepare()
    algorithm = runner.algorithm
    student, ppo = algorithm.policy, algorithm.ppo
    algorithm.teacher.actor.temperature.fill_(0.7)
    student.imitate(algorithm.teacher)
    algorithm.average.imitate(algorithm.teacher)
    assert isinstance(ppo.policy.actor, GatedExperts) and ppo.policy.actor is student.actor
    assert ppo.policy.sight is student.sight and ppo.policy.cfg.critic_groups == algorithm.teacher.cfg.critic_groups

    before = copied(student)
    losses = an_iteration(runner)
    assert parts_changed(before, student) == {"actor", "history_encoder", "depth_encoder", "estimator", "sight"}
    assert losses.keys() >= {"depth_actor_loss", "yaw_loss", "sight", "estimator"} and "gate_entropy" not in losses

    before, critic = copied(algorithm.average), copied(ppo.policy.critic)
    assert an_iteration(runner).keys() == {"value_function"}
    assert not parts_changed(before, student) and parts_changed(critic, ppo.policy.critic)

    losses = an_iteration(runner)
    assert parts_changed(before, student) == {"actor", "history_encoder", "depth_encoder", "sight"}
    assert parts_changed(before, algorithm.average) == {"actor", "history_encoder", "depth_encoder", "sight"}
    named = {"surrogate", "value_function", "yaw", "sight", "bc", "gate_entropy", "gate_target", "gate_min_usage"}
    assert losses.keys() >= named | {f"gate_usage/{name}" for name in ("flat", "jump", "crawl")}
    assert "moe_aux" not in losses
    for actor in (student.actor, algorithm.average.actor):
        assert actor.temperature.item() == pytest.approx(0.7), "the teacher's"
    assert algorithm.scalars()["Loss/gating_temperature"] == pytest.approx(0.7)
    assert ppo.policy.std.tolist() == pytest.approx([0.25] * 12, rel=0.05)
    ppo.policy.log_std.data.fill_(-5.0)
    algorithm.begin_tuning(runner.env, 3)
    assert ppo.policy.std.tolist() == pytest.approx([0.25] * 12), "the teacher's floor"


def test_what_the_student_sees_is_what_its_gate_and_its_loss_read(teacher, monkeypatch):
    """In the distillation, while PPO collects, in PPO's gradient steps, and in play."""
    runner = student_runner(teacher, critic_iterations=0)
    runner.prepare()
    an_iteration(runner)
    algorithm, env = runner.algorithm, runner.env
    student, window, ppo = algorithm.policy, algorithm.storage, algorithm.ppo
    share = torch.tensor([4, 1])
    latents = algorithm.seen(share)[0].flatten(0, 1)
    found = algorithm.losses(share)
    error = (student.sight(latents) - window.explicit[:, share, :8].flatten(0, 1)).square().mean()
    torch.testing.assert_close(found["sight"], error)
    torch.testing.assert_close(student.actor.read, student.sight(latents).detach())
    named = dict(student.named_parameters())
    gradients = torch.autograd.grad(found["sight"], list(named.values()), allow_unused=True)
    reached = {name.split(".")[0] for name, g in zip(named, gradients, strict=True) if g is not None}
    assert reached == {"sight", "depth_encoder"}

    (phase,) = due(runner.phases, 1)
    phase.begin(env, 1)
    runner._collect(phase)
    with torch.no_grad():
        ppo.prepare(algorithm.with_own(env.observations))
    samples = ppo.storage.samples.observations
    torch.testing.assert_close(samples["estimated"][:, :8], student.sight(samples["seen"]).detach())
    torch.testing.assert_close(samples["estimated"][:, 8:], student.estimator(samples["told"])[:, 8:].detach())
    ppo.storage.indices.copy_(ppo.storage.shuffled()[0])
    batch = ppo.storage.gather(ppo.step_groups)
    means = ppo.means(batch)
    assert torch.allclose(means, batch.means, atol=2e-3)  # images are kept in half precision
    torch.testing.assert_close(student.actor.read, batch.observations["estimated"][:, :8], atol=2e-3, rtol=1e-2)
    losses = {loss.name: loss.function(ppo.policy, batch, means) for loss in ppo.auxiliary}
    told = student.sight(batch.outputs["seen"])
    torch.testing.assert_close(losses["sight"], (told - batch.observations["priv_explicit"][:, :8]).square().mean())
    weights = student.actor.probabilities(told.detach())
    expected = -(batch.observations["mode"] * weights.log()).sum(-1).mean()
    torch.testing.assert_close(losses["gate_target"], expected)
    (gradient,) = torch.autograd.grad(
        losses["gate_target"], student.sight[0].weight, allow_unused=True, retain_graph=True
    )
    assert gradient is None, "the gate's losses teach the gate, not the eyes"
    (gradient,) = torch.autograd.grad(means.sum(), student.sight[0].weight)
    assert gradient.abs().sum() > 0.0

    algorithm.open_window(env)
    monkeypatch.setattr(algorithm.acting, "look", lambda *given: None)  # on the CPU it picks robots
    with NoHostSync():
        algorithm.tuning_step(env)
    monkeypatch.undo()
    for step in (ppo.mini_batch_step, lambda: algorithm.gradient_step(share)):
        step()  # makes gradients and moments
        with NoHostSync():
            step()

    playing = student.in_use(env.num_envs)
    with torch.no_grad():
        playing(env.observations)
        torch.testing.assert_close(gate_of(playing).shown, student.actor.weights(student.sight(playing.latent)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_captured_steps_equal_the_eager_ones(teacher):
    """Of the distillation and of PPO, with gate and sight, each from one state."""
    runner = student_runner(teacher, device="cuda", critic_iterations=0, averaging=0.9)
    runner.learn(2)
    algorithm, ppo = runner.algorithm, runner.algorithm.ppo
    for indices in ppo.storage.shuffled():  # captured, and replayed for others
        ppo.storage.indices.copy_(indices)
        assert parity_error(ppo.replay(ppo.mini_batch_step), ppo.mini_batch_step, ppo.state_tensors()) < 2e-3
    share = torch.tensor([2, 0], device="cuda")
    state = [*algorithm.learning_tensors(), algorithm.step_losses]
    assert parity_error(lambda: algorithm._replay(share), lambda: algorithm.gradient_step(share), state) < 2e-3


@pytest.mark.slow
def test_resume_is_exact_in_every_phase(teacher, tmp_path):
    settings = dict(distillation_iterations=2, critic_iterations=1, averaging=0.9)
    whole = student_runner(teacher, tmp_path, **settings)
    whole.cfg.runner.save_interval = 1
    whole._save_run = lambda: whole.save(tmp_path / str(whole.iteration) / "model.pt")
    whole.learn(5)
    expected = whole.algorithm.state_dict()
    for iteration in (1, 2, 4):
        again = student_runner(None, **settings)
        again.load(tmp_path / str(iteration) / "model.pt")
        again.learn(5 - iteration)
        found = again.algorithm.state_dict()
        assert equal(found["learner"], expected["learner"]) and equal(found["policy"], expected["policy"])
        assert equal(found["ppo"]["policy"], expected["ppo"]["policy"])


def test_a_gate_of_another_kind_does_not_fit(teacher):
    runner = student_runner(None)
    runner.algorithm.policy.cfg.teacher.gating.blind = True
    with pytest.raises(ValueError, match=r"does not fit policy.teacher: it has gating.blind False, not True"):
        runner.load_teacher(teacher)


def test_what_the_student_sees_are_the_obstacles_with_go2_s_camera():
    task, cfg, train = small("galileo_parkour_student", 2)
    env = task.make_env(cfg, "cpu")
    explicit, (first, end) = env.groups["priv_explicit"], train.policy.seen_columns
    names = [name for name in explicit.layout for _ in range(explicit.layout[name])]
    assert all(name.startswith("obstacle_") for name in names[first:end])
    assert not any(name.startswith("obstacle_") for name in (*names[:first], *names[end:]))
    assert train.policy.teacher.gating.columns == (first, end)
    ours, theirs = (get_task(name).env_cfg().camera for name in ("galileo_parkour_student", "go2_parkour_student"))
    assert replace(ours, position=theirs.position, pitch=theirs.pitch) == theirs
    assert train.algorithm.class_name == "StudentPPO"


@pytest.mark.slow
def test_teacher_and_student_are_exported(teacher, tmp_path):
    """With sight and gate inside: `export_policy` holds the files against the checkpoint."""
    runner = student_runner(teacher, tmp_path)
    for name, layer in runner.algorithm.policy.named_modules():  # else weights and actions are near zero
        if name.startswith(("sight.", "actor.")) and hasattr(layer, "weight"):
            layer.weight.data.mul_(2.0)
    runner.learn(3)
    for name, path in (("galileo_parkour_teacher", teacher), ("galileo_parkour_student", tmp_path / "model_3.pt")):
        owner = get_task(name)
        files = export_policy(path, tmp_path / name, owner, owner.env_cfg())
        assert "policy.onnx" in {file.name for file in files}
