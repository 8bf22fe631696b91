"""The page that shows clips without physics: the robot is where the clip has it."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import trimesh

from legged_gym.envs.base.legged_robot_config import ViserCfg
from legged_gym.motion.clip import Clip
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots.spec import RobotSpec
from legged_gym.viewer.page import ports
from legged_gym.viewer.page.meshes import link_meshes
from legged_gym.viewer.page.requests import Requests

FRAME_S = 0.03  # between pictures
SPEEDS = (0.1, 3.0)
_BOX, _SCENE = (217, 189, 148), (160, 160, 168)
_CONTACT = (235, 185, 30)


class MotionPage:
    """One clip at a time, chosen, started, stopped and moved through by the browser."""

    def __init__(self, robot: RobotSpec, skeleton: Skeleton, clips: Sequence[Clip], host: str, port: int):
        self._skeleton, self.clips = skeleton, {}
        for clip in clips:  # names may be equal
            name = next(n for n in (clip.name, *(f"{clip.name} {k}" for k in range(2, 10_000))) if n not in self.clips)
            self.clips[name] = clip
        self._server = ports.serve(ViserCfg(enable=True, host=host, port=port), "motions")
        self.requests = Requests()
        self._time, self._shown = 0.0, -1
        self._controls()
        scene = self._server.scene
        scene.add_grid("/ground", infinite_grid=True, cell_size=0.5, section_size=2.0)
        self._links = []
        for i, part in enumerate(link_meshes(robot.pictures(), skeleton.body_names)):
            color = tuple(int(255 * c) for c in part.rgb)
            handle = scene.add_mesh_simple(
                f"/robot/{skeleton.body_names[part.link]}/{i}", part.mesh.vertices, part.mesh.faces, color=color
            )
            self._links.append((part.link, handle))
        nowhere = np.zeros((1, 3), np.float32)
        self._contacts = scene.add_point_cloud("/contacts", nowhere, _CONTACT, point_size=0.05, precision="float32")
        self._path = scene.add_line_segments("/path", np.zeros((1, 2, 3), np.float32), (250, 150, 30), thickness=0.01)
        self.ground: list = []
        self._server.initial_camera.position, self._server.initial_camera.look_at = (2.2, -2.2, 1.6), (0.0, 0.0, 0.7)
        self._choose()

    def _controls(self) -> None:
        gui = self._server.gui
        self.choice = gui.add_dropdown("clip", tuple(self.clips))
        self.choice.on_update(lambda _: self.requests.put(self._choose))
        self.frame = gui.add_slider("frame", 0, 1, 1, 0)
        self.frame.on_update(lambda _: self.requests.put(self._move))
        self.pause = gui.add_checkbox("pause", False, hint="key space")
        gui.add_command("pause", description="or go on", hotkey="space").on_trigger(
            lambda _: self.requests.put(self._toggle)
        )
        self.speed = gui.add_slider("speed", *SPEEDS, 0.1, 1.0, hint="times real time")
        self.loop = gui.add_checkbox("again at its end", True, hint="else the next clip")
        self.follow = gui.add_checkbox("camera follows", True)
        self.contacts = gui.add_checkbox("contacts", True, hint="of feet that stand")
        self.path = gui.add_checkbox("path of the root", True)
        self.text = gui.add_markdown("")

    @property
    def clip(self) -> Clip:
        """The one that is shown."""
        return self.clips[self._name]

    @property
    def url(self) -> str:
        return ports.address(self._server)

    def _toggle(self) -> None:
        self.pause.value = not self.pause.value

    def _choose(self) -> None:
        """Another clip, from its beginning, with its ground."""
        if self.choice.value not in self.clips:  # whoever reaches the page may send any text
            return
        self._name, self._time, self._shown = self.choice.value, 0.0, -1
        self.frame.max, self.frame.value = max(1, len(self.clip.qpos) - 1), 0
        for handle in self.ground:
            handle.remove()
        self.ground = []
        add = self._server.scene.add_mesh_simple
        for k, row in enumerate(self.clip.boxes):
            mesh = trimesh.creation.box(extents=2.0 * row[7:])
            mesh.unmerge_vertices()  # or the browser would shade its edges as if they were round
            pose = {"position": row[:3], "wxyz": row[3:7]}
            self.ground.append(add(f"/boxes/{k}", mesh.vertices, mesh.faces, color=_BOX, **pose))
        ground = self.clip.ground()
        if ground.mesh is not None:
            self.ground.append(add("/scene", ground.mesh.vertices, ground.mesh.faces, color=_SCENE, side="double"))
        root = np.asarray(self.clip.qpos[:: max(1, len(self.clip.qpos) // 500), :3], np.float32)
        self._path.points = np.stack([root[:-1], root[1:]], 1) if len(root) > 1 else np.zeros((1, 2, 3), np.float32)
        notes = "".join(f"\n- {note}" for note in self.clip.notes)
        self._notes = f"{self.clip.format}, {self.clip.seconds:.1f} s at {self.clip.fps:g} Hz{notes}"

    def _move(self) -> None:
        """To the slider's frame, if it is not where playing has put it."""
        if self.frame.value != self._shown:
            self._time = self._clamped(self.frame.value) / self.clip.fps

    def _clamped(self, frame: float) -> int:
        return int(max(0, min(frame, len(self.clip.qpos) - 1)))

    def advance(self, seconds: float) -> None:
        """Time passes; at the end it begins again, or the next clip does."""
        if self.pause.value:
            return
        self._time += seconds * min(SPEEDS[1], max(SPEEDS[0], self.speed.value))
        if self._time > self.clip.seconds + 0.5:
            self._time = 0.0
            if not self.loop.value:
                names = list(self.clips)
                self.choice.value = names[(names.index(self._name) + 1) % len(names)]
                self._choose()

    def draw(self) -> None:
        """Show the frame of now."""
        frame = self._clamped(self._time * self.clip.fps)
        qpos = np.asarray(self.clip.qpos[frame : frame + 1], np.float64)
        pos, quat = self._skeleton.poses(qpos)
        with self._server.atomic():
            for link, handle in self._links:
                handle.position, handle.wxyz = pos[0, link], quat[0, link]
            stands = self.clip.contacts[frame] & self.contacts.value
            self._contacts.visible = bool(stands.any())
            if stands.any():
                lowest = [sole.place(pos, quat)[0] for sole in self._skeleton.soles]
                points = [p[p[:, 2].argmin()] for p, on in zip(lowest, stands, strict=True) if on]
                self._contacts.points = np.array(points, np.float32)
            if self._path.visible != self.path.value:
                self._path.visible = self.path.value
            if self._shown >= 0 and self.follow.value:
                self._go_along(qpos[0, :3] - self._root)
        self._root = qpos[0, :3]
        if frame != self._shown:
            self._shown = frame
            self.frame.value = frame
            feet = ", ".join("down" if on else "up" for on in self.clip.contacts[frame])
            speed = np.linalg.norm(self.clip.qvel[frame, :3])
            self.text.content = f"{frame / self.clip.fps:.2f} s, {speed:.2f} m/s, feet: {feet}\n\n{self._notes}"

    def _go_along(self, step: np.ndarray) -> None:
        for client in self._server.get_clients().values():
            client.camera.position = client.camera.position + step

    def run(self, seconds: float | None, say: Callable[[str], None] = print) -> None:
        """Until Ctrl-C, or for `seconds`."""
        say(f"viewer: {self.url} (Ctrl-C ends)")
        begin = last = time.perf_counter()
        try:
            while seconds is None or last - begin < seconds:
                self.requests.run()
                now = time.perf_counter()
                self.advance(now - last)
                last = now
                self.draw()
                time.sleep(max(0.0, FRAME_S - (time.perf_counter() - now)))
            say("finished")
        except KeyboardInterrupt:
            say("stopped")
        finally:
            self.close()

    def close(self) -> None:
        """Take the page down."""
        ports.stop(self._server)
