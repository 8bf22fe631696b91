"""Puts a trained policy among the shipped ones: `ship_policy.py --task=go2 --checkpoint=logs/go2/.../model_360.pt`.

Keeps what it takes to run the policy, and the run's config.yaml; what it takes to train on is left out.
"""

from legged_gym import RESOURCES_DIR
from legged_gym.cli.args import ShipArgs
from legged_gym.cli.parse import parse_flags
from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users
from legged_gym.utils.files import write_file
from legged_gym.utils.learner import require_own_rsl_rl

NETWORK = ("policy", "policy_cfg", "obs_dims", "observation_layout", "num_actions")
KEPT = ("format", *NETWORK, "iteration", "total_steps", "total_time")


@script
def main(argv: list[str] | None = None) -> None:
    args = parse_flags(ShipArgs, __doc__, argv)
    task = get_task(args.task).name
    require_own_rsl_rl()
    config = args.checkpoint.parent / "config.yaml"
    if not config.is_file():
        raise UserError(f"there is no {config}: a shipped policy needs the config that it was trained with")

    from rsl_rl.runners.on_policy_runner import FORMAT
    from rsl_rl.utils.checkpoint import load_safe, save_atomic

    with value_errors_are_the_users():
        checkpoint = load_safe(args.checkpoint, FORMAT)
    shipped = {key: checkpoint[key] for key in KEPT if key in checkpoint}  # older ones have no layout
    if args.half:
        shipped["policy"] = {name: tensor.half() for name, tensor in shipped["policy"].items()}
    folder = RESOURCES_DIR / "policies" / task
    folder.mkdir(parents=True, exist_ok=True)
    save_atomic(shipped, folder / "model.pt")
    write_file(folder / "config.yaml", config.read_bytes())
    print(f"shipped {folder / 'model.pt'} ({(folder / 'model.pt').stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
