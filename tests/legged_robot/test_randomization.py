"""What is drawn of bodies, and pushes."""

import numpy as np
import torch
from go2_envs import quiet, still

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.parts.randomization import Randomization


def test_bodies_are_randomized_once():
    cfg = quiet(500)
    random = cfg.domain_rand
    random.randomize_friction = random.randomize_base_mass = random.randomize_base_com = True
    random.friction_range, random.added_mass_range, random.added_com_range = (0.2, 1.0), (-1.0, 3.0), (-0.02, 0.04)
    env = LeggedRobot(cfg)
    for values, low, high in (
        (env.randomization.friction, 0.2, 1.0), (env.randomization.added_mass, -1.0, 3.0),
        (env.randomization.added_com, -0.02, 0.04),
    ):  # fmt: skip
        margin = 0.03 * (high - low)
        assert low <= values.min() < low + margin and high - margin < values.max() <= high
    mass = env.sim._batch.expanded("body_mass")[:, 1] - 6.923
    np.testing.assert_allclose(mass, env.randomization.added_mass.numpy(), atol=1e-5)
    widths = list(env.observation_layout["privileged"].items())
    start = sum(w for _, w in widths[: [name for name, _ in widths].index("friction")])
    torch.testing.assert_close(env.observations["privileged"][:, start], env.randomization.friction)


def test_pushes_come_on_time(monkeypatch):
    cfg = quiet(200)
    cfg.domain_rand.push_robots, cfg.domain_rand.push_interval_s, cfg.domain_rand.max_push_vel_xy = True, 0.1, 0.6
    env = LeggedRobot(cfg)
    env.episode_length[1] = 2
    pushes, push = [], env.sim.add_root_velocity
    monkeypatch.setattr(env.sim, "add_root_velocity", lambda m, v: (pushes.append((m.clone(), v.clone())), push(m, v)))
    for step in range(1, 12):
        env.step(still(env))
        mask, velocity = pushes[-1]
        due = torch.full((200,), step % 5 == 0)
        due[1] = (step + 2) % 5 == 0
        alive = env.episode_length == torch.where(torch.arange(200) == 1, step + 2, step)
        assert alive.float().mean() > 0.9 and torch.equal(mask[alive], due[alive])
        assert (velocity[:, 2] == 0).all() and velocity.abs().max() <= 0.6
    assert velocity[:, :2].min() < -0.55 and velocity[:, :2].max() > 0.55


def test_randomization_of_nothing_is_nominal():
    env = LeggedRobot(quiet(4))
    drawn = Randomization(env.cfg.domain_rand, env.sim)
    drawn.reset(torch.ones(4, dtype=torch.bool))
    assert (drawn.kp_factor == 1).all() and (drawn.kd_factor == 1).all() and (drawn.friction == 1).all()
    assert not (drawn.torque_offset.any() or drawn.delay.any() or drawn.added_mass.any() or drawn.added_com.any())
