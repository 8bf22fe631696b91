"""Trains a task: `python legged_gym/scripts/train.py --task=go2`.

On several GPUs: `torchrun --nproc-per-node 4 legged_gym/scripts/train.py --multi_gpu --task=go2`.
"""

import os
import sys

from legged_gym.cli import process, processes, runs
from legged_gym.cli.args import TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.utils.errors import script


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    if processes.rank() > 0:  # rank 0 speaks for all
        sys.stdout = open(os.devnull, "w")
    with processes.told_by_rank_0():
        command = parse(TrainArgs, "train", argv)
    runner_cfg = command.train_cfg.runner
    runner_cfg.run_name = runs.resolve_run_name(runner_cfg.run_name, command.train_cfg.seed)

    from legged_gym.training import train  # slow: after the command line has been found good

    train(command, sys.argv if argv is None else argv)


if __name__ == "__main__":
    main()
