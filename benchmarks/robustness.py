"""How much a parkour policy loses towards the ends of what it was trained for, and beyond.

    python benchmarks/robustness.py --task=go2_parkour_student --use_pretrained_checkpoint --json=r.json --picture=r.png

Evaluates as evaluate.py does, once as it is and once for each case: friction, mass, a weak motor, pushes and the
commanded speed, and for a policy that sees, latency, rate and mount of the camera, and lost images. One environment
serves all cases, so that kernels are loaded once: the camera's are Warp's, on a CPU too. The teacher is measured with
its state estimated.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from legged_gym.cli import runs
from legged_gym.cli.processes import seed_everything
from legged_gym.cli.run_config import trained_configs
from legged_gym.registry import get_task
from legged_gym.utils.bounds import AtLeastOne, Positive, check_flags
from legged_gym.utils.devices import check_device
from legged_gym.utils.errors import UserError, nearest, script, value_errors_are_the_users
from legged_gym.utils.files import check_place, write_file
from rsl_rl.runners import load_policy
from rsl_rl.utils.schema import read_checkpoint

COMMANDED = 0.7  # m/s, in an evaluation
SLOWEST_RATE, LATEST = 5.0, 0.2  # Hz and s, of the cases
AS_TRAINED = "as trained"


@dataclass
class Args:
    task: str = "go2_parkour_student"
    checkpoint: Path | None = None
    """model_<iteration>.pt, with its config.yaml beside it"""
    use_pretrained_checkpoint: bool = False
    """the shipped policy of the task"""
    device: str = "cuda:0" if torch.cuda.is_available() else "cpu"
    difficulty: float = 1.0
    num_envs: AtLeastOne = 64
    """robots per type of tile"""
    types: tuple[str, ...] = ("parkour", "hurdle", "step", "gap")
    """types of tile"""
    cases: tuple[str, ...] = ()
    """groups of cases, as "friction" or "latency"; none: all"""
    seconds: Positive = 30.0
    """longest episode at 0.7 m/s"""
    json: Path | None = None
    picture: Path | None = None


@dataclass(frozen=True)
class Case:
    group: str
    label: str
    value: float | None  # where it stands in the group's curve; None: it has none
    apply: Callable[[Any], None]  # to an environment in its nominal state

    @property
    def name(self) -> str:
        return f"{self.group} {self.label}".strip()


# -- cases: each changes an environment before its episodes start ------------------------------------------------------


def friction(value: float) -> Case:
    def apply(env: Any) -> None:
        env.randomization.friction.fill_(value)
        env.sim.set_friction(env.randomization.friction)

    return Case("friction", f"{value:g}", value, apply)


def mass(kg: float) -> Case:
    def apply(env: Any) -> None:
        env.randomization.added_mass.fill_(kg)
        env.sim.set_base_inertia(env.randomization.added_mass, env.randomization.added_com)

    return Case("added mass", f"{kg:+g} kg", kg, apply)


def weak_leg(foot: int) -> Case:
    """20 % less of gains and torque in the joints of the leg of one foot: of the leg that its name begins with."""

    def apply(env: Any) -> None:
        leg = env.robot.feet[foot].split("_")[0]
        joints = [k for k, name in enumerate(env.robot.joint_names) if name.startswith(f"{leg}_")]
        if not joints:
            raise UserError(f"no joint's name begins with {leg}_, as that of the foot {env.robot.feet[foot]} does")
        random = env.randomization
        for values in (random.kp_strength, random.kd_strength, env.motors.torque_limits):
            values[..., joints] *= 0.8

    return Case("weak leg", "front" if foot == 0 else "rear", None, apply)


def push(speed: float) -> Case:
    return Case("push", f"{speed:g} m/s", speed, lambda env: setattr(env.cfg.domain_rand, "max_push_vel_xy", speed))


def command(speed: float) -> Case:
    """Slow robots get more time for their course."""

    def apply(env: Any) -> None:
        env.velocity_commands.lin_vel_x.fill_(speed)
        env.max_episode_length = round(env.max_episode_length * max(1.0, COMMANDED / speed))

    return Case("commanded speed", f"{speed:g} m/s", speed, apply)


def latency(seconds: float, jitter: float = 0.0) -> Case:
    def apply(env: Any) -> None:
        env.camera.latency.fill_(seconds)
        env.cfg.camera.latency, env.cfg.camera.latency_jitter = (seconds, seconds), jitter

    if jitter:
        return Case("latency jitter", f"{1e3 * seconds:.0f} ± {1e3 * jitter:.0f} ms", None, apply)
    return Case("latency", f"{1e3 * seconds:.0f} ms", 1e3 * seconds, apply)


def rate(hertz: float) -> Case:
    return Case("image rate", f"{hertz:g} Hz", hertz, lambda env: env.camera.period.fill_(1.0 / hertz))


def pitch(degrees: float) -> Case:
    """Every camera turned down from the middle of its training's range."""

    def apply(env: Any) -> None:
        env.camera.pitch.fill_(0.5 * sum(env.cfg.camera.pitch) + degrees * torch.pi / 180.0)

    return Case("camera pitch", f"{degrees:+g}°", degrees, apply)


