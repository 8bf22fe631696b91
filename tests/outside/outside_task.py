"""A task that lives outside: its robot, terrain, sensor, observation terms, reward, policy and algorithm, a place each.

`train.py --import tests/outside/outside_task.py --task=my_dog`; docs/extending.md goes through it.
"""

from dataclasses import dataclass, field

import mujoco
import numpy as np
import torch

from legged_gym import register
from legged_gym.deploy.measure import sensor
from legged_gym.envs.base.legged_robot_config import AssetCfg, NoiseCfg
from legged_gym.envs.base.parkour_config import ParkourTerrainCfg, TerrainProportions
from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.envs.go2.go2_parkour_config import Go2ParkourTeacherCfg
from legged_gym.observations import Term
from legged_gym.part import Part
from legged_gym.rewards import reward
from legged_gym.robots import GO2, Robot, register_robot
from legged_gym.terrain import Mode, Obstacle, box_below, make_tile, proportions, terrain
from legged_gym.utils.math import quat_rotate
from rsl_rl.algorithms import PPO
from rsl_rl.algorithms.losses import Loss
from rsl_rl.config import AlgorithmCfg, PolicyCfg, RunnerCfg, TrainCfg
from rsl_rl.modules import ActorCritic
from rsl_rl.utils.bounds import Positive

RANGE = 2.0  # m, as far as the range finder sees


# -- a robot -----------------------------------------------------------------------------------------------------------
def _my_dog() -> mujoco.MjSpec:
    """A Go2 with 2 kg on its back."""
    spec = mujoco.MjSpec.from_file(str(GO2.source))
    spec.body("base").mass += 2.0
    return spec


register_robot(
    Robot(
        "my_dog", _my_dog(), default_pose=GO2.default_pose, no_load_speed=GO2.no_load_speed, stiffness={"joint": 30.0}
    )
)


# -- a type of terrain -------------------------------------------------------------------------------------------------
@terrain("ditch", in_total=True)
def ditch(difficulty, rng, lateral):
    """Two walls with a ditch between them."""
    height = 0.05 + 0.2 * difficulty
    walls = [box_below((x, 0.0, height), 0.2, 2.0, height + 0.1) for x in (2.0, 3.5)]
    obstacles = [Obstacle(x - 0.1, 0.0, height, 0.0, Mode.JUMP) for x in (2.0, 3.5)]
    return make_tile(0.0, walls, [(1.0, 0.0), (2.75, 0.0), (5.0, 0.0)], obstacles)


# -- a sensor, in the simulator and on the robot -----------------------------------------------------------------------
class RangeFinder(Part):
    """Distance (N, 1) straight ahead of the base, m; at most `RANGE`."""

    def __init__(self, ground, sim):
        self._ground, self._sim = ground, sim
        self._ahead = torch.tensor([1.0, 0.0, 0.0], device=sim.device)
        self.keep(distance=torch.full((sim.num_envs, 1), RANGE, device=sim.device))

    def update(self):
        ahead = quat_rotate(self._sim.root_quat_w, self._ahead.expand(self._sim.num_envs, 3))
        self.distance.copy_(self._ground.cast(self._sim.root_pos_w[:, None], ahead[:, None], RANGE))


@sensor("range_ahead")
def range_ahead(robot):
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, robot.orientation)
    ahead, hit = rotation.reshape(3, 3)[:, 0].copy(), np.zeros(1, np.int32)
    ground = np.array([1, 0, 0, 0, 0, 0], np.uint8)
    distance = mujoco.mj_ray(robot.model, robot.data, robot.position.copy(), ahead, ground, 1, -1, hit)
    return np.array([distance if 0.0 <= distance < RANGE else RANGE])


# -- an observation term that a robot measures -------------------------------------------------------------------------
@sensor("joint_torques")
def joint_torques(robot):
    return robot.joint_torque


class MyDog(ParkourRobot):
    def _init_buffers(self):
        super()._init_buffers()
        self.range_finder = self.parts["range_finder"] = RangeFinder(self.ground, self.sim)

    def _proprio_terms(self):
        return [
            *super()._proprio_terms(),
            Term("range", lambda: self.range_finder.distance, "measured", "m, ahead", sensor="range_ahead", noise=0.02),
            Term("joint_torques", lambda: self.torques, "measured", "N·m", scale=0.05),
        ]

    def compute_observations(self):
        self.range_finder.update()
        super().compute_observations()

    # -- a reward ------------------------------------------------------------------------------------------------------
    @reward(scale=-0.05)
    def _reward_too_close(self):
        """How much nearer than half a metre what is ahead is."""
        return (0.5 - self.range_finder.distance[:, 0]).clamp(min=0.0)


# -- a policy with its algorithm ---------------------------------------------------------------------------------------
@dataclass
class CautiousPolicyCfg(PolicyCfg):
    class_name: str = "outside_task:CautiousActor"
    actor_hidden_dims: tuple[int, ...] = (32,)
    critic_hidden_dims: tuple[int, ...] = (32,)
    critic_groups: tuple[str, ...] = ("proprio", "scan", "priv_explicit")
    largest: Positive = 3.0
    """Mean actions stay within ± this."""


class CautiousActor(ActorCritic):
    config_class = CautiousPolicyCfg

    def act_inference(self, observations):
        return self.cfg.largest * torch.tanh(super().act_inference(observations) / self.cfg.largest)


@dataclass
class CautiousPPOCfg(AlgorithmCfg):
    class_name: str = "outside_task:CautiousPPO"
    caution_coef: float = 1e-3
    """Weight of the squared mean action."""


class CautiousPPO(PPO):
    config_class, trains = CautiousPPOCfg, CautiousActor

    def auxiliary_losses(self):
        caution = Loss("caution", lambda policy, batch, means: means.square().mean(), self.cfg.caution_coef)
        return [*super().auxiliary_losses(), caution]


# -- the task ----------------------------------------------------------------------------------------------------------
def _shares() -> TerrainProportions:
    return proportions(ditch=0.5, flat=0.5)


@dataclass
class MyDogCfg(Go2ParkourTeacherCfg):
    asset: AssetCfg = field(default_factory=lambda: AssetCfg(name="my_dog", penalize_contacts_on=("base", "thigh")))
    noise: NoiseCfg = field(default_factory=NoiseCfg)
    terrain: ParkourTerrainCfg = field(default_factory=lambda: ParkourTerrainCfg(proportions=_shares()))

    def evaluation(self):
        super().evaluation()
        self.terrain.proportions = _shares()


@dataclass
class MyDogTrainCfg(TrainCfg):
    policy: CautiousPolicyCfg = field(default_factory=CautiousPolicyCfg)
    algorithm: CautiousPPOCfg = field(default_factory=CautiousPPOCfg)
    runner: RunnerCfg = field(default_factory=lambda: RunnerCfg(experiment_name="my_dog"))


register(
    "my_dog", MyDog, MyDogCfg, MyDogTrainCfg, "somebody's dog over somebody's ditch", "legged_gym.evaluation.course"
)
