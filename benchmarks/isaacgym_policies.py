"""Whether a policy moves both ways between unitree_rl_gym on `isaacgym/` and this project's own `go2`.

    python benchmarks/isaacgym_policies.py --fork ~/unitree_rl_gym --rsl_rl ~/rsl_rl --checkpoint model_500.pt

Both policies, the fork's checkpoint and the one shipped here, play in both environments: random commands, a new one
every 5 s, nothing else disturbed. Each environment runs in a process of its own, as both bring a `legged_gym`.

Observations. The fork's 48 are linear velocity x 2 (3), and what `proprio` has here (45): yaw rates x 0.25, gravity,
commands x (2, 2, 0.25), joint positions less the pose, joint velocities x 0.05, last actions; both have the joints in
the same order, the same pose and the same scale of actions. So the policy of here reads the fork's from the fourth on,
and the fork's reads `base_lin_vel` of `privileged`, then `proprio`. Gains are the environment's, but where the fork's
policy plays here they are the fork's, 20 and 0.5 (`--stiffness`, `--damping`).

A fall is a tilt of the base beyond 0.8 rad. Here, a touch of the ground by the head ends an episode too, and is not one
in the fork, whose head is a body that no reward or termination looks at; so that ending is off, and how often it
happens is a column of its own. As in the fork, commands slower than 0.2 m/s are 0.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "resources" / "policies" / "go2" / "model.pt"
RANGES = ((-0.5, 1.0), (-0.3, 0.3), (-0.8, 0.8))  # of the commands: those of `go2`, within the fork's
PERIOD, SETTLING, DT = 5.0, 1.0, 0.02  # s between commands, after one until it counts, of a step
SLOWEST, MOST_TILT = 0.2, 0.8  # m/s and rad


def actor(state: dict[str, Tensor]) -> nn.Sequential:
    """The network `actor.0`, `actor.2` … of a checkpoint's parameters, with ELU between its layers, as both have it."""
    layers: list[nn.Module] = []
    for number in sorted(int(k.split(".")[1]) for k in state if k.startswith("actor.") and k.endswith(".weight")):
        weight, bias = state[f"actor.{number}.weight"], state[f"actor.{number}.bias"]
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": bias})
        layers += [layer, nn.ELU()]
    return nn.Sequential(*layers[:-1])


def load_actor(path: Path) -> nn.Sequential:
    data = torch.load(path, map_location="cpu", weights_only=True)
    return actor(data["model_state_dict"] if "model_state_dict" in data else data["policy"])


@torch.no_grad()
def measure(num_envs: int, seconds: float, step, device) -> dict[str, float]:
    """`step(commands)` advances all robots under commands (N, 3); it returns their linear and angular velocity and
    gravity (N, 3), all in the base's frame, and whose base or head touches something (N,)."""
    generator = torch.Generator().manual_seed(1)
    low, high = torch.tensor(RANGES).T
    commands, fallen = torch.zeros(num_envs, 3), torch.zeros(num_envs, dtype=torch.bool, device=device)
    errors, turns, touches = [], [], []
    for number in range(round(seconds / DT)):
        age = number * DT % PERIOD
        if number % round(PERIOD / DT) == 0:
            commands = low + (high - low) * torch.rand(num_envs, 3, generator=generator)
            commands[:, :2] *= commands[:, :2].norm(dim=1, keepdim=True) > SLOWEST
            commands = commands.to(device)
        linear, angular, gravity, touching = step(commands)
        fallen |= gravity[:, 2] > -math.cos(MOST_TILT)
        if age >= SETTLING:
            errors.append((linear[:, :2] - commands[:, :2]).norm(dim=1).mean())
            turns.append((angular[:, 2] - commands[:, 2]).abs().mean())
            touches.append(touching.float().mean())
    means = {"error": errors, "turn": turns, "touching": touches}
    return {"falls": int(fallen.sum())} | {name: float(torch.stack(rows).mean()) for name, rows in means.items()}


