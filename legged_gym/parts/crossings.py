"""Gates on the way, such as bars on posts: which were crossed, how, and whether without touching them."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.course import KEY, Course
from legged_gym.simulators import Simulator
from legged_gym.simulators.outline import outline
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE, POST, REACH, TOUCH, WRONG_WAY
from legged_gym.terrain.tile import Mode, Obstacle
from legged_gym.utils.math import assign_where, quat_rotate

MODES = {"jump": Mode.JUMP, "crawl": Mode.CRAWL}
BESIDE = 0.02  # m from bar or post within which a link in contact touches it; it has moved on for a physics step


class Gates(NamedTuple):
    """What each robot's course has, (N, M): metres in the tile's frame."""

    there: Tensor  # bool; else the row is no gate
    middle: Tensor  # x
    y: Tensor
    top: Tensor
    underside: Tensor
    half_width: Tensor
    depth: Tensor  # of the bar, along x
    mode: Tensor  # float, of `Mode`


class Crossings(Part):
    """Of N robots, for each of their at most M gates; free of host syncs.

    A gate is passed where the base's origin goes by its middle: between the posts or outside, over or under. It is left
    behind once the base is `REACH` beyond, and was crossed cleanly if it was passed between the posts in the way that
    its mode asks for and, while within `REACH`, nothing touched bar or posts. Contacts are those at the ends of control
    steps. As the engine tells forces, not what they come from, a link with one touches the gate that is nearest to the
    base if its outline is within `BESIDE` of bar or posts.

    Attributes:
        way: (N, M) long, how each was passed last; 0: not yet
        links: (L,) the body's, then the feet
        touching: (N, L) bool, which of them touch the nearest gate
        toucher: (N, M) long, 1 + index in `links` of the first that touched each; 0: none
        left, clean: (N, M) bool
        now: (N, M) bool, left behind in this step
        passed_by: Gates of the tiles that this step's physics took place on
        measured_clean, measured_way, measured_toucher: (N, M) kept over resets by `measure`
    """

    settings = ("terrain",)

    def __init__(self, course: Course, sim: Simulator, body: Tensor, feet: Tensor):
        """`body`, `feet`: indices of the links."""
        self._course, self._sim = course, sim
        self.links = torch.cat([body, feet])
        points, radii, of = (torch.as_tensor(each, device=body.device) for each in outline(sim.robot))
        self._points, self._radii, self._point_links = points.float()[None], radii.float(), of
        self._of_link = (of[:, None] == self.links).float()  # (P, L)
        shape, device = course.obstacles.shape[:2], course.level.device
        flags = dict(dtype=torch.bool, device=device)
        self.keep(
            way=torch.zeros(shape, dtype=torch.long, device=device),
            toucher=torch.zeros(shape, dtype=torch.long, device=device),
            left=torch.zeros(shape, **flags),
            clean=torch.zeros(shape, **flags),
            last_x=torch.zeros(shape[0], 1, device=device),
        )
        self.now = torch.zeros(shape, **flags)
        self.touching = torch.zeros(shape[0], len(self.links), **flags)
        self._numbers = torch.arange(shape[1], device=device)
        self.measured_clean, self.measured_way = self.clean.clone(), self.way.clone()
        self.measured_toucher = self.toucher.clone()
        self.passed_by = self.gates()

    def gates(self) -> Gates:
        """Those of the present tiles."""
        row = dict(zip(Obstacle._fields, self._course.obstacles.unbind(-1), strict=True))
        there = row["half_width"].isfinite() & (row["mode"] != Mode.NONE)
        middle = row["x"] + 0.5 * row["depth"]
        return Gates(there, middle, *(row[k] for k in ("y", "height", "underside", "half_width", "depth", "mode")))

    def update(self) -> None:
        """After the physics of a control step."""
        gates, position = self.gates(), self._sim.root_pos_w
        self.passed_by = gates
        x, y, z = position.split(1, 1)
        passing = gates.there & (self.last_x < gates.middle) & (x >= gates.middle)
        over = z > 0.5 * (gates.top + gates.underside)
        right = torch.where(over == (gates.mode == Mode.JUMP), AS_ASKED, WRONG_WAY)
        way = torch.where((y - gates.y).abs() < gates.half_width, right, OUTSIDE)
        self.way.copy_(torch.where(passing, way, self.way))
        away = torch.where(gates.there, (x - gates.middle).abs(), torch.inf)
        nearest = away.argmin(1, keepdim=True)
        force = self._sim.contact_forces_w.index_select(1, self.links).norm(dim=-1)
        torch.logical_and(force > TOUCH, self._beside(gates, nearest), out=self.touching)
        touchable = (away < REACH) & (self._numbers == nearest) & ~self.left
        spoils = touchable & self.touching.any(1, keepdim=True)
        first = 1 + self.touching.float().argmax(1, keepdim=True)
        self.toucher.copy_(torch.where(spoils & ~self.touched, first, self.toucher))
        torch.logical_and(~self.left & (self.way > 0), gates.there & (x > gates.middle + REACH), out=self.now)
        self.clean.logical_or_(self.now & (self.way == AS_ASKED) & ~self.touched)
        self.left.logical_or_(self.now)
        self.last_x.copy_(x)

    def _beside(self, gates: Gates, which: Tensor) -> Tensor:
        """(N, L) whether links are within `BESIDE` of bar or posts of the gates `which` (N, 1)."""
        gate, sim, of = Gates(*(each.gather(1, which) for each in gates)), self._sim, self._point_links
        turned = quat_rotate(sim.body_quat_w.index_select(1, of), self._points)
        x, y, z = (sim.body_pos_w.index_select(1, of) + turned).unbind(-1)  # (N, P)
        x, y, above = (x - gate.middle).abs(), (y - gate.y).abs(), z - gate.top
        outer = gate.half_width + POST  # of posts, and where the bar ends
        bar = _gap(x - 0.5 * gate.depth, y - outer, torch.maximum(above, gate.underside - z))
        post = _gap(x - 0.5 * POST, torch.maximum(y - outer, gate.half_width - y), above)
        close = torch.minimum(bar, post) < (self._radii + BESIDE).square()
        return (close & gate.there).float() @ self._of_link > 0.0

    @property
    def touched(self) -> Tensor:
        """(N, M) whether something touched at each gate."""
        return self.toucher > 0

    def spoilt(self) -> Tensor:
        """(N,) whether something touched at a gate that is not left behind yet: its crossing cannot be clean."""
        return (self.touched & ~self.left).any(1)

    def all_as_asked(self) -> Tensor:
        """(N,) whether all gates were passed between the posts and in the way that was asked for, touched or not."""
        return ((self.way == AS_ASKED) | ~self.passed_by.there).all(1)

    def mastered(self) -> Tensor:
        """(N,) whether all were passed as asked, and at least three in four cleanly: a single one has to be clean."""
        return self.all_as_asked() & (4 * self.clean.sum(1) >= 3 * self.passed_by.there.sum(1))

    def reset(self, mask: Tensor) -> None:
        """New episodes of the robots in `mask` (N,), which start before all gates."""
        for buffer in (self.way, self.toucher, self.left, self.clean, self.last_x):
            assign_where(mask, buffer, 0)

    # -- figures ------------------------------------------------------------------------------------------------------
    @staticmethod
    def figure_names() -> list[str]:
        """Log keys of the means that `measure` gives."""
        return [KEY + name for name in ("clean_courses", "outside_posts", *(f"clean_crossings/{m}" for m in MODES))]

    def measure(self, ended: Tensor) -> list[tuple[Mapping[str, Tensor], Tensor]]:
        """Keeps what was crossed, as resets are about to clear it; groups for `Statistics.add`, of the robots (N,)
        whose episode `ended`. Gates that were not reached were not crossed. `clean_crossings` is a mean over robots of
        the share of their gates, where evaluations have the share of all gates together."""
        self.measured_clean.copy_(self.clean)
        self.measured_way.copy_(self.way)
        self.measured_toucher.copy_(self.toucher)
        gates = self.passed_by
        there = gates.there.sum(1)
        all_clean = (self.clean.sum(1) == there) & (there > 0)
        outside = (self.way == OUTSIDE).any(1)
        groups = [({KEY + "clean_courses": all_clean, KEY + "outside_posts": outside}, ended & (there > 0))]
        for name, mode in MODES.items():
            own = gates.there & (gates.mode == mode)
            share = (self.clean & own).sum(1) / own.sum(1).clamp(min=1)
            groups.append(({f"{KEY}clean_crossings/{name}": share}, ended & own.any(1)))
        return groups


def _gap(*beyond: Tensor) -> Tensor:
    """Squared distances from a box, of points that are `beyond` its faces by so much along each axis; m."""
    return torch.stack([each.clamp(min=0.0).square() for each in beyond]).sum(0)
