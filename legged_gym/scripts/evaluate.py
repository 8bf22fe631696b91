"""Measures a trained policy: `python legged_gym/scripts/evaluate.py --task=go2 --use_pretrained_checkpoint`."""

import json

from legged_gym.utils import runs
from legged_gym.utils.cli import EvaluateArgs, parse
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users


@script
def main(argv: list[str] | None = None) -> None:
    command = parse(EvaluateArgs, "evaluation", argv)
    args = command.args

    from legged_gym.utils.evaluation import evaluate, print_figures  # slow: after the command line has been found good
    from rsl_rl.runners.on_policy_runner import load_policy

    runs.seed_everything(args.seed)
    with value_errors_are_the_users():
        env = command.task.make_env(command.env_cfg, command.device)
        policy = load_policy(command.checkpoint, command.device, env)
    print(f"policy: {command.checkpoint}")
    figures = evaluate(env, policy, graph=not args.no_graph)
    env.close()
    print_figures(figures, f"{command.task.name}: {command.checkpoint}")
    if args.json is not None:
        try:
            runs.write_atomically(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {args.json}: {error.strerror}") from error


if __name__ == "__main__":
    main()
