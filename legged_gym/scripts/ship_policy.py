"""Puts a trained policy among the shipped ones: `ship_policy.py --task=go2 --checkpoint=logs/go2/.../model_360.pt`.

Keeps what it takes to run the policy, and the run's config.yaml; what it takes to train on is left out. What would be
shipped is evaluated before it takes the place of what is there.
"""

import os
from pathlib import Path
from typing import Any

from legged_gym import RESOURCES_DIR
from legged_gym.cli import process
from legged_gym.cli.args import ShipArgs
from legged_gym.cli.parse import parse
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users
from legged_gym.utils.files import check_folder, write_file

NETWORK = ("policy", "policy_cfg", "obs_dims", "observation_layout", "num_actions")
KEPT = ("format", *NETWORK, "iteration", "total_steps", "total_time")


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    command = parse(ShipArgs, "evaluation", argv)
    config = command.checkpoint.parent / "config.yaml"
    if not config.is_file():
        raise UserError(f"there is no {config}: a shipped policy needs the config that it was trained with")
    folder = RESOURCES_DIR / "policies" / command.task.name
    check_folder("--task", folder)

    from legged_gym.training import show_how_well_it_does
    from rsl_rl.utils.checkpoint import save_atomic
    from rsl_rl.utils.files import drafting

    with value_errors_are_the_users():
        shipped = _to_ship(command.checkpoint, command.train_cfg.policy, command.args)
        with drafting(folder) as draft:
            save_atomic(shipped, draft / "model.pt")
            show_how_well_it_does(command, command.env_cfg, draft / "model.pt")
            folder.mkdir(parents=True, exist_ok=True)
            os.replace(draft / "model.pt", folder / "model.pt")
    write_file(folder / "config.yaml", config.read_bytes())
    print(f"shipped {folder / 'model.pt'} ({(folder / 'model.pt').stat().st_size / 1e6:.1f} MB)")


def _to_ship(path: Path, policy_cfg: Any, args: ShipArgs) -> dict[str, Any]:
    """What is kept of the checkpoint `path`; ValueError for one that this task cannot run."""
    from rsl_rl.modules import ActorCritic
    from rsl_rl.runners.checkpoints import check_class, load_network, without_critic
    from rsl_rl.utils.schema import read_checkpoint

    checkpoint = read_checkpoint(path)
    check_class(path, checkpoint, policy_cfg)
    policy = load_network(path, None, policy_cfg)
    shipped = {key: checkpoint[key] for key in KEPT if key in checkpoint}  # older ones have no layout
    if args.without_critic:
        if not isinstance(policy, ActorCritic) or policy.critic is None:
            raise ValueError(f"--without_critic: the {type(policy).__name__} of {path} has none")
        shipped["policy"] = without_critic(shipped["policy"], policy)
    if args.half:
        shipped["policy"] = halved(shipped["policy"])
        if spoilt := [name for name, tensor in shipped["policy"].items() if not tensor.isfinite().all()]:
            raise ValueError(f"--half: numbers of {spoilt[0]} in {path} are too large for half precision")
    return shipped


def halved(tensors: dict[str, Any]) -> dict[str, Any]:
    """In half precision, apart from whole numbers, such as counters."""
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


if __name__ == "__main__":
    main()
