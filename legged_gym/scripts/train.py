"""Trains a task: `python legged_gym/scripts/train.py --task=go2`."""

import copy
import shlex
import sys
from pathlib import Path

from legged_gym.utils import runs
from legged_gym.utils.cli import Command, TrainArgs, parse
from legged_gym.utils.errors import script, value_errors_are_the_users


@script
def main(argv: list[str] | None = None) -> None:
    command = parse(TrainArgs, "train", argv)
    args, env_cfg, train_cfg = command.args, command.env_cfg, command.train_cfg
    train_cfg.runner.run_name = runs.resolve_run_name(train_cfg.runner.run_name, train_cfg.seed)

    from rsl_rl.runners import OnPolicyRunner  # slow: after the command line has been found good

    runs.seed_everything(runs.rank_seed(train_cfg.seed))
    with value_errors_are_the_users():
        env = command.task.make_env(env_cfg, command.device)
        wandb = _wandb_options(command) if args.wandb else None
        runner = OnPolicyRunner(env, train_cfg, None, command.device, graph=not args.no_graph, wandb=wandb)
        if command.checkpoint is not None:
            runner.load(command.checkpoint)
        if command.teacher is not None:
            runner.load_teacher(command.teacher)
            print(f"teacher: {command.teacher}")
        runner.prepare()

    # Only now is anything written: every mistake above leaves no run behind.
    run = runs.create_run(args.log_root, train_cfg.runner.experiment_name, train_cfg.runner.run_name)
    typed = shlex.join(sys.argv if argv is None else argv)
    origin = {"resumed_from": str(command.checkpoint or ""), "teacher": str(command.teacher or "")}
    runs.save_config(run, command.task.name, env_cfg, train_cfg, command=typed, **origin)
    runs.save_git_state(run)
    runner.log_dir = run
    print(f"run: {run}")
    finished = runner.learn(train_cfg.runner.max_iterations)
    env.close()
    if finished:
        print(f"saved {run / f'model_{runner.iteration}.pt'}")
        if not args.no_eval:
            _show_how_well_it_does(command, run / f"model_{runner.iteration}.pt")


def _show_how_well_it_does(command: Command, checkpoint: Path) -> None:
    """The table that evaluate.py prints for this run."""
    from rsl_rl.runners import load_policy

    evaluator = command.task.evaluator()
    cfg = copy.deepcopy(command.env_cfg)
    cfg.evaluation()
    evaluator.prepare(cfg, difficulty=None)
    runs.seed_everything(1)
    env = command.task.make_env(cfg, command.device)
    policy = load_policy(checkpoint, command.device, env)
    figures = evaluator.evaluate(env, policy, graph=not command.args.no_graph)
    evaluator.print_figures(figures, f"{command.task.name}: the trained policy")
    env.close()


def _wandb_options(command: Command) -> dict:
    runner = command.train_cfg.runner
    config = runs.plain({"task": command.task.name, "env": command.env_cfg, "train": command.train_cfg})
    return {
        "project": runner.experiment_name,
        "name": runner.run_name or None,
        "notes": command.args.wandb_note or None,
        "config": config,
    }


if __name__ == "__main__":
    main()
