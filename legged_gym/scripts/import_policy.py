"""Takes over a policy that VideoMimic released: `import_policy.py --task=g1_deepmimic --checkpoint=model_12000.pt`.

Writes a run with it, which play.py, evaluate.py, export.py and `--resume` load, and `policy_to_clone` names.
"""

import shlex
import sys

from legged_gym.cli import process, run_config, runs
from legged_gym.cli.args import ImportArgs
from legged_gym.cli.parse import parse_flags
from legged_gym.parts.motion_config import DeepMimicCfg
from legged_gym.registry import get_task
from legged_gym.utils.errors import script, value_errors_are_the_users


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    args = parse_flags(ImportArgs, __doc__, argv)
    task = get_task(args.task)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()

    # Slow: after the command line has been found good.
    from rsl_rl.runners.videomimic import read_released, released_checkpoint
    from rsl_rl.utils.checkpoint import save_atomic

    small = task.env_cfg()
    small.env.num_envs = small.sim.num_threads = 1
    with value_errors_are_the_users():
        saved = read_released(args.checkpoint, train_cfg.policy)  # first: an environment takes long to make
        env = task.make_env(small, "cpu")
        checkpoint = released_checkpoint(args.checkpoint, saved, train_cfg.policy, env)
    env.close()
    env_cfg.deepmimic.largest_way = DeepMimicCfg.largest_way  # VideoMimic's; a task of ours may have less
    train_cfg.policy.actor_skips = checkpoint["policy_cfg"]["actor_skips"]
    run = runs.create_run(args.log_root, train_cfg.runner.experiment_name, runs.check_name("--run_name", args.run_name))
    path = run / f"model_{checkpoint['iteration']}.pt"
    save_atomic(checkpoint, path)
    command = shlex.join(sys.argv if argv is None else argv)
    run_config.save_config(run, task.name, env_cfg, train_cfg, command=command, imported=str(args.checkpoint))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
