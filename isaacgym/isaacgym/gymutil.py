"""The command line of Isaac Gym programs, their simulation options, domain randomisation, and lines in the viewer."""

import argparse
import xml.etree.ElementTree as ElementTree

import numpy as np
import torch

from isaacgym import gymapi
from isaacgym._randomise import (  # noqa: F401 (for programs)
    apply_random_samples,
    check_buckets,
    generate_random_samples,
    get_bucketed_val,
    get_default_setter_args,
    get_property_getter_map,
    get_property_setter_map,
)

# ---- command line ----


def parse_device_str(device_str):
    """Type and number of a device: "cuda:1" -> ("cuda", 1), "cpu" -> ("cpu", 0), "gpu" -> ("cuda", 0)."""
    kind, _, number = str(device_str).strip().lower().partition(":")
    kind = "cuda" if kind == "gpu" else kind
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ValueError(f"parse_device_str: {device_str!r} is no device; cpu, cuda, gpu or cuda:<number> is")
    return kind, int(number or 0)


def parse_arguments(description="Isaac Gym Example", headless=False, no_graphics=False, custom_parameters=()):
    """Parses the flags that all Isaac Gym programs share, and those of this program.

    Where torch finds no CUDA, every device that was meant to be a GPU becomes "cpu", which one printed line says.

    Args:
        description: Of the program.
        headless: Whether to offer `--headless`.
        no_graphics: Whether to offer `--nographics`, which implies headless.
        custom_parameters: Dicts with "name" (`--task` or a position), and "type" or "action"; optionally "default",
            "help", "choices", "nargs", "const", "dest", "required", "metavar".

    Returns:
        Namespace of the flags, and `sim_device_type`, `compute_device_id`, `use_gpu_pipeline`, `physics_engine`,
        `use_gpu`.
    """
    parser = argparse.ArgumentParser(description=description)
    if headless:
        parser.add_argument("--headless", action="store_true", help="Run without a viewer")
    if no_graphics:
        parser.add_argument("--nographics", action="store_true", help="No graphics at all; implies --headless")
    parser.add_argument("--sim_device", default="cuda:0", help="Device of the physics: cpu, cuda, cuda:1, ...")
    parser.add_argument("--pipeline", default="gpu", help="Device of the tensors: cpu or gpu")
    parser.add_argument("--graphics_device_id", type=int, default=0, help="Device of the cameras")
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--flex", action="store_true", help="Not provided: rigid bodies only")
    engine.add_argument("--physx", action="store_true", help="Rigid bodies (default)")
    parser.add_argument("--num_threads", type=int, default=0, help="CPU threads of the physics; 0: all")
    parser.add_argument("--subscenes", type=int, default=0, help="Of PhysX; has no effect")
    parser.add_argument("--slices", type=int, help="Of PhysX; has no effect")
    for parameter in custom_parameters:
        _add(parser, dict(parameter))
    args = parser.parse_args()
    if args.flex:
        parser.error("--flex: soft bodies are not provided, only rigid ones (--physx)")
    _without_cuda(args)
    try:
        args.sim_device_type, args.compute_device_id = parse_device_str(args.sim_device)
    except ValueError as error:
        parser.error(str(error))
    pipeline = args.pipeline.lower()
    if pipeline not in ("cpu", "gpu", "cuda"):
        parser.error(f"--pipeline {args.pipeline}: cpu or gpu")
    args.use_gpu_pipeline = pipeline != "cpu" and args.sim_device_type == "cuda"
    args.pipeline = args.pipeline if args.use_gpu_pipeline else "cpu"
    args.physics_engine = gymapi.SIM_PHYSX
    args.use_gpu = args.sim_device_type == "cuda"
    if getattr(args, "nographics", False):
        args.headless = True
    if args.slices is None:
        args.slices = args.subscenes
    return args


def _add(parser, parameter: dict) -> None:
    """Adds one of a program's own flags."""
    name = parameter.pop("name", None)
    if name is None or not ("type" in parameter or "action" in parameter):
        raise ValueError(f'parse_arguments: a custom parameter needs "name" and "type" or "action", not {parameter}')
    if str(parameter.get("action", "")).startswith("store_"):
        # argparse refuses these with an action that takes no value; programs pass them all the same.
        for key in ("type", "choices", "nargs", "metavar"):
            parameter.pop(key, None)
    parser.add_argument(name, **parameter)


def _without_cuda(args) -> None:
    """Turns devices that are CUDA into the CPU where there is no CUDA, and says so."""
    if torch.cuda.is_available():
        return
    turned = [
        name
        for name, value in vars(args).items()
        if name.endswith("device") and isinstance(value, str) and value.lower().startswith(("cuda", "gpu"))
    ]
    for name in turned:
        setattr(args, name, "cpu")
    if turned:
        print(f"isaacgym: no CUDA here: {', '.join('--' + name for name in turned)} cpu")


