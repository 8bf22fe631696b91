"""After distillation PPO trains what acts, from what acted, and a training can be stopped and taken up in any phase."""

import pytest
import torch
from test_distillation import TEACHER, equal, make_env, make_runner

from rsl_rl.algorithms import Distillation
from rsl_rl.algorithms.phases import due
from rsl_rl.config import StudentPpoCfg
from rsl_rl.runners import load_policy


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
    runner.learn(1)
    assert changed(copied(algorithm.average), student)  # by its last gradient steps
    average, before = copied(algorithm.average), copied(critic.critic)
    runner.learn(1)
    assert equal(average, student.state_dict()) and equal(average, algorithm.average.state_dict())
    assert changed(before, critic.critic) and critic.std.tolist() == pytest.approx([0.2] * 12)
    before = copied(critic)
    runner.learn(1)
    assert changed(average, student) == {"actor", "history_encoder"}
    assert changed(before, critic) == {"actor", "actor_encoders", "critic", "log_std"}
    assert changed(average, algorithm.average) == {"actor", "history_encoder"}
    assert changed(copied(algorithm.average), student) == {"actor", "history_encoder"}


def test_what_acted_is_what_is_updated():
    """Also where an episode ends between two images: the probability ratio starts at 1."""
    env = make_env(episode_length_s=0.18)  # 9 steps; images come every 5
    runner = make_tuned(env, distillation=1)
    algorithm, taken, step = runner.algorithm, [], env.step
    runner.learn(1)
    (phase,) = due(runner.phases, 1)
    phase.begin(env, 1)
    env.step = lambda actions: taken.append(actions.clone()) or step(actions)
    runner._collect(phase)
    del env.step
    samples, policy = algorithm.ppo.storage.samples, algorithm.ppo.policy
    algorithm.ppo.prepare(algorithm._given_last(env.observations))
    assert algorithm.ppo.storage.dones.any() and torch.equal(torch.cat(taken), samples.actions)
    with torch.no_grad():
        means = policy.act_inference(samples.observations)
        proprio, latent, _ = samples.observations["given"].split([53, 32, 9], -1)
        as_student = algorithm.policy.means(proprio, latent, samples.observations["student_history"])
        values = algorithm.teacher.evaluate(samples.observations)
    assert torch.allclose(means, samples.means, atol=1e-5) and torch.allclose(as_student, samples.means, atol=1e-5)
    assert torch.allclose(policy.log_prob(means, samples.actions), samples.log_probs, atol=1e-3)
    assert torch.allclose(values, samples.values, atol=1e-4)  # the critic is the teacher's so far
    noise = (samples.actions - samples.means) / 0.2
    assert abs(noise.std() - 1.0) < 0.15 and not torch.allclose(proprio[:, 6:8], torch.zeros(2))


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
    again = make_tuned(env, tmp_path, teacher=False, distillation=0, critic=2, averaging=0.9)
    again.load(tmp_path / "model_1.pt")
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
    with pytest.raises(ValueError, match="distillation_iterations is 0: PPO goes on from a student that was distilled"):
        make_tuned(env, distillation=0)
    runner = make_tuned(env, teacher=False)
    runner.algorithm.policy.cfg.teacher.critic_hidden_dims = (64,)
    with pytest.raises(ValueError, match=r"critic_hidden_dims \(512, 256, 128\), not \(64,\)"):
        runner.load_teacher(TEACHER)
    for name, value, message in (
        ("init_noise_std", 0.0, "algorithm.init_noise_std is 0.0: it has to be positive"),
        ("critic_iterations", -1, "algorithm.critic_iterations is -1"),
        ("bc_loss_coef", -0.1, "algorithm.bc_loss_coef is -0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            StudentPpoCfg(**{name: value}).check()
    cfg = StudentPpoCfg()
    cfg.ppo.clip_param = 0.0
    with pytest.raises(ValueError, match=r"algorithm.ppo.clip_param is 0.0"):
        cfg.check()