def in_fork(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """In the fork's environment, the checkpoint loaded by the fork's own runner."""
    sys.argv = ["play.py", "--task=go2", "--headless", f"--num_envs={args.num_envs}"]
    sys.argv += [f"--sim_device={args.device}", f"--rl_device={args.device}"]
    import isaacgym  # noqa: F401, I001 (before the fork's own modules)
    from legged_gym.envs import task_registry
    from legged_gym.utils import get_args

    flags = get_args()
    cfg, train_cfg = task_registry.get_cfgs(name="go2")
    cfg.noise.add_noise = cfg.domain_rand.push_robots = cfg.commands.heading_command = False
    cfg.commands.resampling_time = 1e6
    env, _ = task_registry.make_env(name="go2", args=flags, env_cfg=cfg)
    runner, _ = task_registry.make_alg_runner(env=env, name="go2", args=flags, train_cfg=train_cfg, log_root=None)
    runner.load(str(args.checkpoint), load_optimizer=False)
    own, shipped = runner.get_inference_policy(device=env.device), load_actor(SHIPPED).to(env.device)
    policies = {"fork": own, "shipped": lambda observations: shipped(observations[:, 3:])}
    names = env.gym.get_actor_rigid_body_names(env.envs[0], env.actor_handles[0])
    trunk = [i for i, body in enumerate(names) if body == "base" or body.startswith("Head")]
    figures = {}
    for name, policy in policies.items():
        env.reset()

        def step(commands: Tensor, policy=policy):
            env.commands[:, :3] = commands
            env.compute_observations()
            env.step(policy(env.get_observations()).detach())
            touching = (env.contact_forces[:, trunk].norm(dim=-1) > 1.0).any(1)
            return env.base_lin_vel, env.base_ang_vel, env.projected_gravity, touching

        figures[name] = measure(env.num_envs, args.seconds, step, env.device)
    return figures


def in_product(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """In this project's `go2`."""
    import legged_gym

    policies = {"fork": load_actor(args.checkpoint), "shipped": load_actor(SHIPPED)}
    gains = {"control.stiffness.joint": args.stiffness, "control.damping.joint": args.damping}
    figures = {}
    for name, network in policies.items():
        changes = {"noise.add_noise": False, "domain_rand.push_robots": False, "init_state.root_vel_noise": 0.0}
        changes["asset.terminate_after_contacts_on"] = ()
        env = legged_gym.make("go2", args.num_envs, args.device, **changes, **(gains if name == "fork" else {}))
        network.to(env.device)
        trunk = env.robot.body_names.index("base")
        env.reset()

        def step(commands: Tensor, env=env, network=network, name=name, trunk=trunk):
            env.commands.copy_(commands)
            env.compute_observations()
            observed = env.observations["proprio"]
            if name == "fork":
                speed = env.groups["privileged"].columns("base_lin_vel")
                observed = torch.cat([env.observations["privileged"][:, speed], observed], 1)
            env.step(network(observed))
            touching = env.sim.contact_forces_w[:, trunk].norm(dim=-1) > 1.0
            return env.measured_lin_vel_b, env.measured_ang_vel_b, env.gravity_b, touching

        figures[name] = measure(env.num_envs, args.seconds, step, env.device)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fork", required=True, type=Path, help="a clone of unitree_rl_gym")
    parser.add_argument("--rsl_rl", required=True, type=Path, help="a clone of rsl_rl, v1.0.2")
    parser.add_argument("--checkpoint", required=True, type=Path, help="model_<iteration>.pt of the fork's task go2")
    parser.add_argument("--num_envs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--stiffness", type=float, default=20.0, help="of the fork's policy here, N·m/rad")
    parser.add_argument("--damping", type=float, default=0.5, help="of the fork's policy here, N·m·s/rad")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", choices=("fork", "product"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        figures = in_fork(args) if args.inside == "fork" else in_product(args)
        print("RESULT", json.dumps(figures), flush=True)
        return
    for name, wanted in (("fork", "legged_gym/envs/go2/go2_config.py"), ("rsl_rl", "rsl_rl/runners/__init__.py")):
        folder = getattr(args, name).expanduser().resolve()
        if not (folder / wanted).exists():
            parser.error(f"--{name} {folder}: there is no {wanted} in it")
        setattr(args, name, folder)
    args.checkpoint = args.checkpoint.expanduser().resolve()
    if not args.checkpoint.exists():
        parser.error(f"--checkpoint {args.checkpoint}: there is no such file")
    paths = {"fork": [ROOT / "isaacgym", args.fork, args.rsl_rl], "product": [ROOT]}
    figures = {inside: _run(inside, folders, args) for inside, folders in paths.items()}
    print("| policy | environment | falls | velocity error, m/s | yaw rate error, rad/s | trunk touches |")
    print("|---|---|---|---|---|---|")
    policies = {"fork": "unitree_rl_gym's, trained on isaacgym", "shipped": "resources/policies/go2"}
    places = {"fork": "unitree_rl_gym on isaacgym", "product": "go2"}
    for inside, rows in figures.items():
        for name, row in rows.items():
            text = f"{row['falls']} of {args.num_envs} | {row['error']:.3f} | {row['turn']:.3f} | {row['touching']:.1%}"
            print(f"| {policies[name]} | {places[inside]} | {text} |")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))


def _run(inside: str, folders: list[Path], args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """This script in a process where `legged_gym` is that of `folders`."""
    flags = {name: getattr(args, name) for name in "fork rsl_rl checkpoint num_envs seconds device".split()}
    flags |= {"stiffness": args.stiffness, "damping": args.damping, "inside": inside}
    command = [sys.executable, __file__, *(f"--{name}={value}" for name, value in flags.items())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    result = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not result:
        sys.exit(f"{done.stdout}\nthe policies could not be played in the {inside}'s environment: see above")
    return json.loads(result[-1][7:])


if __name__ == "__main__":
    main()
