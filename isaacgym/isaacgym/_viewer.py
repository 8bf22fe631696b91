"""The viewer: a page in the browser, served on this machine only."""

import contextlib
import socket
import time
from dataclasses import dataclass

import numpy as np
import viser

from isaacgym._shapes import body_shapes, piece_mesh
from isaacgym._values import Quat, Transform, Vec3

PORT = 8080  # the first of a hundred that are tried
MAX_SHOWN = 256  # environments; a browser draws no more of them smoothly
MAX_RATE = 60.0  # frames a second
SPECIAL_KEYS = {  # Isaac Gym's names of keys that are no letter or digit -> viser's
    "SPACE": "space", "ENTER": "enter", "ESCAPE": "escape", "TAB": "tab", "BACKSPACE": "backspace", "DEL": "delete",
    "DELETE": "delete", "INSERT": "insert", "HOME": "home", "END": "end", "PAGE_UP": "pageup", "PAGE_DOWN": "pagedown",
    "UP": "arrowup", "DOWN": "arrowdown", "LEFT": "arrowleft", "RIGHT": "arrowright",
}  # fmt: skip


@dataclass(frozen=True)
class ActionEvent:
    """What `query_viewer_action_events` lists: `value` is 1 when the key goes down, 0 when it goes up."""

    action: str
    value: float


