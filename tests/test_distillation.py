"""The student's loss is about what it did, its memory ends with an episode, and only what should learn does."""

import dataclasses

import pytest
import torch
from depth_students import TEACHER, collect, equal, make_env, make_runner, quiet
from torch import nn

from legged_gym import RESOURCES_DIR
from legged_gym.registry import get_task
from rsl_rl.config import DepthPolicyCfg, PolicyCfg, RmaPolicyCfg
from rsl_rl.factory import make_policy
from rsl_rl.modules.depth_backbone import DepthOnlyFCBackbone, RecurrentDepthBackbone
from rsl_rl.runners import OnPolicyRunner, load_policy


@pytest.fixture(scope="module")
def env():
    torch.manual_seed(2)
    return make_env()


def test_the_loss_sees_the_actions_that_were_taken():
    """Also where an episode ends between two images: the memory that acted and the one in the update are the same."""
    env = make_env(episode_length_s=0.18)  # 9 steps; images come every 5
    runner = make_runner(env)
    env.reset()
    taken = []
    collect(runner, taken)
    algorithm = runner.algorithm
    window, policy = algorithm.storage, algorithm.policy
    assert window.frame_start[1:].any() and not window.seeing.all()
    recorded = []
    policy.means = lambda *inputs: recorded.append(type(policy).means(policy, *inputs)) or recorded[-1]
    share = torch.tensor([2, 0, 3])
    with torch.no_grad():
        actor_loss = algorithm.losses(share)["depth_actor_loss"]
    del policy.means
    acted = torch.stack(taken)[:, share].flatten(0, 1)
    assert torch.allclose(recorded[0], acted, atol=2e-3)  # images are kept in half precision
    expected = (recorded[0] - window.labels[:, share].flatten(0, 1)).norm(dim=-1).mean()
    assert actor_loss == pytest.approx(float(expected))


def test_labels_are_the_teacher_s_and_the_student_starts_as_its_copy(env):
    runner = make_runner(env)
    teacher = load_policy(TEACHER, "cpu")
    env.reset()
    runner.algorithm.begin(env, 0)
    with torch.no_grad():
        runner.algorithm.act(env.observations)
    assert torch.equal(runner.algorithm.storage.labels[0], teacher(env.observations))
    ours, theirs = runner.algorithm.policy, runner.algorithm.teacher
    for name in ("actor", "history_encoder", "estimator"):
        assert equal(getattr(ours, name).state_dict(), getattr(theirs, name).state_dict())


def test_who_learns_from_which_loss(env):
    runner = make_runner(env)
    env.reset()
    collect(runner)
    algorithm = runner.algorithm
    losses = algorithm.losses(torch.arange(4))
    assert tuple(losses) == algorithm.loss_names == ("depth_actor_loss", "yaw_loss", "estimator")
    named = dict(algorithm.policy.named_parameters())

    def reached(loss):
        grads = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
        return {name.split(".")[0] for name, g in zip(named, grads, strict=True) if g is not None and g.abs().sum() > 0}

    assert reached(losses["depth_actor_loss"]) == {"actor", "history_encoder", "depth_encoder"}
    assert reached(losses["yaw_loss"]) == {"depth_encoder"}
    assert reached(losses["estimator"]) == {"estimator"}
    assert set(algorithm.optimizer.parameters) | set(algorithm.estimator_optimizer.parameters) == set(named)


def test_headings_far_off_are_replaced_by_the_true_ones(env):
    runner = make_runner(env)
    algorithm = runner.algorithm
    algorithm.begin(env, 0)
    observations = dict(env.reset())
    true = torch.tensor([[3.1, 0.2], [0.0, 0.1], [0.3, 0.0], [-1.0, 0.0]])
    observations["proprio"] = observations["proprio"].clone()
    observations["proprio"][:, 6:8] = true
    told = torch.tensor([[-3.1, 0.0], [0.59, 0.0], [0.95, 0.0], [1.0, 0.0]])  # off by 0.08 across pi, .59, .65, 2
    algorithm.acting.yaw.copy_(told)
    chosen = algorithm._chosen_yaw(observations)
    assert torch.equal(chosen[:2], told[:2]) and torch.equal(chosen[2:], true[2:])
    assert algorithm.yaw_ok.tolist() == [2.0, 4.0]


def test_the_step_size_falls_linearly(env):
    algorithm = make_runner(env, learning_rate=1e-3, final_learning_rate=1e-4, learning_rate_iterations=100).algorithm
    rates = []
    for iteration in (0, 50, 100, 400):
        algorithm.begin(env, iteration)
        rates.append(algorithm.scalars()["Loss/learning_rate"])
    assert rates == pytest.approx([1e-3, 5.5e-4, 1e-4, 1e-4])


