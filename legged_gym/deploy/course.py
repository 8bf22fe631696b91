"""A tile with its goals: where to go, how far one came, and whether one fell; as `ParkourRobot` has it, in numpy."""

from typing import Any

import numpy as np

from legged_gym.deploy.rotations import wrap_to_pi
from legged_gym.terrain import rules
from legged_gym.terrain.generators import GENERATORS, rough_tile
from legged_gym.terrain.tile import Tile, intersect, make_tile

Array = np.ndarray


def flat_tile() -> Tile:
    """A plane, and nothing on it."""
    return make_tile("plane", 0.0, [], np.zeros((8, 2)))


def course_tile(kind: str, number: int, course: dict[str, Any], difficulty: float) -> Tile:
    """Tile `number` of a type: those that evaluate.py has at this difficulty, over and over, and others of the kind."""
    types = [*course["types"], *(other for other in GENERATORS if other not in course["types"])]
    column = types.index(kind) * course["tiles_per_type"] + number % course["tiles_per_type"]
    rng = np.random.default_rng([course["seed"], 0, column])
    return rough_tile(
        kind,
        difficulty,
        rng,
        lateral=course["lateral"],
        roughness=course["roughness"],
        num_boxes=course["num_boxes"],
        flag="trial.course.num_boxes in deploy.yaml",
    )


class Course:
    """The goals of a tile, one after another; each is reached by staying near it for a moment."""

    def __init__(self, tile: Tile, course: dict[str, Any], period: float):
        """`period`: control period, s."""
        self.tile, self._radius = tile, course["goal_radius"]
        self._dwell = round(course["goal_dwell_s"] / period)  # control steps
        self.num_goals = len(tile.goals)
        self.reached = self._inside = 0

    @property
    def done(self) -> bool:
        return self.reached >= self.num_goals

    def advance(self, position: Array) -> None:
        """One control step further, with the base at `position` (3,)."""
        near = np.linalg.norm(self._goals(1)[0] - position[:2]) < self._radius
        self._inside = self._inside + 1 if near else 0
        if self._inside >= self._dwell:
            self.reached, self._inside = self.reached + 1, 0

    def yaw_errors(self, position: Array, yaw: float) -> Array:
        """(2,) rad to turn by, to the left, to face the current goal and the next one."""
        aims = self._goals(2) - position[:2]
        return wrap_to_pi(np.arctan2(aims[:, 1], aims[:, 0]) - yaw)

    def _goals(self, count: int) -> Array:
        """(count, 2) from the current one on; after the last, the last."""
        return self.tile.goals[np.minimum(self.reached + np.arange(count), self.num_goals - 1), :2]

    def fallen(self, position: Array, roll: float, pitch: float, feet: Array) -> bool:
        """Tilted, far below the start, or with three of `feet` (F, 3) on the floor of a pit."""
        floor = self.tile.plane_z
        in_pit = floor < rules.PIT and (feet[:, 2] < floor + rules.ON_FLOOR).sum() >= rules.FEET_IN_PIT
        return max(abs(roll), abs(pitch)) > rules.MAX_TILT or position[2] < rules.LOWEST_BASE or in_pit

    def feet_on_edge(self, feet: Array, contact: Array) -> int:
        """How many of `feet` (F, 3) in `contact` (F,) have the ground drop beside them."""
        feet = feet[contact]
        points = np.pad((feet[:, None, :2] + _AROUND_FOOT).reshape(-1, 2), ((0, 0), (0, 1)))
        _, tops, _ = intersect(self.tile, points, (0.0, 0.0, 1.0))
        tops = tops.reshape(self.tile.num_boxes, len(feet), len(_AROUND_FOOT))
        under = tops[..., :_UNDER]  # what carries a foot is not above it
        support = np.where(under <= feet[:, None, 2], under, -np.inf).max((0, 2), initial=self.tile.plane_z)
        beside = tops[..., _UNDER:].max(0, initial=self.tile.plane_z)
        return int((support[:, None] - beside > rules.EDGE_DROP).any(1).sum())


def _ring(count: int, radius: float) -> Array:
    angles = 2.0 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], -1)


_UNDER = 9  # points under a foot: its middle and its rim; the others lie around it
_AROUND_FOOT = np.concatenate([np.zeros((1, 2)), _ring(_UNDER - 1, rules.FOOT_RIM), _ring(16, rules.EDGE_REACH)])
