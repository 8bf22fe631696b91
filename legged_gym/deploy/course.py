"""A tile with its goals: where to go, how far one came, and whether one fell; as `ParkourRobot` has it, in numpy."""

from typing import Any

import numpy as np

from legged_gym.deploy.rotations import wrap_to_pi
from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.roughness import rough_tile
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE, REACH, WRONG_WAY, RulesCfg
from legged_gym.terrain.tile import Mode, Obstacle, Tile, intersect, make_tile, render_height
from legged_gym.utils.errors import UserError

Array = np.ndarray

_UNDER = 9  # points under a foot: its middle and its rim; others lie around it


def flat_tile() -> Tile:
    """A plane, and nothing on it."""
    return make_tile(0.0, [], np.zeros((0, 2)))


def course_tile(kind: str, number: int, course: dict[str, Any], difficulty: float) -> Tile:
    """Tile `number` of a type: those that evaluate.py has at this difficulty, over and over, and others of the kind."""
    known, length = course["columns"], course["num_columns"] // len(course["columns"])
    others = [other for other in TERRAINS if other not in known]
    first, count = known[kind] if kind in known else (course["num_columns"] + others.index(kind) * length, length)
    column = first + number % count
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
        try:
            self._rules = RulesCfg(**{name: float(value) for name, value in course["rules"].items()})
        except (TypeError, ValueError) as error:
            raise UserError(f"trial.course.rules in deploy.yaml: {error}: export again") from error
        rules = self._rules
        self._around_foot = np.concatenate(
            [np.zeros((1, 2)), _ring(_UNDER - 1, rules.foot_rim), _ring(16, rules.edge_reach)]
        )
        self._dwell = round(course["goal_dwell_s"] / period)  # control steps
        self.num_goals = len(tile.goals)
        legs = np.diff(tile.goals[:, :2], axis=0, prepend=0.0)
        self._path = np.linalg.norm(legs, axis=-1).cumsum()  # m from the start straight through the goals up to each
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

    def progress(self, position: Array) -> float:
        """m gone along the course's line, towards the current goal; less than 0 for who went the other way."""
        left = np.linalg.norm(self._goals(1)[0] - position[:2])
        return float(self._path[min(self.reached, self.num_goals - 1)] - left)

    def yaw_errors(self, position: Array, yaw: float) -> Array:
        """(2,) rad to turn by, to the left, to face the current goal and the next one."""
        aims = self._goals(2) - position[:2]
        return wrap_to_pi(np.arctan2(aims[:, 1], aims[:, 0]) - yaw)

    def _goals(self, count: int) -> Array:
        """(count, 2) from the current one on; after the last, the last."""
        return self.tile.goals[np.minimum(self.reached + np.arange(count), self.num_goals - 1), :2]

    def fallen(self, position: Array, roll: float, pitch: float, feet: Array) -> bool:
        """Tilted, far below the start, or with too many of `feet` (F, 3) on the floor of a pit."""
        floor, rules = self.tile.plane_z, self._rules
        on_floor = (feet[:, 2] < floor + rules.on_floor).sum()
        in_pit = floor < rules.pit and on_floor >= rules.num_feet_in_pit(len(feet))
        return max(abs(roll), abs(pitch)) > rules.max_tilt or position[2] < rules.lowest_base or in_pit

    def ground_under(self, position: Array) -> float:
        """Height of the ground under or over `position` (3,), m."""
        return float(render_height(self.tile, position[0], position[1]))

    def feet_on_edge(self, feet: Array, contact: Array) -> int:
        """How many of `feet` (F, 3) in `contact` (F,) have the ground drop beside them."""
        feet = feet[contact]
        points = np.pad((feet[:, None, :2] + self._around_foot).reshape(-1, 2), ((0, 0), (0, 1)))
        _, tops, _ = intersect(self.tile, points, (0.0, 0.0, 1.0))
        tops = tops.reshape(self.tile.num_boxes, len(feet), len(self._around_foot))
        under = tops[..., :_UNDER]  # what carries a foot is not above it
        support = np.where(under <= feet[:, None, 2], under, -np.inf).max((0, 2), initial=self.tile.plane_z)
        beside = tops[..., _UNDER:].max(0, initial=self.tile.plane_z)
        return int((support[:, None] - beside > self._rules.edge_drop).any(1).sum())


class Crossings:
    """The gates of a tile: how each was passed, and whether it was touched; as the part of that name has it."""

    def __init__(self, tile: Tile):
        row = dict(zip(Obstacle._fields, tile.obstacles.T, strict=True))
        gates = np.isfinite(row["half_width"])
        self._y, self._half_width, self._mode = (row[name][gates] for name in ("y", "half_width", "mode"))
        self._middle = (row["x"] + 0.5 * row["depth"])[gates]
        self._between = 0.5 * (row["height"] + row["underside"])[gates]  # over and under
        self.way = np.zeros(len(self._y), int)
        self._touched, self.left, self.clean = (np.zeros(len(self._y), bool) for _ in range(3))
        self._last_x = 0.0

    def advance(self, position: Array, touching: bool) -> None:
        """One control step further, with the base at `position` (3,), `touching` bar or posts."""
        x, y, z = position
        passing = (self._last_x < self._middle) & (x >= self._middle)
        right = np.where((z > self._between) == (self._mode == Mode.JUMP), AS_ASKED, WRONG_WAY)
        self.way = np.where(passing, np.where(np.abs(y - self._y) < self._half_width, right, OUTSIDE), self.way)
        away = np.abs(x - self._middle)
        self._touched |= (away < REACH) & (away == away.min(initial=np.inf)) & ~self.left & touching
        now = ~self.left & (self.way > 0) & (x > self._middle + REACH)
        self.clean |= now & (self.way == AS_ASKED) & ~self._touched
        self.left |= now
        self._last_x = x


def _ring(count: int, radius: float) -> Array:
    angles = 2.0 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], -1)
