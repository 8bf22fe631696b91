"""State frames per second of the page beside the physics: `python benchmarks/viewer.py --num_envs 64`.

No browser has to be open; a websocket client that only receives, as a browser on another machine does, is connected.
"""

import argparse
import threading
import time

import torch
from websockets.sync.client import connect

from legged_gym.utils import runs
from legged_gym.utils.task_registry import get_task
from legged_gym.viewer.player import Player
from legged_gym.viewer.viser_viewer import ViserViewer
from rsl_rl.runners.on_policy_runner import load_policy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="go2_parkour_teacher")
    parser.add_argument("--num_envs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--overlays", action="store_true", help="height scan and contact forces too")
    parser.add_argument("--num_threads", type=int, default=0, help="of physics and networks; 0: one for each core")
    args = parser.parse_args()
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
    for _ in range(20):
        player.step()
        viewer.draw()
    received[0], frames, stepping, drawing, stepping_cpu, drawing_cpu = 0, 0, 0.0, 0.0, 0.0, 0.0
    begin = time.perf_counter()
    while time.perf_counter() < begin + args.seconds:
        # Control steps of 1/30 s at real time: 50 Hz control, 30 Hz frames.
        due = round((frames + 1) / 30 / env.dt) - round(frames / 30 / env.dt)
        start, used = time.perf_counter(), time.thread_time()
        for _ in range(due):
            player.step()
        middle, used_stepping = time.perf_counter(), time.thread_time()
        viewer.draw()
        stepping, drawing = stepping + middle - start, drawing + time.perf_counter() - middle
        stepping_cpu += used_stepping - used
        drawing_cpu += time.thread_time() - used_stepping
        frames += 1
    took = time.perf_counter() - begin
    print(f"{args.num_envs} robots of {args.task} on {device}, {torch.get_num_threads()} threads")
    print(f"frames per second of state, stepping in real-time proportion: {frames / took:.1f}")
    ms = 1e3 / frames
    print(f"a frame: stepping {ms * stepping:.1f} ms, drawing {ms * drawing:.1f} ms")
    print(f"of them on this thread's core: stepping {ms * stepping_cpu:.1f} ms, drawing {ms * drawing_cpu:.1f} ms")
    print(f"sent to one browser: {received[0] / took / 1e6:.2f} MB/s")
    client.close()
    viewer.close()
    env.close()


if __name__ == "__main__":
    main()