class Viewer:
    """Shows a scene; the handle that `create_viewer` gives.

    The browser's callbacks run on other threads: they only append to lists that the caller's thread empties. Without a
    browser, drawing costs nothing.
    """

    def __init__(self, scene, width: int = 1600, height: int = 900):
        """`scene`: `_scene.Scene`, prepared or not; `width`, `height`: of pictures, pixels."""
        self._scene, self._size = scene, (int(width), int(height))
        self.closed = False  # by the user, or by `close`
        self._down = False
        self._pressed: list[str] = []
        self._released: list[str] = []
        self._lines: list[tuple[np.ndarray, np.ndarray]] = []
        self._drawn_lines = None
        self._parts: list = []  # (bodies' numbers, handle) once the scene is prepared
        self._last = 0.0
        self._clock: tuple[float, float] | None = None
        with contextlib.redirect_stdout(None):  # viser's own banner
            self._server = viser.ViserServer("127.0.0.1", _free_port(), label="Isaac Gym", verbose=False)
        gui = self._server.gui
        gui.configure_theme(show_share_button=False)  # sharing would put the page on the internet
        self._text = gui.add_markdown("")
        gui.add_button("Close viewer").on_click(lambda _: setattr(self, "closed", True))
        self._keys = gui.add_folder("Keys")
        self._server.scene.set_up_direction("+z")
        print(f"isaacgym: viewer: {self.url}", flush=True)

    @property
    def url(self) -> str:
        """What to open in a browser on this machine."""
        return f"http://localhost:{self._server.get_port()}"

    # ---- keys ----

    def subscribe(self, key: str, action: str) -> None:
        """Has `events` list `action` when the key is pressed, or its button on the page is; keys like "KEY_ESCAPE"."""
        name = str(key).removeprefix("KEY_")
        press = lambda _: self._pressed.append(action)  # noqa: E731
        hotkey = name if len(name) == 1 and name.isalnum() else SPECIAL_KEYS.get(name)
        if hotkey is not None:
            self._server.gui.add_command(action, description=f"key {name}", hotkey=hotkey).on_trigger(press)
        with self._keys:
            self._server.gui.add_button(f"{action} ({name})").on_click(press)

    def events(self) -> list[ActionEvent]:
        """Actions since the last call; each press is followed by its release in the next call."""
        released, self._released = self._released, []
        pressed, self._pressed = self._pressed, []
        self._released = list(dict.fromkeys(pressed))
        return [ActionEvent(a, 0.0) for a in released] + [ActionEvent(a, 1.0) for a in pressed]

    # ---- camera ----

    def look_at(self, env, position: Vec3, target: Vec3) -> None:
        """Puts the camera at a position looking at a target, relative to `env`, or to the world with None."""
        position, target = (_array(v) + _origin(env) for v in (position, target))
        self._server.initial_camera.position = tuple(position)
        self._server.initial_camera.look_at = tuple(target)
        for client in self._server.get_clients().values():
            with client.atomic():
                client.camera.position, client.camera.look_at = position, target

    def camera_transform(self, env) -> Transform:
        """Where the camera of the page is, relative to `env` or to the world; it looks along its x axis."""
        clients = list(self._server.get_clients().values())
        camera = clients[0].camera if clients else self._server.initial_camera
        position, target = np.array(camera.position, float), np.array(camera.look_at, float)
        ahead = target - position
        yaw, pitch = np.arctan2(ahead[1], ahead[0]), -np.arctan2(ahead[2], np.hypot(*ahead[:2]))
        return Transform(Vec3(*(position - _origin(env))), Quat.from_euler_zyx(0.0, float(pitch), float(yaw)))

    # ---- drawing ----

    def add_lines(self, env, vertices, colors) -> None:
        """Adds lines (L, 2, 3), metres, relative to `env`, with colours (L, 3) in [0, 1], until `clear_lines`."""
        points = _numbers(vertices).reshape(-1, 2, 3) + _origin(env)
        shades = np.broadcast_to(_numbers(colors).reshape(-1, 3), (len(points), 3))
        self._lines.append((points.astype(np.float32), (255 * np.clip(shades, 0, 1)).astype(np.uint8)))

    def clear_lines(self) -> None:
        """Forgets the lines."""
        self._lines = []

    def draw(self) -> None:
        """Shows bodies and lines as they are; returns at once where no browser looks or the last frame is recent."""
        now = time.perf_counter()
        if (
            self._down
            or self._scene.engine is None
            or now - self._last < 1.0 / MAX_RATE
            or not self._server.get_clients()
        ):
            return
        self._last = now
        if not self._parts:
            self._build()
        engine = self._scene.engine
        engine.refresh_body_states()
        states = engine.body_states.view(engine.num_envs, engine.layout.num_bodies, 13)[: self._shown]
        states = states[..., :7].transpose(0, 1).cpu().numpy()
        positions = np.where(np.isfinite(states[..., :3]), states[..., :3], 0.0) + self._offsets
        wxyzs = np.where(np.isfinite(states[..., 3:]), states[..., 3:], 0.5)[..., [3, 0, 1, 2]]
        with self._server.atomic():
            for body, handle in self._parts:
                handle.batched_positions, handle.batched_wxyzs = positions[body], wxyzs[body]
            self._draw_lines()

    def _build(self) -> None:
        """Sends the shapes of all bodies and the terrain to the page."""
        scene, engine, page = self._scene, self._scene.engine, self._server.scene
        self._shown = min(engine.num_envs, MAX_SHOWN)
        self._offsets = np.array([_origin(env) for env in scene.envs[: self._shown]], np.float32)
        total = f" of {engine.num_envs}" if engine.num_envs > self._shown else ""
        self._text.content = f"{self._shown}{total} environments"
        page.configure_default_lights(enabled=False)
        page.add_light_hemisphere("/lights/sky", intensity=1.2)
        page.add_light_directional("/lights/sun", intensity=1.5, position=(2.0, -3.0, 6.0))
        if scene.planes:
            page.add_grid("/ground", infinite_grid=True, cell_size=0.5, section_size=2.0)
        for i, piece in enumerate(scene.pieces):
            vertices, faces = piece_mesh(piece)
            page.add_mesh_simple(
                f"/terrain/{i}", vertices, faces, color=(150, 150, 145), flat_shading=True, side="double"
            )
        wxyzs = np.tile([1.0, 0.0, 0.0, 0.0], (self._shown, 1))
        for i, (body, color, mesh) in enumerate(body_shapes(scene)):
            colors = np.array([_body_color(env, body, color) for env in scene.envs[: self._shown]], np.uint8)
            handle = page.add_batched_meshes_simple(
                f"/bodies/{body}/{i}", mesh.vertices, mesh.faces, wxyzs, self._offsets, batched_colors=colors
            )
            self._parts.append((body, handle))

    def _draw_lines(self) -> None:
        """Sends the lines, if there are other ones than on the page."""
        if not self._lines and self._drawn_lines is None:
            return
        if self._drawn_lines is not None:
            self._drawn_lines.remove()
            self._drawn_lines = None
        if self._lines:
            points, colors = (np.concatenate(column) for column in zip(*self._lines, strict=True))
            colors = np.repeat(colors[:, None], 2, 1)
            self._drawn_lines = self._server.scene.add_line_segments("/lines", points, colors, thickness=0.005)

    # ---- time, pictures, end ----

    def sync(self, seconds: float) -> None:
        """Waits until as much time has passed as was simulated, since the first call or since it last fell behind."""
        now = time.perf_counter()
        if self._clock is None or seconds < self._clock[1]:
            self._clock = (now, seconds)
        ahead = (seconds - self._clock[1]) - (now - self._clock[0])
        if ahead > 0:
            time.sleep(min(ahead, 1.0))
        elif ahead < -0.25:
            self._clock = (now, seconds)

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8: what the first browser shows.

        Raises:
            RuntimeError: no browser shows the page.
        """
        clients = list(self._server.get_clients().values())
        if not clients:
            raise RuntimeError(f"a picture of the viewer is made by a browser: open {self.url}")
        width, height = self._size
        return clients[0].get_render(height, width, timeout=10.0)[..., :3]

    def close(self) -> None:
        """Takes the page down, once."""
        if self._down:
            return
        self.closed = self._down = True
        with contextlib.redirect_stdout(None):  # viser's "Server stopped"
            self._server.stop()


def _free_port() -> int:
    """The first free port from `PORT` on; viser would wait forever for one that it cannot have."""
    for port in range(PORT, PORT + 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"create_viewer: ports {PORT} to {PORT + 99} are in use")


def _body_color(env, body: int, default) -> tuple[int, int, int]:
    """What `set_rigid_body_color` said of a body of an environment, else `default`."""
    for actor in env.actors:
        if body < len(actor.mass):
            color = actor.colors.get(body)
            return default if color is None else tuple(int(255 * min(max(c, 0.0), 1.0)) for c in color)
        body -= len(actor.mass)
    return default


def _array(v) -> np.ndarray:
    return np.array([v.x, v.y, v.z], float)


def _origin(env) -> np.ndarray:
    """(3,) where an environment's origin is drawn."""
    return np.zeros(3) if env is None else _array(env.origin)


def _numbers(values) -> np.ndarray:
    """Plain float32 numbers of an array, a tensor, or a structured array of x, y, z."""
    values = np.asarray(values.cpu() if hasattr(values, "cpu") else values)
    if values.dtype.names:
        values = np.stack([values[name] for name in values.dtype.names], -1)
    return values.astype(np.float32)