def test_the_step_size_falls_until_the_training_s_end(env, tmp_path):
    runner = make_runner(env, tmp_path, learning_rate=1e-3, final_learning_rate=1e-4, learning_rate_iterations=0)
    with pytest.raises(RuntimeError, match="call begin_training"):
        runner.algorithm.begin(env, 0)
    rates = []
    runner.watch = lambda: rates.append(runner.algorithm.scalars()["Loss/learning_rate"])
    runner.learn(2)
    runner.learn(1)  # the end moves
    assert rates[::3] == pytest.approx([1e-3, 5.5e-4, 4e-4])


def test_the_average_of_the_weights_is_what_is_saved(env, tmp_path):
    runner = make_runner(env, averaging=0.2, num_mini_batches=4)
    algorithm, name = runner.algorithm, "depth_encoder.mix.0.weight"
    env.reset()
    collect(runner)
    averages = [algorithm.policy.state_dict()[name].clone()]
    renew, shares = algorithm.renew_average, [10 / 11, 10 / 12, 0.8, 0.8]

    def renewing():
        weights = algorithm.policy.state_dict()[name]
        averages.append(averages[-1] + shares.pop(0) * (weights - averages[-1]))
        renew()

    algorithm.renew_average = renewing
    algorithm.update(env.observations)
    assert not shares
    runner.save(tmp_path / "model_0.pt")
    saved = torch.load(tmp_path / "model_0.pt", weights_only=True)
    assert torch.allclose(saved["policy"][name], averages[-1], atol=1e-7)
    assert equal(saved["learner"], algorithm.policy.state_dict()) and not equal(saved["learner"], saved["policy"])
    used = load_policy(tmp_path / "model_0.pt", "cpu", env)(env.observations)
    algorithm.policy.load_state_dict(saved["policy"])
    assert torch.equal(used, algorithm.policy.in_use(env.num_envs, estimated=False)(env.observations))


def test_resume_with_and_without_an_average(env):
    averaged = make_runner(env, averaging=0.2).algorithm
    env.reset()
    averaged.average.depth_encoder.mix[0].weight.add_(1.0)
    saved = averaged.state_dict()
    without = make_runner(env, averaging=0.0).algorithm
    without.load_state_dict(saved)
    assert equal(without.state_dict()["policy"], saved["learner"]) and "learner" not in without.state_dict()
    again = make_runner(env, averaging=0.2).algorithm
    again.load_state_dict(without.state_dict())
    assert equal(again.state_dict()["policy"], saved["learner"])
    again.load_state_dict(saved)
    assert equal(again.state_dict()["policy"], saved["policy"])
    assert equal(again.state_dict()["learner"], saved["learner"])


def test_teacher_acts_in_the_warm_up(env):
    runner = make_runner(env, warm_up_iterations=1)
    taken = []
    env.reset()
    collect(runner, taken)
    assert torch.allclose(torch.stack(taken), runner.algorithm.storage.labels)


def test_training_brings_the_student_nearer_and_needs_images(env):
    runner = make_runner(env, blanked_interval=1)
    env.reset()
    collect(runner)
    algorithm = runner.algorithm
    first = algorithm.update(env.observations)
    for _ in range(48):
        last = algorithm.update(env.observations)
    assert last["depth_actor_loss"] < 0.5 * first["depth_actor_loss"]
    assert last["yaw_loss"] < 0.7 * first["yaw_loss"]
    assert {"depth_actor_loss_blanked", "yaw_loss_blanked"} <= set(last)
    assert 0.0 <= last["delta_yaw_ok_percentage"] <= 100.0


def test_policy_in_use_forgets_at_the_start_of_an_episode(env, tmp_path):
    runner = make_runner(env)
    runner.save(tmp_path / "model_0.pt")
    policy = load_policy(tmp_path / "model_0.pt", "cpu", env)
    observations = {name: value.clone() for name, value in env.reset().items()}
    observations["new_image"].fill_(1.0)
    fresh = policy(observations)
    observations["new_episode"].zero_()
    for _ in range(3):
        policy(observations)
    assert not torch.allclose(policy(observations), fresh)
    hidden = policy.hidden.clone()
    observations["new_image"].zero_()
    policy(observations)
    assert torch.equal(policy.hidden, hidden)
    observations["new_image"].fill_(1.0)
    observations["new_episode"].fill_(1.0)
    assert torch.allclose(policy(observations), fresh, atol=1e-6)