def height(centimetres: float) -> Case:
    """Every camera above the middle of its training's range."""

    def apply(env: Any) -> None:
        cfg = env.cfg.camera
        env.camera.position[:, 2] = cfg.position[2] + 0.5 * sum(cfg.mount_height) + 0.01 * centimetres

    return Case("camera height", f"{centimetres:+g} cm", centimetres, apply)


def dropped(share: float) -> Case:
    return Case(
        "dropped images", f"{share:.0%}", 100 * share, lambda env: setattr(env.cfg.camera, "dropped_frames", share)
    )


BODY = [
    *map(friction, (0.3, 0.4, 0.6, 1.0, 1.5)),
    *map(mass, (-1.0, 3.0, 5.0)),
    *map(weak_leg, (0, -1)),
    *map(push, (0.0, 1.0)),
    *map(command, (0.3, 0.5, 1.0, 1.2)),
]
CAMERA = [
    *map(latency, (0.0, 0.04, 0.08, 0.12, 0.16, 0.2)),
    latency(0.1, jitter=0.04),
    *map(rate, (5.0, 8.0, 10.0, 15.0, 30.0)),
    *map(pitch, (-8.0, -5.0, 5.0, 8.0)),
    *map(height, (-3.0, 3.0)),
    *map(dropped, (0.0, 0.2)),
    Case("blank image", "", None, lambda env: None),
]


# -- measuring ---------------------------------------------------------------------------------------------------------


def choose(seeing: bool, asked: tuple[str, ...]) -> list[Case]:
    cases = [*BODY, *(CAMERA if seeing else ())]
    groups = list(dict.fromkeys(case.group for case in cases))
    for group in asked:
        if group not in groups:
            raise UserError(f"--cases: there is no group '{group}'; {nearest(group, groups)}")
    return [case for case in cases if not asked or case.group in asked]


def wide(cfg: Any, cases: list[Case]) -> tuple[Any, tuple[float, float]]:
    """The camera's config as it is, and its rate; `cfg` then has room for all cases."""
    camera, own = cfg.camera, copy.deepcopy(cfg.camera)
    camera.latency = (min(camera.latency[0], 0.0), max(camera.latency[1], LATEST))
    camera.rate = (SLOWEST_RATE, max(SLOWEST_RATE, camera.rate[1]))
    return own, own.rate


class Bench:
    """An environment that goes back to its nominal state before each case."""

    def __init__(self, task: Any, env_cfg: Any, device: str):
        self.camera = None
        if "camera" in vars(env_cfg):
            self.camera, own_rate = wide(env_cfg, CAMERA)
        seed_everything(1)
        with value_errors_are_the_users():
            self.env = env = task.make_env(env_cfg, device)
        if self.camera is not None:
            low, high = own_rate
            drawn = low + (high - low) * torch.rand_like(env.camera.period)
            env.camera.period.copy_(torch.where(drawn > 0.0, 1.0 / drawn, 0.0))
            env.camera.latency.fill_(self.camera.latency[0])
            env.cfg.camera.latency = self.camera.latency
        random, tensors = env.randomization, [env.motors.torque_limits, env.velocity_commands.lin_vel_x]
        tensors += [random.friction, random.added_mass, random.kp_strength, random.kd_strength]
        if self.camera is not None:
            tensors += [env.camera.pitch, env.camera.position, env.camera.period, env.camera.latency]
        self._nominal = [(tensor, tensor.clone()) for tensor in tensors]
        self._cfg, self._longest = copy.deepcopy(env.cfg), env.max_episode_length

    def prepare(self, case: Case | None) -> None:
        """Nominal, but for `case`."""
        env = self.env
        for tensor, value in self._nominal:
            tensor.copy_(value)
        env.sim.set_friction(env.randomization.friction)
        env.sim.set_base_inertia(env.randomization.added_mass, env.randomization.added_com)
        vars(env.cfg.domain_rand).update(vars(self._cfg.domain_rand))
        if self.camera is not None:
            vars(env.cfg.camera).update(vars(self._cfg.camera))
        env.max_episode_length = self._longest
        seed_everything(1)
        if case is not None:
            case.apply(env)


def blank(policy: Callable) -> Callable:
    """`policy` behind a camera that shows nothing."""
    return lambda observations: policy({**observations, "depth": torch.full_like(observations["depth"], 0.5)})


def check(args: Args) -> None:
    """Refuses values that nothing can be measured with."""
    check_flags(args)
    check_device(args.device)
    if (args.checkpoint is None) != args.use_pretrained_checkpoint:
        raise UserError("name a policy: --checkpoint FILE, or --use_pretrained_checkpoint")
    if not args.types:
        raise UserError("--types is empty: name one type of tile, or leave it out")
    check_place("--json", args.json)
    check_place("--picture", args.picture)
    if args.picture is not None and args.picture.suffix not in (".png", ".svg", ".pdf"):
        raise UserError(f"--picture: {args.picture.name} has to end in .png, .svg or .pdf")


