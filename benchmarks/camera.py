"""How many depth images a second: `python benchmarks/camera.py --num_envs 4096`.

Robots stand on the tiles of go2_parkour_student, all box slots in use. `render` is the ray casting alone, at the size
of the image that is handed over; `update` adds noise, resizing and the buffer, at the size that the sensor has.
"""

import statistics
import time
from dataclasses import dataclass

from legged_gym.cli import process

process.tune()  # before torch is imported

# isort: split
import torch
import tyro

from legged_gym.cli.processes import seed_everything
from legged_gym.registry import get_task
from legged_gym.sensors.depth_camera import DepthCamera
from legged_gym.utils.bounds import AtLeastOne, check_flags
from legged_gym.utils.devices import check_device
from legged_gym.utils.errors import script


@dataclass
class Args:
    num_envs: AtLeastOne = 4096
    device: str = "cuda:0" if torch.cuda.is_available() else "cpu"
    images: AtLeastOne = 20
    """images of each robot in a measurement"""
    rounds: AtLeastOne = 5


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    check_flags(args)
    check_device(args.device)
    task = get_task("go2_parkour_student")
    cfg = task.env_cfg()
    cfg.env.num_envs = args.num_envs
    seed_everything(1)
    env = task.make_env(cfg, args.device)
    camera = env.camera
    height, width = cfg.camera.resized
    cfg.camera.height, cfg.camera.width, cfg.camera.crop = height, width, (0, 0, 0, 0)
    bare = DepthCamera(cfg.camera, env.ground, env.sim, env.dt)
    everyone = torch.ones(args.num_envs, dtype=torch.bool, device=env.device)
    step = torch.zeros((), dtype=torch.long, device=env.device)
    layers = {"render": lambda: bare.render(everyone), "update": lambda: camera.update(step, everyone)}
    times = {name: [] for name in layers}
    with torch.no_grad():
        captured = {name: env.capture(function) for name, function in layers.items()}
        for _ in range(args.rounds):
            for name, function in captured.items():
                if env.device.type == "cuda":
                    torch.cuda.synchronize()
                start = time.perf_counter()
                for _ in range(args.images):
                    function()
                if env.device.type == "cuda":
                    torch.cuda.synchronize()
                times[name].append((time.perf_counter() - start) / args.images)
    where = torch.cuda.get_device_name(args.device) if env.device.type == "cuda" else "CPU"
    *_, half_size = env.ground.slots()
    boxes = (half_size > 0).all(-1).sum(1).float().mean()
    print(f"{args.num_envs} cameras on {where}, {boxes:.1f} boxes each of {half_size.shape[1]} slots")
    for name, values in times.items():
        print(f"{name}: {args.num_envs / statistics.median(values):,.0f} images/s of {height} x {width}")


if __name__ == "__main__":
    main()
