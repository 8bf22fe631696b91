"""After distillation PPO trains what acts, from what acted, and a training can be stopped and taken up in any phase."""

import io

import pytest
import torch
from depth_students import TEACHER, equal, make_env, make_runner
from host_sync import NoHostSync
from rich.console import Console

from rsl_rl.algorithms import Distillation
from rsl_rl.algorithms.phases import counts, due
from rsl_rl.algorithms.student_ppo import HISTORY, SEEN, TOLD, with_critic
from rsl_rl.config import StudentPpoCfg
from rsl_rl.runners import load_policy
from rsl_rl.runners.checkpoints import load_network
from rsl_rl.storage.rollout_storage import RolloutStorage
from rsl_rl.utils.bounds import check_bounds
from rsl_rl.utils.graphs import parity_error


@pytest.fixture(scope="module")
def env():
    torch.manual_seed(2)
    return make_env()


def make_tuned(env, log_dir=None, *, distillation=1, critic=1, **settings):
    lengths = dict(distillation_iterations=distillation, critic_iterations=critic, learning_rate_iterations=0)
    return make_runner(env, log_dir, **lengths, **settings)


def copied(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def changed(before, module):
    """The parts of `module` that are not as they were."""
    return {name.split(".")[0] for name, tensor in module.state_dict().items() if not torch.equal(before[name], tensor)}


def test_what_learns_in_which_phase(env):
    runner = make_tuned(env, averaging=0.9)
    algorithm = runner.algorithm
    student, critic = algorithm.policy, algorithm.ppo.policy
    assert critic.actor is student.actor and critic.actor_encoders["student_history"] is student.history_encoder
    assert equal(critic.critic.state_dict(), algorithm.teacher.critic.state_dict())
    names = [[phase.name for phase in due(runner.phases, iteration)] for iteration in range(4)]
    assert names == [["distill"], ["critic"], ["ppo"], ["ppo"]]
    assert counts(runner.phases, 0, 5) == {"distill": 1, "critic": 1, "ppo": 3}
    assert counts(runner.phases, 1, 3) == {"distill": 0, "critic": 1, "ppo": 1}
    runner.console = Console(file=io.StringIO())
    runner.learn(1)
    assert "iterations by phase: distill 1, critic 0, ppo 0\n" in runner.console.file.getvalue()
    assert changed(copied(algorithm.average), student)  # by its last gradient steps
    average, before = copied(algorithm.average), copied(critic.critic)
    runner.learn(1)
    assert equal(average, student.state_dict()) and equal(average, algorithm.average.state_dict())
    assert changed(before, critic.critic) and critic.std.tolist() == pytest.approx([0.2] * 12)
    before = copied(critic)
    runner.learn(1)
    assert critic.depth_encoder is student.depth_encoder
    assert changed(average, student) == {"actor", "history_encoder", "depth_encoder"}  # all but the estimator
    assert changed(before, critic) == {"actor", "actor_encoders", "depth_encoder", "critic", "log_std"}
    assert changed(average, algorithm.average) == {"actor", "history_encoder", "depth_encoder"}
    assert changed(copied(algorithm.average), student) == {"actor", "history_encoder", "depth_encoder"}


def collected(runner):
    """The algorithm, with a window of PPO's first iteration and what its gradient steps read."""
    env = runner.env
    (phase,) = due(runner.phases, 1)
    phase.begin(env, 1)
    runner._collect(phase)
    with torch.no_grad():
        runner.algorithm.ppo.prepare(runner.algorithm.with_own(env.observations))
    return runner.algorithm


def test_what_acted_is_what_is_updated():
    """Also where an episode ends between two images: worked out anew, the latents are those that acted."""
    env = make_env(episode_length_s=0.18)  # 9 steps; images come every 5
    runner, taken, step = make_tuned(env, critic=0), [], env.step
    runner.learn(1)
    env.step = lambda actions: taken.append(actions.clone()) or step(actions)
    algorithm = collected(runner)
    ppo, samples = algorithm.ppo, algorithm.ppo.storage.samples
    assert ppo.storage.dones.any() and not algorithm.storage.seeing.all()
    assert torch.equal(torch.cat(taken), samples.actions)
    ppo.storage.indices.copy_(ppo.storage.shuffled()[0])
    assert not torch.equal(ppo.storage.indices[:2], torch.arange(2))  # robots of which the order matters
    batch = ppo.storage.gather(ppo.step_groups)
    means = ppo.means(batch)
    assert torch.allclose(means, batch.means, atol=2e-3)  # images are kept in half precision
    means.sum().backward()
    assert algorithm.policy.depth_encoder.image.output[0].weight.grad.abs().sum() > 0
    with torch.no_grad():
        as_student = algorithm.policy.means(*(samples.observations[name] for name in (TOLD, SEEN, HISTORY)))
        values = algorithm.teacher.evaluate(samples.observations)
    assert torch.allclose(as_student, samples.means, atol=1e-5)
    assert torch.allclose(values, samples.values, atol=1e-4)  # the critic is the teacher's so far
    noise = (samples.actions - samples.means) / 0.2
    assert abs(noise.std() - 1.0) < 0.15
    assert not torch.allclose(samples.observations[TOLD][:, 6:8], torch.zeros(2))  # headings of its own


def test_gradients_go_back_to_earlier_images(env):
    """What a robot does at the last step depends on its first image, in training as in use."""
    runner = make_tuned(env, critic=0)
    runner.learn(1)
    algorithm = collected(runner)
    window, share = algorithm.storage, torch.tensor([1, 3])
    window.frame_start.zero_()
    encoder, features = algorithm.policy.depth_encoder, []
    encoder.features = lambda *given: features.append(type(encoder).features(encoder, *given)) or features[-1]
    latents, *_ = algorithm.seen(share)
    del encoder.features
    (gradient,) = torch.autograd.grad(latents[-1].sum(), features[0])
    assert (gradient.unflatten(0, (len(window.images), 2)).abs().sum(-1) > 0).all()


def test_no_step_asks_the_host(env, monkeypatch):
    """Neither of collecting nor of learning, in any phase: on CUDA they are graphs."""
    runner = make_tuned(env, critic=0, averaging=0.9)
    runner.learn(1)
    algorithm = collected(runner)
    algorithm.open_window(env)
    monkeypatch.setattr(algorithm.acting, "look", lambda *given: None)  # on the CPU it picks robots
    with NoHostSync():
        for collect in (algorithm.rollout_step, algorithm.tuning_step):
            collect(env)
    algorithm.ppo.storage.indices.copy_(algorithm.ppo.storage.shuffled()[0])
    share = torch.tensor([2, 0])
    for step in (algorithm.ppo.mini_batch_step, algorithm.ppo.critic_step, lambda: algorithm.gradient_step(share)):
        step()  # makes gradients and moments
        with NoHostSync():
            step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_captured_tuning_equals_the_eager_one():
    """PPO's step through images and time, the critic's and the distillation's, each from one state."""
    runner = make_tuned(make_env(device="cuda"), critic=0, learning_rate=1e-4, averaging=0.9)
    runner.learn(1)
    algorithm = collected(runner)
    ppo = algorithm.ppo
    for indices in ppo.storage.shuffled():  # captured, and replayed for others
        ppo.storage.indices.copy_(indices)
        for step in (ppo.mini_batch_step, ppo.critic_step):
            assert parity_error(ppo.replay(step), step, ppo.state_tensors()) < 2e-3
    share = torch.tensor([2, 0], device="cuda")
    state = [*algorithm.learning_tensors(), algorithm.step_losses]
    assert parity_error(lambda: algorithm._replay(share), lambda: algorithm.gradient_step(share), state) < 2e-3


def test_minibatches_are_whole_windows_of_robots():
    storage = RolloutStorage(3, 7, {}, 1, 2, "cpu", whole_windows=True)
    first, second = storage.shuffled()
    assert storage.mini_batch_size == len(first) == len(second) == 9
    robots = torch.cat([first[:3], second[:3]])
    assert len(robots.unique()) == 6 and int(robots.max()) < 7  # one is left out
    assert torch.equal(first.view(3, 3), first[:3] + 7 * torch.arange(3)[:, None])
    rows = RolloutStorage(3, 7, {}, 1, 2, "cpu").shuffled()
    assert [len(part) for part in rows] == [10, 10] and len(torch.cat(rows).unique()) == 20
    with pytest.raises(ValueError, match="num_mini_batches is 8: 3 steps of 7 environments do not fill as many"):
        RolloutStorage(3, 7, {}, 1, 8, "cpu", whole_windows=True)


def test_the_distillation_s_step_size_ends_with_it(env):
    runner = make_tuned(env, distillation=2, critic=1, learning_rate=1e-3, final_learning_rate=1e-4)
    rates = []
    runner.watch = lambda: rates.append(runner.algorithm.scalars()["Loss/learning_rate"])
    runner.learn(3)
    assert rates[::3] == pytest.approx([1e-3, 5.5e-4, 1e-4])  # the last is PPO's own
    runner = make_tuned(env, distillation=9, learning_rate=1e-3, final_learning_rate=1e-4)
    runner.algorithm.begin_training(2)  # it does not come to PPO
    runner.algorithm.begin(env, 1)
    assert runner.algorithm.learning_rate.item() == pytest.approx(5.5e-4)


def test_resume_is_exact_in_every_phase(tmp_path):
    settings = dict(distillation=2, critic=2, averaging=0.9, bc_loss_coef=0.1)
    torch.manual_seed(0)
    whole = make_tuned(make_env(), tmp_path, **settings)
    whole.cfg.runner.save_interval = 1
    whole._save_run = lambda: whole.save(tmp_path / str(whole.iteration) / "model.pt")
    whole.learn(6)
    expected = whole.algorithm.state_dict()
    for iteration in (1, 3, 5):
        again = make_tuned(make_env(), teacher=False, **settings)
        again.load(tmp_path / str(iteration) / "model.pt")
        assert again.iteration == iteration
        again.learn(6 - iteration)
        found = again.algorithm.state_dict()
        assert equal(found["learner"], expected["learner"]) and equal(found["policy"], expected["policy"])
        assert equal(found["ppo"]["policy"], expected["ppo"]["policy"])


def test_a_distilled_student_is_taken_up(env, tmp_path):
    """Of a checkpoint from before there was PPO, and with other lengths of the phases; its policy is the student."""
    runner = make_tuned(env, distillation=5, averaging=0.9)
    runner.learn(1)
    runner.algorithm.state_dict = lambda: Distillation.state_dict(runner.algorithm)
    runner.save(tmp_path / "model_1.pt")
    again = make_tuned(env, tmp_path, teacher=False, distillation=1, critic=2, averaging=0.9)
    again.load(tmp_path / "model_1.pt")
    assert counts(again.phases, again.iteration, 5) == {"distill": 0, "critic": 2, "ppo": 2}
    algorithm = again.algorithm
    assert equal(algorithm.ppo.policy.critic.state_dict(), runner.algorithm.teacher.critic.state_dict())
    again.learn(1)
    average = runner.algorithm.average.state_dict()
    assert again.iteration == 2 and equal(algorithm.policy.state_dict(), average)
    saved = torch.load(tmp_path / "model_2.pt", weights_only=True)
    assert equal(saved["policy"], average)
    observations = env.reset()
    acting = load_policy(tmp_path / "model_2.pt", "cpu", env)(observations)
    assert torch.equal(acting, algorithm.average.in_use(env.num_envs)(observations))


def test_the_teacher_s_actions_can_be_part_of_the_loss(env):
    runner = make_tuned(env, distillation=1, critic=0, bc_loss_coef=0.1)
    runner.learn(2)
    algorithm = runner.algorithm
    samples = algorithm.ppo.storage.samples
    expected = algorithm.teacher.act_inference(samples.observations)
    assert torch.allclose(samples.observations["teacher_actions"], expected, atol=1e-5)
    batch = algorithm.ppo.storage.mini_batch
    (loss,) = [loss for loss in algorithm.ppo.auxiliary if loss.name == "bc"]
    off = batch.observations["teacher_actions"] + torch.tensor([3.0, 4.0] + [0.0] * 10)
    assert loss.function(None, batch, off).item() == pytest.approx(5.0, abs=1e-4)


def test_clear_errors(env):
    runner = make_tuned(env, teacher=False)
    runner.algorithm.policy.cfg.teacher.critic_hidden_dims = (64,)
    with pytest.raises(ValueError, match=r"critic_hidden_dims \(512, 256, 128\), not \(64,\)"):
        runner.load_teacher(TEACHER)
    acts_only = load_network(TEACHER, None, None)
    acts_only.drop_critic()
    with pytest.raises(ValueError, match="model.pt was shipped without its critic, from which"):
        runner.algorithm.load_teacher(acts_only, TEACHER, start_from_it=True)
    for name, value, message in (
        ("init_noise_std", 0.0, "algorithm.init_noise_std is 0.0: it has to be at least 1e-06"),
        ("distillation_iterations", 0, "algorithm.distillation_iterations is 0: it has to be at least 1"),
        ("critic_iterations", -1, "algorithm.critic_iterations is -1"),
        ("bc_loss_coef", -0.1, "algorithm.bc_loss_coef is -0.1"),
        ("yaw_loss_coef", -0.1, "algorithm.yaw_loss_coef is -0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            check_bounds(StudentPpoCfg(**{name: value}), "algorithm")
    cfg = StudentPpoCfg()
    cfg.ppo.clip_param = 0.0
    with pytest.raises(ValueError, match=r"algorithm.ppo.clip_param is 0.0"):
        check_bounds(cfg, "algorithm")
    cfg = StudentPpoCfg()
    cfg.ppo.mirror_loss_coef = 0.5
    with pytest.raises(ValueError, match="mirror_loss_coef: what a student sees is not mirrored"):
        cfg.check()
    student = make_tuned(env).algorithm.policy
    student.cfg.teacher.critic_groups = ("propriox",)
    dims = {group: value.shape[1] for group, value in env.observations.items()} | {SEEN: 1}
    with pytest.raises(ValueError, match=r"^policy\.teacher\.critic_groups: no observation group propriox: the"):
        with_critic(student, dims, 0.2)
