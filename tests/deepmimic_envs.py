"""Environments of robots that follow motions, as the tests of them make these."""

from legged_gym import make
from legged_gym.envs.base.deepmimic_robot import DeepMimicRobot

WALK, BOW, BOX = "motions/g1/walk_slow.npz", "motions/g1/bow.npz", "motions/g1/box_8cm.npz"
SHORT = {"sim.num_threads": 1, "deepmimic.mirrored": False}


def config(cfg):
    """Nothing random but where episodes start."""
    cfg.clean()
    cfg.deepmimic.n_append = 10


def env_of(*motions: str, num_envs: int = 4, task: str = "g1_deepmimic_mocap", **settings) -> DeepMimicRobot:
    return make(task, num_envs, cfg=config, **SHORT | {"deepmimic.motions": motions or (WALK,)} | settings)


def follow(env: DeepMimicRobot) -> None:
    """All robots are exactly as their motion is."""
    env.sim.set_state(env.everyone, env.motion.qpos, env.motion.qvel)
    env.sim.refresh()
    env._update_base_state()


def compare(env: DeepMimicRobot) -> None:
    """As a step does after the physics, without time going on."""
    env.motion.frame.sub_(1)
    env._post_physics_step()


class Carried(DeepMimicRobot):
    """Robots that are carried along their motion, `beside` it, until `dropped`."""

    beside, dropped = 0.0, 10**6

    def _post_physics_step(self):
        self.motion.advance()
        qpos = self.motion.qpos.clone()
        qpos[:, 1] += self.beside
        qpos[:, 2] += 2.0 * (self.motion.frame >= self.dropped)
        self.sim.set_state(self.everyone, qpos, self.motion.qvel)
        self.sim.refresh()
        self._update_base_state()
        self.motion.frame.sub_(1)
        super()._post_physics_step()
