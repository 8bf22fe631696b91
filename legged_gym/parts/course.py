"""The way through a tile: goals one after another, obstacles, and the curriculum of levels."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.simulators import Simulator
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.tile import Mode, Obstacle
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where, quat_yaw, wrap_to_pi

KEY = "Metrics/base_parkour/"


class _Tables(NamedTuple):
    """What all courses have, row by row of the grid's tiles; made from the config, so no state."""

    goals: Tensor  # (T, G, 3)
    goals_xy: Tensor  # (T * G, 2)
    num_goals: Tensor  # (T,) long
    path_length: Tensor  # (T, G), less the goals' radius
    obstacles: Tensor  # (T, M, 7), rows of `Obstacle`
    type_of_column: Tensor  # (C,) long
    flat_types: Tensor  # (types,) bool
    type_rows: Tensor  # (types, 1) long, 0, 1, …


class Course(Part):
    """The courses of N robots, a tile's for each; free of host syncs where not said otherwise.

    A robot keeps its column, and so its type of tile, for life; its level follows a curriculum. A goal is reached by
    staying near it for a moment, and the last one ends the course.

    Attributes:
        column, type, is_flat: (N,) of each robot's tile; `type` is an index into `types`
        level: (N,) long, of the present tile or, after `place`, the next
        tile: (N,) long, row of the present tile in the grid's tables
        goal_index: (N,) long, goals reached so far
        done: (N,) bool, whether all were, as of the last `update`
        to_goal, goal_distance: (N, 2) unit vector and (N,) m to the current goal, in the plane, world frame
        yaw_errors: (N, 2) rad to turn by to face the current goal and the next one
        obstacles: (N, M, 7) rows of `Obstacle` of each robot's course; where it has fewer than others, the mode NONE
        measured_goals, measured_share: (N,) goals reached and their share of all, kept over resets by `measure`
    """

    settings = ("terrain", "goals")

    def __init__(self, cfg: Any, grid: TerrainGrid, sim: Simulator, commands: Tensor, dt: float, dwell_steps: int):
        """`cfg`: a config with `terrain` and `goals`; `commands` (N, 3), whose first is the speed towards the goals,
        m/s; `dt`: control step, s; `dwell_steps`: that a robot stays at a goal until it counts."""
        self._cfg, self._sim, self._commands, self._dt, self._dwell = cfg, sim, commands, dt, dwell_steps
        n, device = sim.num_envs, sim.device
        self.types, self.columns = grid.types, grid.columns
        self.num_levels, self._num_columns, self.most_goals = grid.goals.shape[:3]
        self._tables = _Tables(
            goals=grid.goals.flatten(0, 1),
            goals_xy=grid.goals[..., :2].reshape(-1, 2),
            num_goals=grid.num_goals.flatten(),
            path_length=grid.path_length.flatten(0, 1) - cfg.goals.radius,
            obstacles=grid.obstacles.flatten(0, 1),
            type_of_column=grid.type_of_column,
            flat_types=torch.tensor([TERRAINS[kind].flat for kind in grid.types], device=device),
            type_rows=torch.arange(len(grid.types), device=device)[:, None],
        )

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.column = torch.arange(n, device=device) * self._num_columns // n
        self.type, self.is_flat = zeros(n, dtype=torch.long), zeros(n, dtype=torch.bool)
        self._follow_columns()
        level = torch.randint(0, self._highest_first_level() + 1, (n,), device=device)
        self.keep(
            level=level,
            tile=level * self._num_columns + self.column,
            goal_index=zeros(n, dtype=torch.long),
            goal_timer=zeros(n, dtype=torch.long),
            commanded_distance=zeros(n),  # m, in this episode
            done=zeros(n, dtype=torch.bool),
            to_goal=zeros(n, 2),
            goal_distance=zeros(n),
            yaw_errors=zeros(n, 2),
        )
        self.obstacles = self._tables.obstacles.index_select(0, self.tile)  # follows from `tile`
        self.placed = zeros(n, dtype=torch.bool)  # by hand: these stay on their level
        self.measured_goals, self.measured_share = zeros(n, dtype=torch.long), zeros(n)
        self._everyone = torch.ones_like(self.done)

    def _highest_first_level(self) -> int:
        terrain, highest = self._cfg.terrain, self.num_levels - 1
        if not terrain.curriculum:
            return highest
        if not 0 <= terrain.max_init_level <= highest:
            raise UserError(
                f"--env.terrain.max_init_level is {terrain.max_init_level}: the levels are 0 to {highest} "
                "(--env.terrain.num_levels)"
            )
        return terrain.max_init_level

    def _follow_columns(self) -> None:
        self.type.copy_(self._tables.type_of_column.index_select(0, self.column))
        self.is_flat.copy_(self._tables.flat_types.index_select(0, self.type))

    # -- goals and obstacles ------------------------------------------------------------------------------------------
    @property
    def num_goals(self) -> Tensor:
        """(N,) long, goals of each robot's course."""
        return self._tables.num_goals.index_select(0, self.tile)

    @property
    def goals(self) -> Tensor:
        """(N, G, 3) of each robot's course; where it has fewer than others, its last one again."""
        return self._tables.goals.index_select(0, self.tile)

    @property
    def has_gates(self) -> bool:
        """Whether there are such, as bars on posts, on any tile. Syncs with the host."""
        mode, half_width = (
            self._tables.obstacles[..., Obstacle._fields.index(name)] for name in ("mode", "half_width")
        )
        return bool(((mode != Mode.NONE) & half_width.isfinite()).any())

    def _find_obstacles(self) -> None:
        self.obstacles.copy_(self._tables.obstacles.index_select(0, self.tile))

    def update(self) -> None:
        """After the physics of a control step: what was reached, and where to go on."""
        self._find_obstacles()
        self.commanded_distance.add_(self._commands[:, 0] * self._dt)
        inside = self._to_goals(self.goal_index[:, None])[:, 0].norm(dim=1) < self._cfg.goals.radius
        self.goal_timer.copy_(torch.where(inside, self.goal_timer + 1, 0))
        reached = self.goal_timer >= self._dwell
        self.goal_index.add_(reached)
        self.goal_timer.mul_(~reached)
        self.done.copy_(self.goal_index >= self.num_goals)
        self.aim()

    def aim(self) -> None:
        """Direction and distance of the current goal, and the turns to face it and the next one, from where the robots
        are now."""
        index = torch.stack([self.goal_index, self.goal_index + 1], 1)
        aims = self._to_goals(torch.minimum(index, self.num_goals[:, None] - 1))
        self.goal_distance.copy_(aims[:, 0].norm(dim=1))
        self.to_goal.copy_(aims[:, 0] / (self.goal_distance[:, None] + 1e-5))
        headings = torch.atan2(aims[..., 1], aims[..., 0])
        self.yaw_errors.copy_(wrap_to_pi(headings - quat_yaw(self._sim.root_quat_w)[:, None]))

    def _to_goals(self, index: Tensor) -> Tensor:
        """From the base to the goals `index` (N, k), in the plane: (N, k, 2), world frame."""
        rows = self.tile[:, None] * self.most_goals + index
        goals = self._tables.goals_xy.index_select(0, rows.flatten()).unflatten(0, rows.shape)
        return goals - self._sim.root_pos_w[:, None, :2]

    def progress(self) -> Tensor:
        """(N,) m gone along the course's line, towards the current goal; less than 0 for who went the other way."""
        goal = torch.minimum(self.goal_index, self.num_goals - 1)[:, None]
        path = self._tables.path_length.index_select(0, self.tile).gather(1, goal)[:, 0] + self._cfg.goals.radius
        return path - self.goal_distance

    def obstacle_ahead(self, behind: float = 0.0) -> dict[str, Tensor]:
        """The next obstacle of each robot: `distance` (N,) m along the course to where it begins, at least -`behind`;
        its `height` and `underside` (N,) m over the start's level; `mode` (N,) long. After the last one the distance is
        inf, the mode NONE and the rest 0."""
        return {name: value[:, 0] for name, value in self.obstacles_ahead(1, behind).items()}

    def obstacles_ahead(self, count: int, behind: float = 0.0, reach: float = torch.inf) -> dict[str, Tensor]:
        """The same of the next `count` that begin within `reach` m, each (N, count), the nearest first."""
        obstacles, column = self.obstacles, Obstacle._fields.index
        if obstacles.shape[1] < count:  # no tile has as many
            obstacles = torch.nn.functional.pad(obstacles, (0, 0, 0, count - obstacles.shape[1]))
        distance = obstacles[..., column("x")] - self._sim.root_pos_w[:, :1]
        ahead = (distance >= -behind) & (distance <= reach) & (obstacles[..., column("mode")] != Mode.NONE)
        nearest, which = torch.where(ahead, distance, torch.inf).topk(count, 1, largest=False)
        found = {name: obstacles[..., column(name)].gather(1, which) for name in ("height", "underside", "mode")}
        found = {name: torch.where(nearest.isfinite(), value, 0.0) for name, value in found.items()}
        return {"distance": nearest, **found, "mode": found["mode"].long()}

    # -- episodes -----------------------------------------------------------------------------------------------------
    def change_levels(
        self, mask: Tensor, fallen: Tensor, length: Tensor, longest: int, earned: Tensor | None = None
    ) -> None:
        """Levels of the robots in `mask` (N,), whose episodes end after `length` (N,) of `longest` control steps.

        Up for more than 0.8, down for less than 0.4 of the goals that the commanded distance could have reached. A
        robot that has `fallen` (N,) never goes up, not even from the last goal, and is measured against the whole
        episode, else an early fall would pass for a short walk. Those that leave the highest level go to any. Without
        a curriculum: to any level. `earned` (N,): only these go up.
        """
        mask = mask & ~self.placed
        anywhere = torch.randint_like(self.level, self.num_levels)
        if not self._cfg.terrain.curriculum:
            assign_where(mask, self.level, anywhere)
            return
        left = (longest - length).clamp(min=0) * self._dt
        distance = self.commanded_distance + torch.where(fallen, self._commands[:, 0] * left, 0.0)
        reachable = (self._tables.path_length.index_select(0, self.tile) <= distance[:, None]).sum(1)
        up = (self.done | ((reachable > 0) & (self.goal_index > 0.8 * reachable))) & ~fallen
        if earned is not None:
            up = up & earned
        down = (self.goal_index < 0.4 * reachable) & ~up
        level = (self.level + up.long() - down.long()).clamp(min=0)
        level = torch.where(level >= self.num_levels, anywhere, level)
        ended = mask & (length > 0)  # the first reset ends nothing
        assign_where(ended, self.level, level)

    def reset(self, mask: Tensor) -> None:
        """Put the robots in `mask` (N,) at the start of the tile of their level and column."""
        assign_where(mask, self.tile, self.level * self._num_columns + self.column)
        self._find_obstacles()
        for buffer in (self.goal_index, self.goal_timer, self.commanded_distance):
            assign_where(mask, buffer, 0)

    def take_levels(self, saved: Tensor) -> None:
        """Levels (M,) that were saved; with another number of robots, each takes that of one that stood in about the
        same column."""
        n = len(self.level)
        rows = torch.arange(n, device=self.level.device) * len(saved) // n
        self.level.copy_(saved.to(self.level.device)[rows].clamp(0, self.num_levels - 1))

    # -- by hand ------------------------------------------------------------------------------------------------------
    def place(self, mask: Tensor, level: Tensor, column: Tensor) -> None:
        """The robots in `mask` (N,) begin all coming episodes on the tile of `level` and `column` (N,)."""
        assign_where(mask, self.level, level)
        assign_where(mask, self.column, column)
        self._follow_columns()
        self.placed.logical_or_(mask)

    def place_on(self, mask: Tensor, kind: str, level: int) -> None:
        """The same on tiles of the type `kind`; neighbours on different ones."""
        columns = self.columns[kind]
        robots = torch.arange(len(mask), device=mask.device)
        self.place(mask, torch.full_like(self.level, level), columns.start + robots % len(columns))

    def release(self, mask: Tensor) -> None:
        """The robots in `mask` (N,) change levels again, in the columns where they are."""
        self.placed.logical_and_(~mask)

    # -- figures ------------------------------------------------------------------------------------------------------
    def figure_names(self) -> list[str]:
        """Log keys of the means that `measure` gives."""
        names = ["current_goal_idx", "far_from_current_goal", "terrain_level_mean"]
        names += [f"{figure}/{kind}" for figure in ("goals_reached", "level") for kind in self.types]
        return [KEY + name for name in names]

    def measure(self, ended: Tensor, sound: Tensor) -> list[tuple[Mapping[str, Tensor], Tensor]]:
        """Keeps what the step achieved, as resets are about to change it, and gives it as groups for `Statistics.add`.

        `ended` (N,): whose episode ends; `sound` (N,): whose state is finite.
        """
        self.measured_goals.copy_(self.goal_index)
        torch.div(self.goal_index, self.num_goals, out=self.measured_share)
        of_type = self.type == self._tables.type_rows  # (types, N)
        return [
            ({KEY + "current_goal_idx": self.goal_index, KEY + "terrain_level_mean": self.level}, self._everyone),
            ({KEY + "far_from_current_goal": self.goal_distance - self._cfg.goals.radius}, sound),
            ({f"{KEY}goals_reached/{kind}": self.measured_share for kind in self.types}, of_type & ended),
            ({f"{KEY}level/{kind}": self.level for kind in self.types}, of_type),
        ]
