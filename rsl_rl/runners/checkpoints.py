"""What a checkpoint holds, whether it fits, and the door through which a trained policy comes back."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rsl_rl.config import ClassCfg
from rsl_rl.env import VecEnv
from rsl_rl.factory import make_policy, saved_policy_cfg, saved_policy_class
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.utils.files import held, remove_left
from rsl_rl.utils.schema import ENV_STATE, FORMAT, check_weights, read_checkpoint

__all__ = ["ENV_STATE", "FORMAT", "load_network", "load_policy"]

_UNCOMMITTED = re.compile(r"env_state_(\d+)\.pt")
STUDENT_WINDOWS = "student.windows"  # of a TeacherStudent: what its student learnt from
NOT_OF_THE_NETWORK = (
    "init_noise_std",
    "re_init_std",
    "min_noise_std",
)  # fields of PolicyCfg that a resumed run may change


def load_policy(
    path: Path,
    device: torch.device | str = "cpu",
    env: VecEnv | None = None,
    *,
    estimated: bool = False,
    student: bool = False,
    task_cfg: ClassCfg | None = None,
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Deterministic policy of a checkpoint: observation groups {name: (N, d)} -> mean actions (N, A).

    `env`: when given, its observations must be those of the checkpoint (ValueError).
    `estimated`: of an ActorCriticRMA, the policy that reads only what a robot has (ValueError for another class);
    otherwise it reads the true privileged state.
    `student`: of a policy with a student beside it, that one (ValueError where there is none, or it learnt nothing).
    `task_cfg`: the task's own policy config. Classes from outside rsl_rl that the file names have to be named by it too
    (ValueError), as nothing is imported because a file says so.
    """
    policy = load_network(Path(path), env, task_cfg, student=student)
    policy.to(device).eval().requires_grad_(False)
    try:
        acting = policy.in_use(None if env is None else env.num_envs, estimated=estimated)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if env is not None:
        _refuse_nan(path, policy.in_use(env.num_envs, estimated=estimated), env)  # with a memory of its own
    return acting


def _refuse_nan(path: Path, acting: Callable[[Mapping[str, Tensor]], Tensor], env: VecEnv) -> None:
    """ValueError for a policy whose weights are finite, but so large that its answers are not."""
    for size in (1.0, 100.0):
        observations = {}
        for group, tensor in env.observations.items():
            generator = torch.Generator(tensor.device).manual_seed(0)  # the global one goes on as it would have
            observations[group] = torch.empty_like(tensor).normal_(0.0, size, generator=generator)
        if not torch.isfinite(acting(observations)).all():
            raise ValueError(f"{path}: the policy gives nan or inf: its weights are finite, but far too large")


def load_network(path: Path, env: VecEnv | None, task_cfg: ClassCfg | None, *, student: bool = False) -> nn.Module:
    """The network of a checkpoint, on the CPU; ValueError if it does not fit `env`. `student`: as of `load_policy`.

    One that was shipped without its critic comes back without it (`ActorCritic.drop_critic`).
    """
    checkpoint = read_checkpoint(path)
    if env is not None:
        check_observations(path, checkpoint, env)
    cfg = saved_policy_cfg(checkpoint, path, task_cfg)
    try:
        policy = make_policy(checkpoint["obs_dims"], checkpoint["num_actions"], cfg)
    except Exception as error:  # whatever a class makes of sizes that contradict each other
        reason = " ".join(f"{type(error).__name__}: {error}".split()).removeprefix("ValueError: ")
        raise ValueError(f"{path} holds a network that cannot be built: {reason[:200]}") from error
    weights = checkpoint["policy"]
    if isinstance(policy, ActorCritic) and without_critic(weights, policy).keys() == weights.keys():
        policy.drop_critic()
    check_weights(f"{path}: policy", weights, policy.state_dict())
    policy.load_state_dict(weights)
    return _student_of(policy, path) if student else policy


def without_critic(weights: Mapping[str, Tensor], policy: ActorCritic) -> dict[str, Tensor]:
    """Those of `weights`, of a `policy`'s state, that it acts by."""
    return {name: tensor for name, tensor in weights.items() if name.partition(".")[0] not in policy.critic_parts}


def has_student(path: Path) -> bool:
    """Whether the policy of a checkpoint has a student beside it that has learnt."""
    return bool(read_checkpoint(path)["policy"].get(STUDENT_WINDOWS, torch.zeros(1)).any())


def _student_of(policy: nn.Module, path: Path) -> nn.Module:
    if "student" not in policy.separate_parts:
        raise ValueError(
            f"{path} holds an {type(policy).__name__}, which has no student with a depth encoder beside it"
        )
    if policy.student.windows.item() == 0:
        raise ValueError(f"the student of {path} has learnt nothing yet: there was no distillation up to then")
    return policy.student


