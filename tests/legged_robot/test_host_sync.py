"""What a CUDA graph needs of the control step, as far as it shows on a CPU."""

import pytest
import torch
from go2_envs import ENGINES, lively, quiet, rollout
from host_sync import NoHostSync

from legged_gym.envs.base.legged_robot import LeggedRobot


@pytest.mark.parametrize("engine", ENGINES)
def test_the_step_never_waits_for_the_host(engine):
    env = LeggedRobot(lively(4, engine))
    actions = torch.randn(4, 12)
    env.step(actions)  # what is made on first use is made before a capture
    ended = 0
    for _ in range(25):
        with NoHostSync():
            dones = env.step(actions)[2]
        ended += int(dones.sum())
    assert ended >= 4


@pytest.mark.parametrize(
    "reward",
    [
        lambda env: env.rewards * env.rewards.max().item(),
        lambda env: env.rewards if env.dones.any() else -env.rewards,
        lambda env: env.rewards.index_fill(0, env.dones.nonzero().flatten(), 1.0),
        lambda env: torch.zeros(4).index_add(0, torch.arange(4)[env.dones], env.rewards[env.dones]),
        lambda env: env.sim.contact_forces_w[:, [4, 8]].sum((1, 2)),
        lambda env: env.rewards * torch.tensor([1.0, 2.0, 3.0, 4.0]),
    ],
    ids=["item", "if", "nonzero", "mask", "list", "host_tensor"],
)
def test_a_reward_that_waits_for_the_host_is_seen(monkeypatch, reward):
    monkeypatch.setattr(LeggedRobot, "_reward_lin_vel_z", reward)
    env = LeggedRobot(quiet(4))
    with pytest.raises(RuntimeError, match="host sync"), NoHostSync():
        env.step(torch.zeros(4, 12))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_step_rebinds_no_tensor(engine):
    env = LeggedRobot(lively(4, engine))
    held = dict(zip(("observations", "rewards", "dones", "time_outs"), env.step(torch.zeros(4, 12)), strict=True))

    def addresses():
        sim = {f"sim.{k}": v for k, v in vars(env.sim).items() if isinstance(v, torch.Tensor)}
        return {name: value.data_ptr() for name, value in (env._all_state() | sim).items()}

    before = addresses()
    assert len(before) > 40
    rollout(env, 60)
    assert addresses() == before
    again = env.step(torch.zeros(4, 12))
    assert all(one is two for one, two in zip(held.values(), again, strict=True))
    env.load_state_dict(env.state_dict())
    env.reset()
    assert addresses() == before
