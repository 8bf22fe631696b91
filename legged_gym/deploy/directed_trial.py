"""Episodes of an exported policy that is told where to go over drawn scenes; the judge is that of `evaluate.py`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.rotations import DOWN, into_body, roll_pitch_yaw, wrap_to_pi
from legged_gym.deploy.sensors import HeightMap
from legged_gym.evaluation.directed_figures import (
    ARRIVED,
    FALLEN,
    SLOWEST,
    STALLED,
    STRAYED,
    UNDER_WAY,
    of_kind,
    with_total,
)
from legged_gym.terrain.rules import LIES
from legged_gym.terrain.scenes.drawn import HALF_WIDTH, LOOK_AHEAD, LOWEST, STAND_S
from legged_gym.terrain.scenes.synthetic import TrueScene
from legged_gym.terrain.tile import compose, render_height, turn

Array = np.ndarray


class Way:
    """What becomes of a robot that is to go along x, and then to stand; `legged_gym.evaluation.directed.Trial` of one.

    Attributes:
        fate: UNDER_WAY, or what came first: FALLEN, STRAYED, STALLED, ARRIVED
        gone: m along the way, at most so far
        took: control steps until it was no longer under way
        toppled: fell within STAND_S after it arrived, when it was told to stand
        drift: m over the ground, from where it was told so to where it was last
    """

    def __init__(self, length: float, period: float):
        """`length`: m of the way; `period`: control period, s."""
        self._length, self._limit = length, int(np.ceil(length / SLOWEST / period))
        self._stand = round(STAND_S / period)  # control steps, as the limit
        self.fate, self.took, self._steps, self.toppled = UNDER_WAY, 0, 0, False
        self.gone = self.drift = 0.0
        self._stop = np.zeros(2)

    @property
    def over(self) -> bool:
        """Whether nothing that is still to come counts."""
        if self.fate == ARRIVED:
            return self.toppled or self._steps >= self.took + self._stand
        return self.fate != UNDER_WAY

    def judge(self, place: Array, up: bool) -> None:
        """After a control step, of a robot at `place` (2,)."""
        self._steps += 1
        if self.fate == ARRIVED:
            self.toppled = self.toppled or not up
            if not self.toppled:
                self.drift = float(np.linalg.norm(place - self._stop))
            return
        along, aside = place
        self.took, self._stop = self._steps, place.copy()
        if not up:
            self.fate = FALLEN
            return
        self.gone = max(self.gone, float(along))
        if abs(aside) > HALF_WIDTH:
            self.fate = STRAYED
        elif along >= self._length:
            self.fate = ARRIVED
        elif self._steps >= self._limit:
            self.fate = STALLED


def stick(aside: float, heading: float, largest_way: float, largest_turn: float) -> tuple[Array, float]:
    """The way (2,), m ahead and to the left, and the turn, rad, that a user with a stick asks for.

    The robot is `aside` m to the left of a line along x, and looks `heading` rad to the left of it. It is told to go
    to, and to look at, a point on the line ahead; who looks elsewhere turns first.
    """
    bearing = float(wrap_to_pi(np.arctan2(-aside, LOOK_AHEAD) - heading))
    way = largest_way * np.array([max(np.cos(bearing), 0.0), np.sin(bearing)])
    return way, float(np.clip(bearing, -largest_turn, largest_turn))


def run_scene(
    policy: DeployedPolicy, description: dict[str, Any], scene: TrueScene, kind: str, number: int, physics: Physics
) -> dict[str, float]:
    """One episode on a `scene`, the one of this `number` of its `kind`, with pushes; the outcome, for
    `summarise_scenes`."""
    trial, period, command = description["trial"], description["control"]["period_s"], description["root_command"]
    rng, noise = np.random.default_rng([*kind.encode(), number]).spawn(2)
    robot = SimulatedRobot(description, scene.solid, physics, noise)
    start(robot, trial, float(scene.height(0.0, 0.0)), rng)
    heights = HeightMap(robot, description["height_map"], noise) if "height_map" in description else None
    (link,) = robot.bodies("root_command.link", [command["link"]])
    length = float(scene.path[-1, 0])
    way, step, push_steps = Way(length, period), 0, max(1, round(trial["push_interval_s"] / period))
    policy.reset()
    while not way.over:
        # -- the loop of a robot ------------------------------------------------------------------------------
        measured = robot.measure()
        if heights is not None:
            measured[description["height_map"]["input"]] = heights.measure(step)
        aside, heading = robot.data.xpos[link, 1], roll_pitch_yaw(robot.data.xquat[link])[2]
        there, look = stick(aside, heading, command["largest_way"], command["largest_turn"])
        if way.fate == ARRIVED:  # to stand
            there, look = np.zeros(2), 0.0
        robot.drive(policy.act(measured | {command["way"]: there, command["turn"]: [look]}))
        # -- the judge ----------------------------------------------------------------------------------------
        way.judge(robot.position[:2], stands(robot, scene))
        step += 1
        if step % push_steps == 0:
            robot.push(rng.uniform(-1.0, 1.0, 2) * trial["max_push_vel_xy"])
    return {
        "fate": way.fate,
        "gone": way.gone,
        "length": length,
        "seconds": way.took * period,
        "toppled": way.toppled,
        "drift": way.drift,
    }


def stands(robot: SimulatedRobot, scene: TrueScene) -> bool:
    """Whether it neither lies nor is too low, and the physics is sound."""
    if robot.crashed() or into_body(robot.orientation, DOWN)[2] > LIES:
        return False
    x, y, z = robot.position
    return bool(z - render_height(scene.solid, x, y) > LOWEST)


def start(robot: SimulatedRobot, trial: dict[str, Any], ground: float, rng: np.random.Generator) -> None:
    """Standing at the scene's beginning, which is at the height `ground`, as the environments have it."""
    begin = trial["scenes"]
    joints = np.array(begin["start_joint_pos"])
    low, high = robot.soft_joint_limits(trial["soft_joint_limit"])
    noisy = joints + trial["joint_pos_noise"] * rng.uniform(-1.0, 1.0, len(joints))
    noisy = noisy.clip(np.minimum(low, joints), np.maximum(high, joints))
    roll, pitch, yaw = np.array(begin["root_rot_noise"]) * rng.uniform(-1.0, 1.0, 3)
    turned = compose(turn(2, yaw), compose(turn(1, pitch), turn(0, roll)))
    place = [0.0, 0.0, ground + begin["start_height"]] + np.array(begin["root_pos_noise"]) * rng.uniform(-1.0, 1.0, 3)
    velocity = np.append(trial["root_vel_noise"] * rng.uniform(-1.0, 1.0, 6), np.zeros(len(joints)))
    qpos = np.concatenate([place, turned, noisy])
    robot.start_as(qpos, velocity, rng.uniform(*trial["friction"]), robot.default_joint_pos)


def summarise_scenes(episodes: Mapping[str, list[dict[str, float]]]) -> dict[str, Any]:
    """{"scenes": {kind: figures}, "total": means over the kinds that count}, as evaluate.py has them."""
    names = ("fate", "gone", "length", "seconds", "toppled", "drift")
    return with_total(
        {kind: of_kind(*(np.array([row[name] for row in rows]) for name in names)) for kind, rows in episodes.items()}
    )
