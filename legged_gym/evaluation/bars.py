"""How well gates such as bars are crossed, bar by bar, and which of a policy's experts cross them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from legged_gym.evaluation.figures import BAR_COLUMNS, as_text, print_table
from legged_gym.parts.crossings import MODES
from legged_gym.simulators.model import RobotModel
from legged_gym.terrain.bars import PLATE_HEIGHT
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE
from rsl_rl.modules.gated_experts import gate_of

BEFORE = 1.0  # m ahead of a bar, from which on the gate's weights count as those before it
BIN_CM = 5  # heights of bars are told apart by this


class BarJudge:
    """Adds up, for robots in their first episode, what becomes of each of their gates; free of host syncs."""

    def __init__(self, env: Any, policy: Callable):
        self._env, self._crossings, self._actor = env, env.parts["crossings"], gate_of(policy)
        shape, device = self._crossings.clean.shape, env.device
        zeros = dict(device=device)
        self.clean, self.there = (torch.zeros(shape, dtype=torch.bool, **zeros) for _ in range(2))
        self.way, self.toucher = (torch.zeros(shape, dtype=torch.long, **zeros) for _ in range(2))
        self._kinds = kinds_of_links(env.robot, self._crossings.links.tolist())
        self.underside, self.mode = (torch.zeros(shape, **zeros) for _ in range(2))
        experts = 0 if self._actor is None else self._actor.num_experts
        self.weights = torch.zeros(*shape, experts, **zeros)  # before each gate, summed over steps

    @property
    def totals(self) -> tuple[Tensor, ...]:
        """What `count` adds to."""
        return self.clean, self.there, self.way, self.toucher, self.underside, self.mode, self.weights

    def count(self, running: Tensor) -> None:
        """After a step, for the robots that were in their first episode (N,)."""
        crossings, gates = self._crossings, self._crossings.gates()
        # A robot that has just started anew is on its next course: what it had is what was measured.
        same = (running & ~self._env.dones)[:, None]
        for kept, now in ((self.there, gates.there), (self.underside, gates.underside), (self.mode, gates.mode)):
            kept.copy_(torch.where(same, now, kept))
        measured = (crossings.measured_clean, crossings.measured_way, crossings.measured_toucher)
        for kept, now in zip((self.clean, self.way, self.toucher), measured, strict=True):
            kept.copy_(torch.where(running[:, None], now, kept))
        if self._actor is not None:
            ahead = gates.middle - self._env.sim.root_pos_w[:, :1]
            before = same & gates.there & (ahead > 0.0) & (ahead < BEFORE)
            self.weights.add_(before[..., None] * self._actor.shown[:, None])

    def of_type(self, own: Tensor) -> dict[str, float]:
        """Figures of the robots `own` (N,) bool: share of the courses with all bars crossed cleanly, share of all
        their bars together that were, and of the courses of which a bar was passed outside of its posts. Syncs with the
        host."""
        there, clean = self.there[own], self.clean[own]
        return {
            "clean_courses": (clean | ~there).all(1).float().mean().item(),
            "clean_crossings": (clean.sum() / there.sum().clamp(min=1)).item(),
            "outside_posts": (self.way[own] == OUTSIDE).any(1).float().mean().item(),
        }

    def bars(self, own: Tensor) -> list[dict[str, Any]]:
        """Of the same robots, a row for each mode and height: how many bars, which share was crossed cleanly, which in
        the way that was asked for, touched or not, and at which share which kind of link was the first to touch."""
        rows, height = [], 100.0 * (self.underside - PLATE_HEIGHT)
        height = (BIN_CM * (height / BIN_CM).round()).long()
        for name, mode in MODES.items():
            of_mode = self.there & (self.mode == mode) & own[:, None]
            for value in sorted(set(height[of_mode].tolist())):
                bars = of_mode & (height == value)
                row = {"mode": name, "height_cm": value, "number": int(bars.sum())}
                shares = {"clean": self.clean[bars], "as_asked": self.way[bars] == AS_ASKED}
                row |= {key: share.float().mean().item() for key, share in shares.items()}
                first = self.toucher[bars].bincount(minlength=len(self._kinds) + 1)[1:].tolist()
                touched = dict.fromkeys(self._kinds, 0)
                for kind, count in zip(self._kinds, first, strict=True):
                    touched[kind] += count
                rows.append(row | {"touched_first": {k: n / row["number"] for k, n in touched.items() if n}})
        return rows

    def gate(self) -> dict[str, Any] | None:
        """Mean weights of the experts before bars of each mode, the expert that is strongest there most often, and the
        share of the bars before which it was, if that is another one for each mode (else 0). None without a gate."""
        if self._actor is None:
            return None
        names, strongest, switching = self._actor.cfg.experts, {}, []
        steps = self.weights.sum(-1)  # weights of a step sum to 1
        usage = {}
        for name, mode in MODES.items():
            seen = self.there & (self.mode == mode) & (steps > 0)
            if not seen.any():
                continue
            weights = self.weights[seen]
            usage[name] = dict(zip(names, (weights.sum(0) / weights.sum()).tolist(), strict=True))
            best = weights.argmax(-1)
            strongest[name] = names[int(best.bincount(minlength=len(names)).argmax())]
            switching.append((best == names.index(strongest[name])).float())
        apart = len(set(strongest.values())) == len(strongest) > 1
        share = torch.cat(switching).mean().item() if apart else 0.0
        return {"usage": usage, "strongest": strongest, "switching": share}


def kinds_of_links(robot: RobotModel, links: Sequence[int]) -> list[str]:
    """What links are called whatever leg they are of: `base_link`, `calf`, and `foot` for those of `robot.feet`."""
    legs = {foot.split("_")[0] for foot in robot.feet}

    def kind(name: str) -> str:
        leg, _, part = name.partition("_")
        return "foot" if name in robot.feet else part if leg in legs else name

    return [kind(robot.body_names[link]) for link in links]


def print_bars(figures: Mapping[str, Any]) -> None:
    """Prints what `evaluate` found of bars: courses, bars by mode and height, and the gate."""
    table = Table(title="courses of bars", title_justify="left")
    table.add_column("type")
    for heading in BAR_COLUMNS.values():
        table.add_column(heading, justify="right")
    rows = dict(figures["types"]) | ({"total": figures["total"]} if "total" in figures else {})
    for kind, row in rows.items():
        if BAR_COLUMNS.keys() <= row.keys():
            table.add_row(kind, *(as_text(row[name]) for name in BAR_COLUMNS))
    print_table(table)
    table = Table(title="bars by mode and height of their opening", title_justify="left")
    words = ("type", "mode", "touched first by")
    for heading in (*words[:2], "cm", "bars", "clean", "as asked", words[2]):
        table.add_column(heading, justify="left" if heading in words else "right")
    for kind, bars in figures["bars"].items():
        for bar in bars:
            numbers = (bar["height_cm"], bar["number"], bar["clean"], bar["as_asked"])
            touched = ", ".join(f"{link} {as_text(share)}" for link, share in bar["touched_first"].items())
            table.add_row(kind, bar["mode"], *map(as_text, numbers), touched)
    print_table(table)
    if (gate := figures.get("gate")) is not None:
        for mode, usage in gate["usage"].items():
            print(f"gate before bars to {mode}: " + ", ".join(f"{k} {v:.2f}" for k, v in usage.items()))
        print(f"the strongest expert is its mode's own before {gate['switching']:.3f} of the bars")
