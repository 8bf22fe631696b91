"""The control step of every task, and of worlds that blow up."""

import math

import pytest
import torch
from go2_envs import ENGINES, FEET, lively, quiet, rollout

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.registry import all_tasks


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("task", all_tasks().values(), ids=list(all_tasks()))
def test_every_task_steps(task, engine):
    cfg, (num_envs, steps) = task.env_cfg(), {"mujoco": (16, 50), "warp": (4, 15)}[engine]  # Warp is slow on a CPU
    cfg.env.num_envs, cfg.sim.engine = num_envs, engine
    if engine == "warp" and hasattr(cfg.terrain, "num_columns"):  # MuJoCo's robots have all tiles, which take seconds
        cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 20, 2, 1
    cfg.rewards.only_positive_rewards = False  # else four robots under random actions may earn nothing at all
    env = task.make_env(cfg, "cpu")
    *observations, rewards, dones, time_outs = rollout(env, steps)
    assert set(env.observations) == set(env.observation_layout)
    assert {"proprio", "history_torso_real"} & set(env.observations), "what a robot measures of itself"
    for value, widths in zip(observations, env.observation_layout.values(), strict=True):
        assert value.shape == (steps, num_envs, sum(widths.values())) and value.isfinite().all()
    assert rewards.isfinite().all() and rewards.shape == (steps, num_envs) and rewards.abs().sum() > 0
    assert dones.dtype == time_outs.dtype == torch.bool and not (time_outs & ~dones).any()
    env.check()
    assert env.pop_statistics()["Sim/non_finite"] == 0
    env.pop_statistics()  # with no step since the last time
    env.close()


def test_go2_is_what_its_users_expect():
    env = LeggedRobot(quiet())
    assert (env.num_envs, env.num_actions, env.dt, env.max_episode_length) == (8, 12, 0.02, 1000)
    assert list(env.observation_layout["proprio"].values()) == [3, 3, 3, 12, 12, 12]
    assert env.feet.tolist() == FEET and env.termination_links.tolist() == [0]
    assert env.penalized_links.tolist() == [2, 3, 6, 7, 10, 11, 14, 15]
    assert env.default_joint_pos[:6] == pytest.approx([0.1, 0.8, -1.5, -0.1, 0.8, -1.5])


# -- worlds that blow up -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("field", "value"), [("qpos", math.nan), ("qvel", math.nan), ("qvel", math.inf), ("qpos", 1e9)]
)
def test_a_world_that_blows_up_ends_alone(engine, field, value):
    sick, others = 2, [0, 1, 3, 4, 5]

    def run(plant):
        torch.manual_seed(1)
        env = LeggedRobot(lively(6, engine))
        env.cfg.commands.curriculum = False  # couples the robots on purpose
        rollout(env, 5)
        env.pop_statistics()
        lasting = torch.isin(torch.arange(6), torch.tensor(others))
        if plant:
            state = env.sim._batch.bind(field) if engine == "mujoco" else getattr(env.sim, field)
            state[sick, 8] = value
        record = rollout(env, 1, seed=5)
        figures = env.pop_statistics()
        record = [torch.cat(parts) for parts in zip(record, rollout(env, 10, seed=6), strict=True)]
        env.check()
        assert all(tensor.isfinite().all() for name, tensor in env._all_state().items() if name != "env.torques")
        return record, figures, env.pop_statistics(), lasting

    (*observations, rewards, dones, time_outs), figures, later, lasting = run(plant=True)
    healthy, expected, *_ = run(plant=False)
    assert dones[0, sick] and not time_outs[0, sick]
    assert figures["Sim/non_finite"] == 1 and expected["Sim/non_finite"] == 0 and later["Sim/non_finite"] == 0
    assert all(value.isfinite().all() for value in (*observations, rewards))
    assert all(math.isfinite(value) for value in (*figures.values(), *later.values()))
    for ill, well in zip((*observations, rewards, dones, time_outs), healthy, strict=True):
        assert torch.equal(ill[:, lasting], well[:, lasting])
