"""Lets a policy that was trained in the original Isaac Gym walk in a fork's own environment, and measures how.

    python _acceptance_policy.py PACKAGE POLICY --task=NAME --headless --num_envs N [flags of the fork]

PACKAGE is `legged_gym` or `humanoid`, of whose kind the fork is; POLICY a TorchScript file. The command is 0.5 m/s
straight ahead; the fork's randomisation stays on, pushes and observation noise are off. The last line printed is
`RESULT` and figures as JSON.
"""

import importlib
import json
import sys

COMMAND = 0.5  # m/s
SETTLE = 2.0  # s that are left out of the means


def main() -> None:
    package, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    sys.argv[1:4] = []
    import isaacgym  # noqa: F401 (forks want it before torch)

    importlib.import_module(f"{package}.envs")  # registers the tasks
    utils = importlib.import_module(f"{package}.utils")
    import torch

    args = utils.get_args()
    cfg, _ = utils.task_registry.get_cfgs(name=args.task)
    cfg.noise.add_noise = False
    cfg.domain_rand.push_robots = False
    cfg.terrain.mesh_type = "plane"
    cfg.terrain.curriculum = False
    cfg.commands.heading_command = False
    cfg.commands.resampling_time = 1e6
    ranges = cfg.commands.ranges
    ranges.lin_vel_x, ranges.lin_vel_y, ranges.ang_vel_yaw = [COMMAND, COMMAND], [0.0, 0.0], [0.0, 0.0]
    env, _ = utils.task_registry.make_env(name=args.task, args=args, env_cfg=cfg)
    policy = torch.jit.load(path, map_location=env.device)
    for name, value in policy.named_buffers():
        if name.endswith(("hidden_state", "cell_state")):  # of one robot, as it was exported
            setattr(policy, name, value.new_zeros(value.shape[0], env.num_envs, value.shape[2]))
    weight = _weight(env)
    falls, speeds, loads = 0, [], []
    env.reset()  # as their runners do: robots are created with their base in the ground
    obs = env.get_observations()
    with torch.no_grad():
        for step in range(round(seconds / env.dt)):
            env.commands[:] = 0.0
            env.commands[:, 0] = COMMAND
            obs = env.step(policy(obs))[0]
            falls += int((env.reset_buf.bool() & ~env.time_out_buf.bool()).sum())
            if step * env.dt >= SETTLE:
                speeds.append(env.base_lin_vel[:, 0].clone())
                loads.append(env.contact_forces[:, :, 2].sum(1) / weight)
    speed, load = torch.stack(speeds), torch.stack(loads)
    figures = {
        "envs": env.num_envs,
        "seconds": seconds,
        "falls": falls,
        "speed": float(speed.mean()),
        "error": float((speed.mean(0) - COMMAND).abs().mean()),
        "load": float(load.mean()),
    }
    print("RESULT", json.dumps(figures), flush=True)


def _weight(env):
    """(N,) weights of the robots, N."""
    import torch

    props = [env.gym.get_actor_rigid_body_properties(e, a) for e, a in zip(env.envs, env.actor_handles, strict=True)]
    mass = torch.tensor([sum(float(p.mass) for p in bodies) for bodies in props], device=env.device)
    return mass * abs(env.sim_params.gravity.z)


if __name__ == "__main__":
    main()
