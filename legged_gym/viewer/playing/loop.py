"""The loop that plays: steps, what the page asks for between them, and the page drawn anew."""

import time

from legged_gym.viewer.page.policy_tab import Source
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.clock import Clock
from legged_gym.viewer.playing.gamepad import Gamepad
from legged_gym.viewer.playing.player import Player

FRAME_S = 0.03  # between pictures, on average


def show(
    player: Player, source: Source, seconds: float | None, *, chase: bool = False, gamepad: Gamepad | None = None
) -> None:
    """Serves the page and plays; says how that ended. `chase`: with the camera behind the robot."""
    viewer = ViserViewer(player, source, chase=chase)
    try:
        watch(player, viewer, seconds, gamepad)
        print("finished")
    except KeyboardInterrupt:
        print("stopped")
    finally:
        viewer.close()


def watch(player: Player, viewer: ViserViewer, seconds: float | None = None, gamepad: Gamepad | None = None) -> None:
    """Plays in real time, for simulated `seconds` or until Ctrl-C; steered by the page, and by a gamepad if given."""
    env, control = player.env, viewer.control
    control.steer()
    env.reset()
    viewer.draw()
    print(f"viewer: {viewer.url} (Ctrl-C ends)", flush=True)
    clock = Clock(env.dt)
    left = None if seconds is None else max(1, round(seconds / env.dt))
    next_frame = time.perf_counter()
    while left is None or left > 0:
        asked = viewer.requests.run()
        if control.may_step():
            clock.speed = control.speed
            if gamepad is not None:
                gamepad.drive(control.command, env.dt)
            control.steer()
            player.step()
            left = None if left is None else left - 1
            measured = clock.wait()
        else:
            time.sleep(FRAME_S)
            clock.restart()
            measured = False
        now = time.perf_counter()
        if asked or control.paused or now >= next_frame:
            viewer.draw()
            # Some steps are longer than others, those with camera images: pictures missed there are made up for.
            next_frame = max(next_frame + FRAME_S, now - 5 * FRAME_S)
        if measured or asked:
            viewer.report(clock)