def test_half_precision_policies_load(env, tmp_path):
    runner = make_runner(env)
    runner.save(tmp_path / "model_0.pt")
    checkpoint = torch.load(tmp_path / "model_0.pt", weights_only=True)
    checkpoint["policy"] = {name: tensor.half() for name, tensor in checkpoint["policy"].items()}
    torch.save(checkpoint, tmp_path / "half.pt")
    observations = env.reset()
    whole, half = (load_policy(tmp_path / name, "cpu", env)(observations) for name in ("model_0.pt", "half.pt"))
    assert torch.allclose(whole, half, atol=0.02)


def test_sizes_are_those_of_extreme_parkour():
    dims = {"student_proprio": 53, "student_history": 530, "depth": 5046, "new_image": 1, "new_episode": 1}
    student = make_policy(dims | {"priv_explicit": 9}, 12, DepthPolicyCfg())
    count = sum(p.numel() for p in student.depth_encoder.parameters())
    assert student.depth_encoder.image.convolutions(torch.zeros(1, 1, 58, 87)).shape == (1, 62400)
    assert count == 8_882_018
    assert DepthOnlyFCBackbone((64, 64), 32)(torch.zeros(2, 64, 64)).shape == (2, 32)


def test_sizes_are_those_of_the_g1_depth_guide():
    """43 numbers of proprioception and 64 x 64 pixels: 4139 into the teacher, 75 into the student, no heading."""
    proprio, rows, latent = 43, 64, 32
    encoder = RecurrentDepthBackbone((rows, rows), proprio, latent, 512, 0, 1.0, "extreme_parkour")
    assert encoder.image.convolutions(torch.zeros(1, 1, rows, rows)).shape == (1, 50176)
    assert sum(p.numel() for p in encoder.parameters()) == 7_315_040
    features = encoder.features(torch.rand(2, rows, rows), torch.rand(2, proprio))
    seen, yaw, hidden = encoder.advance(features, torch.zeros(2, 512))
    assert seen.shape == (2, latent) and yaw.shape == (2, 0) and hidden.shape == (2, 512)
    seen.sum().backward()
    assert encoder.image.convolutions[0].weight.grad.abs().max() > 0.0
    cfg = PolicyCfg(actor_groups=("proprio", "depth"), critic_groups=("proprio",))
    teacher = make_policy({"proprio": proprio, "depth": rows**2}, 10, cfg)
    student = make_policy({"proprio": proprio, "depth": latent}, 10, cfg)
    widths = [next(m for m in p.actor.modules() if isinstance(m, nn.Linear)).in_features for p in (teacher, student)]
    assert widths == [4139, 75] and sum(p.numel() for p in student.actor.parameters()) == 204_426
    assert sum(p.numel() for p in teacher.actor.parameters()) == 2_285_194
    with pytest.raises(ValueError, match="policy.convolutions is 'g1': there are extreme_parkour, videomimic"):
        DepthOnlyFCBackbone((64, 64), latent, "g1")


def test_clear_errors(env, tmp_path):
    dims = {"student_proprio": 53, "student_history": 530, "new_image": 1, "new_episode": 1, "priv_explicit": 9}
    with pytest.raises(ValueError, match="no observation group depth"):
        make_policy(dims, 12, DepthPolicyCfg())
    with pytest.raises(ValueError, match="5000 pixels: policy.image_shape is 58 x 87"):
        make_policy(dims | {"depth": 5000}, 12, DepthPolicyCfg())
    with pytest.raises(ValueError, match="32 x 32: there are backbones for 58 x 87, 64 x 64"):
        DepthOnlyFCBackbone((32, 32), 32)
    cfg = get_task("go2_parkour_student").train_cfg()
    cfg.runner.num_steps_per_env = 12
    with pytest.raises(ValueError, match="no multiple of the images' interval 5"):
        OnPolicyRunner(env, cfg, None, "cpu", console=quiet())
    runner = make_runner(env, teacher=False)
    with pytest.raises(RuntimeError, match="call load_teacher"):
        runner.algorithm.begin(env, 0)
    with pytest.raises(ValueError, match="does not fit this task|holds an ActorCritic"):
        runner.load_teacher(RESOURCES_DIR / "policies" / "go2" / "model.pt")
    runner.algorithm.policy.cfg = dataclasses.replace(DepthPolicyCfg(), teacher=RmaPolicyCfg(actor_hidden_dims=(64,)))
    with pytest.raises(ValueError, match=r"actor_hidden_dims \(512, 256, 128\), not \(64,\)"):
        runner.load_teacher(TEACHER)
