"""Runs an exported policy in another simulation: `python legged_gym/scripts/sim2sim.py --task=go2 --exported DIR`.

Plain MuJoCo, onnxruntime and numpy, without torch and the environments. The loops are in legged_gym/deploy: `trial.py`,
for motions `motion_trial.py`, and for policies that are told where to go `directed_trial.py`.
"""

import json
import os
import time

from legged_gym.cli.parse import parse_flags
from legged_gym.cli.process import try_gl
from legged_gym.cli.sim2sim_args import Sim2SimArgs
from legged_gym.deploy import sim2sim
from legged_gym.deploy.description import load_description
from legged_gym.utils.errors import script
from legged_gym.utils.files import write_file
from legged_gym.viewer.film.gl import choose_gl


@script
def main(argv: list[str] | None = None) -> None:
    args = parse_flags(Sim2SimArgs, __doc__, argv)
    description = load_description(args.exported, args.task, force=args.force)
    has = (sim2sim.has_courses(description), sim2sim.has_motions(description), sim2sim.has_scenes(description))
    args.check(*has)
    if "camera" in description and "MUJOCO_GL" not in os.environ:
        choose_gl("--exported: its policy has a camera")  # before MuJoCo is imported, which is below
    try_gl()

    from legged_gym.deploy.policy import DeployedPolicy
    from legged_gym.deploy.robot import Physics

    policy = DeployedPolicy(args.exported, description)
    physics = Physics(args.dt, args.integrator, args.cone, args.motor_delay, args.noise)
    start = time.perf_counter()
    figures = sim2sim.run(
        policy, description, args.exported, physics, args.types, args.difficulty, args.episodes_per_type
    )
    minutes = (time.perf_counter() - start) / 60.0
    title = f"{args.task}: {args.exported} in plain MuJoCo ({args.integrator}, {args.dt:g} s)"
    sim2sim.print_figures(figures, description.get("figures", {}), title)
    steps = ", ".join(f"{name} {value:.2f} ms" for name, value in figures["step_ms"].items())
    print(f"one call of a network, on one core: {steps}; {minutes:.1f} minutes in all")
    if args.json is not None:
        write_file(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