def measure(args: Args) -> dict[str, Any]:
    task = get_task(args.task)
    evaluator = task.evaluator()
    if not hasattr(evaluator, "draw_chart"):
        raise UserError(f"--task is {task.name}: its evaluation has no goals reached by type of obstacle")
    checkpoint = args.checkpoint or runs.pretrained_checkpoint(task.name)
    with value_errors_are_the_users():
        read_checkpoint(checkpoint)
    cfg, train_cfg, notes = trained_configs(checkpoint, task)
    for note in notes:
        print(f"note: {note}")
    cfg.evaluation()
    cfg.env.num_envs, cfg.env.episode_length_s = args.num_envs, args.seconds
    shares = vars(cfg.terrain.proportions)
    for kind in args.types:
        if kind not in shares:
            raise UserError(f"--types: there is no type '{kind}'; {nearest(kind, shares)}")
    shares.update({kind: 1.0 / len(args.types) if kind in args.types else 0.0 for kind in shares})
    evaluator.prepare(cfg, args.difficulty)
    seeing = "camera" in vars(cfg)
    cases = choose(seeing, args.cases)
    if seeing:
        print("Warp compiles the camera's kernels, unless it has them from before: half a minute on a CPU", flush=True)
    bench = Bench(task, cfg, args.device)
    results = {}
    for case in (None, *cases):
        with value_errors_are_the_users():
            policy = load_policy(
                checkpoint, bench.env.device, bench.env, estimated=not seeing, task_cfg=train_cfg.policy
            )
        bench.prepare(case)
        found = evaluator.evaluate(bench.env, blank(policy) if case and case.group == "blank image" else policy)
        name = AS_TRAINED if case is None else case.name
        where = {} if case is None else {"group": case.group, "value": case.value}
        results[name] = {**where, **found}
        print(f"{name}: goals reached {found['total']['goals_reached']:.3f}", flush=True)
        if args.json is not None:
            write_file(args.json, json.dumps({"checkpoint": str(checkpoint), "cases": results}, indent=1) + "\n")
    bench.env.close()
    return results


# -- showing -----------------------------------------------------------------------------------------------------------


def print_table(results: dict[str, Any], title: str) -> None:
    base = results[AS_TRAINED]
    table = Table(title=title, title_justify="left")
    table.add_column("case")
    for heading in ("goals reached", "change", "falls", *base["types"]):
        table.add_column(heading, justify="right")
    group = None
    for name, row in results.items():
        if row.get("group") != group:
            table.add_section()
            group = row.get("group")
        goals, falls = row["total"]["goals_reached"], row["total"]["fall_rate"]
        change = "" if row is base else f"{goals - base['total']['goals_reached']:+.3f}"
        types = [f"{figures['goals_reached']:.3f}" for figures in row["types"].values()]
        table.add_row(name, f"{goals:.3f}", change, f"{falls:.3f}", *types)
    Console().print(table)


def draw(results: dict[str, Any], title: str, path: Path) -> None:
    """A panel for each group that has values; the others as bars in the last one."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    base = results[AS_TRAINED]
    cases = [row | {"name": name} for name, row in results.items() if name != AS_TRAINED]
    curves = dict.fromkeys(row["group"] for row in cases if row["value"] is not None)
    others = [row for row in cases if row["value"] is None]
    panels = len(curves) + bool(others)
    columns = min(4, panels)
    figure, grid = plt.subplots(
        -(-panels // columns),
        columns,
        figsize=(3.4 * columns, 2.9 * -(-panels // columns)),
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(title)
    axes = list(grid.flat)
    for panel, group in zip(axes, curves, strict=False):
        rows = sorted((row for row in cases if row["group"] == group), key=lambda row: row["value"])
        x = [row["value"] for row in rows]
        for kind in base["types"]:
            panel.plot(x, [row["types"][kind]["goals_reached"] for row in rows], lw=0.9, alpha=0.7, label=kind)
        panel.plot(x, [row["total"]["goals_reached"] for row in rows], "k.-", label="mean")
        unit = rows[0]["name"].removeprefix(group).split()[-1].lstrip("+-.0123456789")
        panel.set(xlabel=f"{group}, {unit}" if unit else group, ylim=(0.0, 1.02))
    if others:
        bars = axes[len(curves)]
        bars.barh(range(len(others)), [row["total"]["goals_reached"] for row in others], color="lightsteelblue")
        for k, row in enumerate(others):
            bars.text(0.02, k, row["name"], va="center", fontsize=8)
        bars.set(xlim=(0.0, 1.02), xlabel="goals reached", yticks=[])
    for panel in axes[: len(curves)]:
        panel.axhline(base["total"]["goals_reached"], color="black", ls=":", lw=0.8)
        panel.grid(alpha=0.3)
    for panel in axes[panels:]:
        panel.axis("off")
    if curves:
        axes[0].set_ylabel("goals reached")
        axes[0].legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    check(args)
    results = measure(args)
    title = f"{args.task}, difficulty {args.difficulty:g}, {args.num_envs} robots per type"
    print_table(results, title)
    if args.picture is not None:
        draw(results, title, args.picture)


if __name__ == "__main__":
    main()