def uncommitted(folder: Path, iteration: int) -> Path:
    """The environments' state of a checkpoint that is about to be written."""
    return folder / f"env_state_{iteration}.pt"


def env_state_of(path: Path, iteration: int) -> Path:
    """The environments' state beside the checkpoint `path`, if there is one."""
    own = uncommitted(path.parent, iteration)
    return own if own.is_file() else path.with_name(ENV_STATE)


def tidy(folder: Path) -> None:
    """Removes what a training that was killed left unfinished in the folder of its run, or finishes it.

    A run that is being saved, and a folder that nobody may write to, stay as they are.
    """
    with held(folder) as free:
        if not free:
            return
        remove_left(folder)
        with suppress(OSError):
            for path in list(folder.iterdir()):
                if (own := _UNCOMMITTED.fullmatch(path.name)) is None:
                    continue
                if (folder / f"model_{own[1]}.pt").is_file():
                    os.replace(path, folder / ENV_STATE)
                else:
                    path.unlink()


def describe(policy: nn.Module, algorithm_cfg: ClassCfg, env: VecEnv) -> dict[str, Any]:
    """What a checkpoint says of its networks and how they were trained, as plain data."""
    layout = {group: dict(env.observation_layout[group]) for group in policy.obs_dims}
    return {
        "policy_cfg": asdict(policy.cfg),
        "algorithm_cfg": asdict(algorithm_cfg),
        "obs_dims": policy.obs_dims,
        "observation_layout": layout,
        "num_actions": env.num_actions,
    }


def check_class(path: Path, checkpoint: Mapping[str, Any], cfg: ClassCfg) -> None:
    """ValueError unless the policy is of the class that `cfg` names."""
    saved = saved_policy_class(checkpoint)
    if saved != cfg.class_name:
        raise ValueError(f"{path} holds an {saved}, this task trains an {cfg.class_name}")


def check_observations(path: Path, checkpoint: Mapping[str, Any], env: VecEnv) -> None:
    """ValueError unless what the policy reads, and its actions, are the environment's: widths, and terms in order."""
    obs_dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
    layouts = checkpoint.get("observation_layout", {})  # older ones have widths only
    differences = []
    for group, width in checkpoint["obs_dims"].items():
        if group in layouts and group in obs_dims:
            differences += _first_difference(group, layouts[group], env.observation_layout[group])
        if not differences and obs_dims.get(group) != width:
            found = obs_dims.get(group, "missing")
            differences.append(f"observation group {group} is {width} wide, the environment's is {found}")
    if checkpoint["num_actions"] != env.num_actions:
        differences.append(f"it has {checkpoint['num_actions']} actions, the environment {env.num_actions}")
    if differences:
        raise ValueError(f"{path} does not fit this task: {'; '.join(differences)}")


def _first_difference(group: str, saved: Mapping[str, int], present: Mapping[str, int]) -> Iterator[str]:
    """Of two layouts of an observation group, the first terms that are not the same."""
    for place in range(max(len(saved), len(present))):
        theirs, ours = (
            next((f"{name} ({width})" for name, width in list(layout.items())[place : place + 1]), "nothing")
            for layout in (saved, present)
        )
        if theirs != ours:
            yield f"term {place + 1} of observation group {group} is {theirs}, the environment's is {ours}"
            return


def check_network(
    path: Path, checkpoint: Mapping[str, Any], cfg: ClassCfg, free: tuple[str, ...] = NOT_OF_THE_NETWORK
) -> None:
    """ValueError unless the networks are of the sizes that `cfg` says; in its fields `free` they may differ."""
    saved = asdict(saved_policy_cfg(checkpoint, path, cfg))
    differences = [
        f"policy.{name} is {saved[name]}, not {value}"
        for name, value in asdict(cfg).items()
        if name not in free and saved[name] != value
    ]
    if differences:
        raise ValueError(f"{path} holds another network: {'; '.join(differences)}")


def changed_rates(checkpoint: Mapping[str, Any], present: Mapping[str, float]) -> list[str]:
    """A line for each learning rate of the config, `present` by its field, that is not the saved run's."""
    lines = []
    for name, value in present.items():
        saved = checkpoint.get("algorithm_cfg", {})
        for key in name.split("."):
            saved = saved.get(key, {}) if isinstance(saved, Mapping) else {}
        if saved not in ({}, value):
            lines.append(f"algorithm.{name} is {value}, as configured now; the saved run's was {saved}")
    return lines
