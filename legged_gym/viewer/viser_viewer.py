"""A page in the browser that shows the robots of an environment and lets one command them."""

import contextlib
import errno
import math
import queue
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import mujoco
import numpy as np
import torch
import trimesh
import viser

from legged_gym.utils.errors import UserError
from legged_gym.viewer.ground_view import GroundView

SPACING = 2.0  # m between the origins of neighbouring worlds
LANE = 4.5  # m between those of neighbouring obstacle courses
_VISUAL_GROUP, _COLLISION_GROUP = 2, 3

Event = Literal["step", "reset"]


class ViserViewer:
    """Draws the robots of a velocity task, side by side on one ground, though each lives in a world of its own.

    The browser's callbacks run on other threads: all they do is to leave events and values for the loop to pick up
    (`next_event`, `paused`, `commands`). It works the same with no browser connected.
    """

    def __init__(self, env: Any):
        self._env, cfg = env, env.cfg
        port = free_port(cfg.viser.host, cfg.viser.port)
        with contextlib.redirect_stdout(None):  # viser's own banner; the script prints the address
            self._server = viser.ViserServer(
                cfg.viser.host, port, label=f"{cfg.asset.name} x {env.num_envs}", verbose=False
            )
        self._server.gui.configure_theme(show_share_button=False)  # which would put the page on the internet
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._add_scene()
        self._add_controls()
        self.draw()
        self.report(1.0)

    @property
    def url(self) -> str:
        host = self._server.get_host()
        return f"http://{'localhost' if host in ('0.0.0.0', '::') else host}:{self._server.get_port()}"

    def _add_scene(self) -> None:
        env, scene = self._env, self._server.scene
        has_courses = hasattr(env, "ground")
        columns = env.num_envs if has_courses else math.ceil(math.sqrt(env.num_envs))
        cells = np.stack([np.arange(env.num_envs) // columns, np.arange(env.num_envs) % columns], 1)
        spacing = (0.0, LANE) if has_courses else SPACING
        self._offsets = np.zeros((1, env.num_envs, 3), dtype=np.float32)
        self._offsets[0, :, :2] = spacing * (cells - cells.mean(0))
        self._ground = GroundView(self._server, env, self._offsets[0]) if has_courses else None
        if not has_courses:
            scene.add_grid("/ground", infinite_grid=True, cell_size=0.5, section_size=SPACING)
        wxyzs, positions = np.tile([1.0, 0.0, 0.0, 0.0], (env.num_envs, 1)), self._offsets[0]
        self._handles = []  # with the index of the link that each belongs to
        for i, part in enumerate(link_meshes(env.asset, env.robot.body_names)):
            name = f"/robots/{env.robot.body_names[part.link]}/{i}"
            handle = scene.add_batched_meshes_simple(
                name, part.mesh.vertices, part.mesh.faces, wxyzs, positions, batched_colors=part.rgb
            )
            self._handles.append((part.link, handle))
        distance = 4.0 if has_courses else 2.0 + 0.75 * SPACING * (columns - 1)
        middle = self._offsets[0, (env.num_envs - 1) // 2]
        self._server.initial_camera.position = middle + (distance, -distance, 0.7 * distance)
        self._server.initial_camera.look_at = middle + (0.0, 0.0, 0.2)

    def _add_controls(self) -> None:
        gui, ranges = self._server.gui, self._env.cfg.commands.ranges
        self._pause = gui.add_checkbox("pause", False)
        self._step = gui.add_button("step", hint="one control step, then pause")
        self._step.on_click(lambda _: self._events.put("step"))
        self._reset = gui.add_button("reset", hint="a new episode for every robot")
        self._reset.on_click(lambda _: self._events.put("reset"))
        with gui.add_folder("command"):
            self._from_sliders = gui.add_checkbox("command from sliders", False, hint="else at random, as in training")
            axes = (("vx, m/s", "lin_vel_x"), ("vy, m/s", "lin_vel_y"), ("yaw rate, rad/s", "ang_vel_yaw"))
            self._sliders = [self._slider(label, *getattr(ranges, axis)) for label, axis in axes]
        self._text = gui.add_markdown("")

    def _slider(self, label: str, low: float, high: float) -> viser.GuiSliderHandle[float]:
        """Over the range and 0, somewhat wider where it is empty; not to be moved where the task never uses it."""
        unused = low == high == 0.0
        return self._server.gui.add_slider(label, min(low, -0.1), max(high, 0.1), 0.05, 0.0, disabled=unused)

    # -- what the user wants ------------------------------------------------------------------------------------------
    @property
    def paused(self) -> bool:
        return self._pause.value

    @paused.setter
    def paused(self, value: bool) -> None:
        self._pause.value = value

    @property
    def commands(self) -> tuple[float, float, float] | None:
        """Forward and sideways velocity (m/s) and yaw rate (rad/s) for all robots; None: the environment's own."""
        return tuple(slider.value for slider in self._sliders) if self._from_sliders.value else None

    def next_event(self) -> Event | None:
        """The oldest click that was not handled yet."""
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return None

    # -- what is shown ------------------------------------------------------------------------------------------------
    def draw(self) -> None:
        """Show the links where `env.sim` has them; `env.sim.refresh` makes these current."""
        sim = self._env.sim
        positions = sim.body_pos_w.transpose(0, 1).cpu().numpy() + self._offsets  # (B, N, 3)
        wxyzs = sim.body_quat_w.transpose(0, 1).cpu().numpy()
        with self._server.atomic():
            if self._ground is not None:
                self._ground.draw()
            for link, handle in self._handles:
                handle.batched_positions, handle.batched_wxyzs = positions[link], wxyzs[link]

    def report(self, real_time: float) -> None:
        """Show how robot 0 follows its command, and simulated per wall-clock time."""
        env = self._env
        measured = torch.cat([env.measured_lin_vel_b[0, :2], env.measured_ang_vel_b[0, 2:]]).tolist()
        asked = env.measured_commands[0].tolist()
        lines = ["**robot 0**: measured (command)"]
        for name, unit, value, command in zip(
            ("vx", "vy", "yaw rate"), ("m/s", "m/s", "rad/s"), measured, asked, strict=True
        ):
            lines.append(f"- {name} {value:+.2f} ({command:+.2f}) {unit}")
        lines += ["", f"real time x {real_time:.2f}"]
        if real_time < 0.9:
            lines += ["", "**slower than real time**: try fewer robots (`--num_envs`)"]
        self._text.content = "\n".join(lines)

    def close(self) -> None:
        """Take the page down."""
        with contextlib.redirect_stdout(None):  # viser's "Server stopped"
            self._server.stop()


@dataclass(frozen=True)
class LinkMesh:
    """Everything of one colour on one link, in the link's frame."""

    link: int  # index among the robot's links
    rgb: np.ndarray  # (3,) in 0 .. 1
    mesh: trimesh.Trimesh


def link_meshes(asset: Path, links: tuple[str, ...]) -> list[LinkMesh]:
    """What is to be seen of the robot in the MJCF file `asset`, whose links have the names `links`.

    These are the geoms of group 2, or those that collide (group 3) if it has none.
    """
    model = mujoco.MjModel.from_xml_path(str(asset))
    group = _VISUAL_GROUP if (model.geom_group == _VISUAL_GROUP).any() else _COLLISION_GROUP
    parts: dict[tuple[int, tuple[float, ...]], list[trimesh.Trimesh]] = {}
    for g in np.flatnonzero((model.geom_group == group) & (model.geom_bodyid > 0)):
        material = model.geom_matid[g]
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[g]
        pose = trimesh.transformations.quaternion_matrix(model.geom_quat[g])
        pose[:3, 3] = model.geom_pos[g]
        link = links.index(model.body(model.geom_bodyid[g]).name)
        parts.setdefault((link, tuple(rgba[:3])), []).append(_geom_mesh(model, g).apply_transform(pose))
    return [LinkMesh(link, np.array(rgb), trimesh.util.concatenate(meshes)) for (link, rgb), meshes in parts.items()]


def _geom_mesh(model: mujoco.MjModel, g: int) -> trimesh.Trimesh:
    """The surface of geom `g` in its own frame."""
    kind, size = mujoco.mjtGeom(model.geom_type[g]), model.geom_size[g]
    match kind:
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return trimesh.creation.icosphere(subdivisions=2, radius=size[0])
        case mujoco.mjtGeom.mjGEOM_ELLIPSOID:
            return trimesh.creation.icosphere(subdivisions=2).apply_scale(size)
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            return trimesh.creation.capsule(radius=size[0], height=2 * size[1], count=[16, 16])
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            mesh = trimesh.creation.cylinder(radius=size[0], height=2 * size[1], sections=24)
        case mujoco.mjtGeom.mjGEOM_BOX:
            mesh = trimesh.creation.box(extents=2 * size)
        case mujoco.mjtGeom.mjGEOM_MESH:
            m = model.geom_dataid[g]
            vertices = model.mesh_vert[model.mesh_vertadr[m] :][: model.mesh_vertnum[m]]
            return trimesh.Trimesh(
                vertices, model.mesh_face[model.mesh_faceadr[m] :][: model.mesh_facenum[m]], process=False
            )
        case _:
            raise UserError(f"the viewer cannot draw a geom of type {kind.name}")
    mesh.unmerge_vertices()  # or the browser would shade its edges as if they were round
    return mesh


def free_port(host: str, port: int) -> int:
    """The first free port of `host` from `port` on; 0 stands for one of the system's choice.

    Viser would look for one too, but waits forever where it can have none.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"--env.viser.port is {port}: it has to lie in 0 .. 65535")
    last = min(port + 99, 65535)
    for candidate in range(port, last + 1):
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM):
                with socket.socket(family, kind, protocol) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(address)
            return candidate
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(f"the viewer cannot use {host}, port {candidate}: {error.strerror}") from error
    raise UserError(f"ports {port} to {last} of {host} are in use: choose another with --env.viser.port")
