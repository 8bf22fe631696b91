"""How fast a page is beside the physics: `python benchmarks/viewer.py --task=go2_parkour_student --num_envs 64`.

The loop of play.py, with a websocket client that only receives, as a browser on another machine does: how many times a
second the state is drawn, and how near to real time the physics is. `spare` is the time that the loop had to wait.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass

from legged_gym.cli import process

process.tune()  # before torch is imported

# isort: split
import torch
import tyro
from websockets.sync.client import connect

from legged_gym.cli import runs
from legged_gym.registry import get_task
from legged_gym.utils.bounds import AtLeastOne, NotNegativeInt, Positive, check_flags
from legged_gym.utils.errors import script
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.loop import watch
from legged_gym.viewer.playing.player import Player
from rsl_rl.runners.on_policy_runner import load_policy


@dataclass
class Args:
    task: str = "go2_parkour_teacher"
    num_envs: AtLeastOne = 64
    seconds: Positive = 10.0
    """simulated"""
    overlays: bool = False
    """height scan and contact forces too"""
    num_threads: NotNegativeInt = 0
    """of physics and networks; 0: one for each core"""


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    check_flags(args)
    task = get_task(args.task)
    cfg = task.env_cfg()
    cfg.play()
    cfg.env.num_envs, cfg.viser.port, cfg.sim.num_threads = args.num_envs, 0, args.num_threads
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    env = task.make_env(cfg, device)
    player = Player(env, load_policy(runs.pretrained_checkpoint(args.task), device, env))
    viewer = ViserViewer(player)
    viewer.overlays.forces.value = args.overlays
    if viewer.overlays.scan is not None:
        viewer.overlays.scan.value = args.overlays

    received = [0]
    version = __import__("viser").__version__
    url = viewer.url.replace("http", "ws")
    client = connect(url, subprotocols=[f"viser-v{version}"], max_size=None)

    def receive() -> None:
        for message in client:
            received[0] += len(message)

    threading.Thread(target=receive, daemon=True).start()
    calls, times = Counter(), Counter()

    def timed(owner: object, name: str) -> None:
        function = getattr(owner, name)

        def call(*args: object) -> object:
            start = time.perf_counter()
            result = function(*args)
            calls[name] += 1
            times[name] += time.perf_counter() - start
            return result

        setattr(owner, name, call)

    timed(player, "step")
    timed(viewer, "draw")
    watch(player, viewer, 1.0)  # warm
    calls.clear(), times.clear()
    received[0], begin = 0, time.perf_counter()
    watch(player, viewer, args.seconds)
    took = time.perf_counter() - begin
    print(f"{args.num_envs} robots of {args.task} on {device}, {torch.get_num_threads()} threads")
    print(f"frames of state a second: {calls['draw'] / took:.1f}, at {args.seconds / took:.2f} of real time")
    step, draw = (1e3 * times[name] / calls[name] for name in ("step", "draw"))
    print(
        f"a control step {step:.1f} ms, drawing {draw:.1f} ms, spare {1 - sum(times.values()) / took:.0%} of the time"
    )
    print(f"sent to one browser: {received[0] / took / 1e6:.2f} MB/s")
    client.close()
    viewer.close()
    env.close()


if __name__ == "__main__":
    main()
