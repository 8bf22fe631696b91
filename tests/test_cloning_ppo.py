"""PPO and behaviour cloning in one loss: numbers by hand, teachers by number, the switch to PPO, mistakes."""

import math

import pytest
import torch
from host_sync import NoHostSync
from ppo_models import OBS_DIMS, fill, make_policy, make_ppo

from rsl_rl.algorithms.cloning_ppo import CLONED, CloningPPO, distance_to_teacher
from rsl_rl.algorithms.losses import surrogate_loss
from rsl_rl.cloning_config import CloningCfg, CloningTrainCfg
from rsl_rl.config import PolicyCfg
from rsl_rl.factory import make_policy as build_policy
from rsl_rl.utils.checkpoint import find_checkpoint
from rsl_rl.utils.graphs import parity_error

NUMBER = "teacher_checkpoint_index"


def make_teacher(action: float, std: float, group="teacher_only"):
    """One that always does the same, and reads a group that the policy does not."""
    cfg = PolicyCfg(actor_hidden_dims=(4,), critic_hidden_dims=(4,), actor_groups=(group,), critic_groups=("proprio",))
    policy = build_policy({"teacher_only": 4, **OBS_DIMS}, 2, cfg)
    with torch.no_grad():
        policy.actor[-1].weight.zero_()
        policy.actor[-1].bias.fill_(action)
        policy.log_std.fill_(math.log(std))
    return policy


def make_cloning(teachers, device="cpu", graph=True, num_envs=6, **cfg) -> CloningPPO:
    settings = dict(num_mini_batches=2, num_learning_epochs=2, bc_loss_coef=0.25, use_multi_teacher=len(teachers) > 1)
    dims = OBS_DIMS | {"teacher_only": 4, NUMBER: 1}
    cfg = CloningCfg(**settings | cfg)
    return CloningPPO(make_policy().to(device), dims, 8, num_envs, cfg, graph=graph, teachers=teachers)


def fill_numbered(ppo, numbers, device="cpu"):
    """A rollout of noise in which robot i has teacher `numbers[i]`; returns the observations after it."""
    act, column = ppo.act, torch.tensor(numbers, device=device)[:, None].float()
    ppo.act = lambda observations: act({**observations, NUMBER: column})
    last = fill(ppo, device)
    ppo.act = act
    return {**last, NUMBER: column}


def first_mini_batch(ppo, last):
    ppo.prepare(last)
    ppo.storage.indices.copy_(torch.arange(ppo.storage.mini_batch_size))
    return ppo.storage.gather(ppo.step_groups)


def test_distance_by_hand():
    ppo = make_cloning([make_teacher(20.0, 0.5), make_teacher(-1.0, 0.25)])
    last = fill_numbered(ppo, [0, 1, -1, 0, 1, -1])
    ppo.begin(None, 0)
    batch = first_mini_batch(ppo, last)
    # Clipped to 8; robots in turn, step after step.
    first, second, none = [8.0, 8.0, 0.5, 0.5, 1.0], [-1.0, -1.0, 0.25, 0.25, 1.0], [0.0] * 5
    torch.testing.assert_close(batch.observations[CLONED][:6], torch.tensor([first, second, none] * 2))
    means = torch.tensor([[1.0, 2.0]]).expand(24, 2)
    own = [(8 - 1) ** 2 + (8 - 2) ** 2 + 2 * (1 - 0.5) ** 2, (-1 - 1) ** 2 + (-1 - 2) ** 2 + 2 * (1 - 0.25) ** 2, 0.0]
    assert distance_to_teacher(ppo.policy, batch, means).item() == pytest.approx(sum(own) / 3)
    weights = ppo.reward_weights(batch)
    assert weights[:3].tolist() == [0.75, 0.75, 1.0]
    gain = torch.randn(24)
    assert surrogate_loss(torch.ones(24), gain, 0.2, weights).item() == pytest.approx(-(weights * gain).mean().item())
    unclipped = make_cloning([make_teacher(20.0, 0.5)], clip_teacher_actions=False)
    unclipped.begin(None, 0)
    assert first_mini_batch(unclipped, fill(unclipped)).observations[CLONED][0, 0] == 20.0


def test_the_whole_loss_is_the_sum_with_what_is_left_of_ppo():
    """(1 - bc) (surrogate - entropy) + value + bc * distance + bounds, and after the switch PPO's own."""
    ppo = make_cloning([make_teacher(0.3, 0.5)], bounds=0.01, bounds_loss_coef=0.1, switch_to_rl_after=5)
    plain = make_ppo(bounds=0.01, bounds_loss_coef=0.1, entropy_coef=ppo.cfg.entropy_coef)
    last = fill(ppo)
    ppo.begin(None, 4)
    batch = first_mini_batch(ppo, last)
    means = ppo.means(batch)
    plain.storage, plain.policy = ppo.storage, ppo.policy
    plain.old_log_std.copy_(ppo.old_log_std)
    found = ppo.ppo_loss(batch, means)
    whole = plain.ppo_loss(batch, means)
    noted = dict(zip(plain.loss_names, plain.losses.tolist(), strict=True))
    without_rewards = noted["value_function"] + 0.1 * noted["bounds"]
    expected = 0.75 * (whole.item() - without_rewards) + without_rewards
    expected += 0.25 * distance_to_teacher(ppo.policy, batch, means).item()
    assert found.item() == pytest.approx(expected, rel=1e-5)
    ppo.begin(None, 5)
    assert ppo.ppo_loss(batch, means).item() == pytest.approx(whole.item(), rel=1e-6)


