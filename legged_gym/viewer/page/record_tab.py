"""Films of what the browser shows, and recordings of the scene that can be looked at from all sides."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import viser

from legged_gym.viewer.film.recordings import encode

FPS = 15
PATIENCE = 30.0  # s for a picture from the browser
LONGEST_S = 60.0  # of a film; a scene's recording may be as long as one likes
SIZE = (480, 720)  # rows and columns of a film, at most the browser's
KINDS = {".gif": "GIF, this view", ".mp4": "MP4, this view", ".viser": "scene, .viser", ".html": "scene, web page"}


class RecordTab:
    """The file goes to the browser that asked, as a download: nothing is written here.

    Films come from the browser itself, by a thread of their own, so that the robots need not wait for its pictures.
    """

    def __init__(self, server: viser.ViserServer, name: Callable[[], str]):
        """Adds itself to the open tab; `name` gives the files' names, without suffix."""
        self._server, self._name = server, name
        gui = server.gui
        self.kind = gui.add_dropdown("what", tuple(KINDS.values()))
        self.button = gui.add_button("start")
        self.button.on_click(self._click)
        self.text = gui.add_markdown("")
        self._stop: threading.Event | None = None  # set: the recording is to end
        self._client: viser.ClientHandle | None = None  # that asked for it; None once it has gone away
        self._serializer: Any = None
        self._last = 0.0  # time of the frame before
        self._lock = threading.Lock()  # of the two
        server.on_client_disconnect(self._leave)

    def draw(self) -> None:
        """After each frame: a scene's recording notes how long it was shown."""
        with self._lock:
            if self._serializer is not None:
                now = time.perf_counter()
                self._serializer.insert_sleep(now - self._last)
                self._last = now

    def close(self) -> None:
        if self._stop is not None:
            self._stop.set()

    def _click(self, event: viser.GuiEvent) -> None:
        if self._stop is not None:
            self._stop.set()
            return
        self._stop, self._client = threading.Event(), event.client
        self.kind.disabled, self.button.label = True, "stop"
        suffix = next(suffix for suffix, kind in KINDS.items() if kind == self.kind.value)
        record = self._record_film if suffix in (".gif", ".mp4") else self._record_scene
        try:
            content = record(event.client, suffix)
            if self._client is None:
                raise RuntimeError("the browser that asked for it went away")
        except (RuntimeError, TimeoutError, ValueError) as error:  # or it does not answer, or there is no frame yet
            self.text.content = f"**not recorded**: {error}"
        else:
            name = self._name() + suffix
            event.client.send_file_download(name, content, save_immediately=True)
            self.text.content = f"{name}: {len(content) / 1e6:.1f} MB, sent to the browser"
        finally:  # whatever went wrong, the next recording can begin
            self._stop = self._client = None
            self.kind.disabled, self.button.label = False, "start"

    def _leave(self, client: viser.ClientHandle) -> None:
        """A browser went away: nobody is left to end the recording that it began, nor to have it."""
        if client is self._client:
            self._client = None
            self.close()

    def _record_film(self, client: viser.ClientHandle, suffix: str) -> bytes:
        frames: list[np.ndarray] = []
        start = time.perf_counter()
        rows, columns = min(SIZE[0], client.camera.image_height), min(SIZE[1], client.camera.image_width)
        while not self._stop.is_set() and time.perf_counter() < start + LONGEST_S:
            due = start + len(frames) / FPS
            frames.append(client.get_render(rows, columns, timeout=PATIENCE)[..., :3])
            self.text.content = f"recording: {time.perf_counter() - start:.0f} s"
            time.sleep(max(0.0, due + 1 / FPS - time.perf_counter()))
        took = time.perf_counter() - start
        self.text.content = f"writing {len(frames)} frames"
        return encode(frames, len(frames) / took, suffix)  # a slow browser gives fewer frames, not a faster film

    def _record_scene(self, client: viser.ClientHandle, suffix: str) -> bytes:
        serializer = self._server.get_scene_serializer()
        with self._lock:
            self._serializer, self._last = serializer, time.perf_counter()
        self.text.content = "recording the scene"
        self._stop.wait()
        with self._lock:
            self._serializer = None
        self.text.content = "writing"
        return serializer.serialize() if suffix == ".viser" else serializer.as_html().encode()