def parse_sim_config(sim_cfg, sim_params):
    """Copies a dict of simulation options into `gymapi.SimParams`; a dict inside (`physx`) into what it names.

    Other options in it are the program's own.
    """
    for name, value in sim_cfg.items():
        if not hasattr(sim_params, name) and isinstance(value, dict):
            continue
        if name == "gravity":
            value = gymapi.Vec3(*(float(v) for v in value))
        if isinstance(value, dict):
            parse_sim_config(value, getattr(sim_params, name))
        else:
            setattr(sim_params, name, value)


def _indent_xml(elem, level=0):
    """Indents an XML tree in place."""
    ElementTree.indent(elem, "  ", level)


# ---- lines ----


class LineGeometry:
    """Lines of one shape, drawn at poses with `draw_lines`."""

    def __init__(self, segments, colors, pose=None):
        """Takes segments (L, 2, 3) in metres, colours (L, 3) in [0, 1], and a pose to move the shape by once."""
        self.verts = _moved(pose, np.asarray(segments, np.float32))
        self._colors = np.broadcast_to(np.asarray(colors, np.float32), (len(self.verts), 3)).copy()

    def vertices(self):
        """(L, 2, 3) float32, metres, in the shape's frame."""
        return self.verts

    def colors(self):
        """(L, 3) float32."""
        return self._colors

    def num_lines(self):
        """How many lines."""
        return len(self.verts)

    def instance_verts(self, pose):
        """(L, 2, 3) float32: the lines at a pose."""
        return _moved(pose, self.verts)


class AxesGeometry(LineGeometry):
    """The axes x, y, z in red, green, blue, `scale` metres long."""

    def __init__(self, scale=1.0, pose=None):
        ends = np.eye(3, dtype=np.float32)
        super().__init__(np.stack([0 * ends, scale * ends], 1), ends, pose)


class WireframeBoxGeometry(LineGeometry):
    """The twelve edges of a box with these sides, metres, about the origin."""

    def __init__(self, xdim=1, ydim=1, zdim=1, pose=None, color=None):
        half = np.array([xdim, ydim, zdim]) / 2
        super().__init__(_box_edges(-half, half), _color(color, (1, 0, 0)), pose)


class WireframeBBoxGeometry(LineGeometry):
    """The twelve edges of a box from its two extreme corners, `bbox` (2, 3), metres."""

    def __init__(self, bbox, pose=None, color=None):
        low, high = (np.array(_xyz(corner)) for corner in bbox)
        super().__init__(_box_edges(low, high), _color(color, (1, 0, 0)), pose)


class WireframeSphereGeometry(LineGeometry):
    """`num_lats` parallels in `color2` and `num_lons` meridians in `color` of a sphere, radius in metres."""

    def __init__(self, radius=1.0, num_lats=8, num_lons=8, pose=None, color=None, color2=None):
        first = _color(color, (1, 0, 0))
        second = _color(color2, first)
        # Points (A, B, 3) at the A heights from pole to pole and the B directions round, each closed by its first.
        height = np.linspace(0, np.pi, num_lats + 1)[:, None]
        around = np.linspace(0, 2 * np.pi, num_lons + 1)
        x, y = np.sin(height) * np.cos(around), np.sin(height) * np.sin(around)
        points = radius * np.stack([x, y, np.broadcast_to(np.cos(height), x.shape)], -1)
        meridians = np.stack([points[:-1, :-1], points[1:, :-1]], 2).reshape(-1, 2, 3)
        parallels = np.stack([points[1:-1, :-1], points[1:-1, 1:]], 2).reshape(-1, 2, 3)
        colors = np.concatenate([np.tile(first, (len(meridians), 1)), np.tile(second, (len(parallels), 1))])
        super().__init__(np.concatenate([meridians, parallels]), colors, pose)


def draw_lines(geom, gym, viewer, env, pose):
    """Draws a shape of lines at a pose, relative to the env."""
    gym.add_lines(viewer, env, geom.num_lines(), geom.instance_verts(pose), geom.colors())


def draw_line(p1, p2, color, gym, viewer, env):
    """Draws one line; points and colour have x, y, z or are sequences of three."""
    verts = np.array([[_xyz(p1), _xyz(p2)]], np.float32)
    gym.add_lines(viewer, env, 1, verts, np.array([_xyz(color)], np.float32))


def _xyz(v) -> tuple[float, float, float]:
    """Three floats of an object with x, y, z, or of a sequence."""
    values = (v.x, v.y, v.z) if hasattr(v, "x") else v
    x, y, z = (np.asarray(value, float).item() for value in values)
    return x, y, z


def _color(color, default) -> tuple[float, float, float]:
    return default if color is None else _xyz(color)


def _box_edges(low, high) -> np.ndarray:
    """(12, 2, 3): pairs of corners that differ in one coordinate."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(corners[a] - corners[b]).sum() == 1]
    return (low + corners * (high - low))[np.array(pairs)]


def _moved(pose, points) -> np.ndarray:
    """Points (..., 3) moved by a `gymapi.Transform`: v + 2w (u x v) + 2 u x (u x v) + p, u and w its quaternion's."""
    if pose is None:
        return points
    u, w = np.array(_xyz(pose.r)), float(pose.r.w)
    across = np.cross(u, points)
    return (points + 2 * (w * across + np.cross(u, across)) + np.array(_xyz(pose.p))).astype(np.float32)