def test_the_switch_is_logged_and_no_teacher_is_plain_ppo():
    ppo = make_cloning([make_teacher(0.3, 0.5)], switch_to_rl_after=2)
    coefficients = []
    for iteration in range(3):
        ppo.begin(None, iteration)
        coefficients.append(ppo.update(fill(ppo))["bc_coef"])
    assert coefficients == [0.25, 0.25, 0.0]
    torch.manual_seed(0)
    rollout = make_ppo(entropy_coef=0.0025, desired_kl=0.02)
    last = fill(rollout)
    results = []
    for learner in (rollout, make_cloning([], bc_loss_coef=0.0, bounds_loss_coef=0.0)):
        learner.storage = rollout.storage
        torch.manual_seed(1)
        learner.begin(None, 0)
        results.append((learner.update(last), [tensor.clone() for tensor in learner.state_tensors()]))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))


def test_pure_cloning_brings_policy_and_noise_to_each_robots_teacher():
    teachers = [make_teacher(0.5, 0.4, "proprio"), make_teacher(0.5, 0.4, "proprio")]
    ppo = make_cloning(teachers, num_envs=48, bc_loss_coef=1.0, schedule="fixed", learning_rate=5e-3)
    for iteration in range(80):
        ppo.begin(None, iteration)
        losses = ppo.update(fill_numbered(ppo, [0, 1] * 24))
    assert losses["bc"] < 0.02 and ppo.policy.std.sub(0.4).abs().max() < 0.05
    means = ppo.policy.act_inference({"proprio": torch.randn(64, 5)})
    assert means.sub(0.5).abs().mean() < 0.1


def test_nothing_of_the_update_waits_for_the_host():
    ppo = make_cloning([make_teacher(1.0, 0.5), make_teacher(-1.0, 0.25)])
    last = fill_numbered(ppo, [0, 1, -1, 0, 1, -1])
    ppo.begin(None, 0)
    ppo.storage.write_last(last)
    with NoHostSync():
        ppo.derive()
        ppo.mini_batch_step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_captured_update_equals_the_eager_one():
    ppo = make_cloning([make_teacher(1.0, 0.5), make_teacher(-1.0, 0.25)], "cuda")
    last = fill_numbered(ppo, [0, 1, -1, 0, 1, -1], "cuda")
    ppo.begin(None, 0)
    first_mini_batch(ppo, last)
    assert parity_error(ppo.mini_batch_step, ppo.replay(ppo.mini_batch_step), ppo.state_tensors()) < 1e-5


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="bc_loss_coef is 0.25: algorithm.policy_to_clone has to name the teacher"):
        make_cloning([])
    for settings, message in (
        (dict(bc_loss_coef=1.5), "algorithm.bc_loss_coef is 1.5: it has to be at most 1"),
        (dict(switch_to_rl_after=-1), "algorithm.switch_to_rl_after is -1"),
        (dict(policy_to_clone=("a", "b")), "names 2 teachers: algorithm.use_multi_teacher=True says"),
    ):
        with pytest.raises(ValueError, match=message):
            CloningTrainCfg(algorithm=CloningCfg(**settings)).check()
    ppo = make_cloning([make_teacher(1.0, 0.5), make_teacher(-1.0, 0.25)])
    with pytest.raises(RuntimeError, match=f"{NUMBER} goes from 0 to 2: algorithm.policy_to_clone has teachers 0 to 1"):
        ppo.update(fill_numbered(ppo, [0, 1, 2, 0, 1, 2]))
    with pytest.raises(ValueError, match="no observation group nowhere"):
        make_cloning([make_teacher(1.0, 0.5)] * 2, multi_teacher_select_obs_var="nowhere")
    with pytest.raises(ValueError, match="there is no such checkpoint or folder of a run, seen from"):
        find_checkpoint(str(tmp_path / "gone"), "algorithm.policy_to_clone")
    with pytest.raises(ValueError, match="there is no model_<iteration>.pt in that folder"):
        find_checkpoint(str(tmp_path), "algorithm.policy_to_clone")
    for iteration in (9, 10):
        (tmp_path / f"model_{iteration}.pt").touch()
    assert find_checkpoint(str(tmp_path), "x").name == "model_10.pt"
