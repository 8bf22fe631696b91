"""Alternates collecting and learning, alone or on several ranks at once; saves, resumes, and stops cleanly."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from rsl_rl.config import PolicyCfg, TrainCfg
from rsl_rl.factory import Policy, make_algorithm, make_policy, saved_policy_cfg, saved_policy_class
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent, StudentPolicy
from rsl_rl.utils import distributed
from rsl_rl.utils.checkpoint import load_safe, rng_state, save_atomic, set_rng_state
from rsl_rl.utils.logger import Logger

FORMAT = 1
ENV_STATE = "env_state.pt"
NOT_OF_THE_NETWORK = ("init_noise_std", "re_init_std")  # fields of PolicyCfg that a resumed run may change


class OnPolicyRunner:
    """Trains `cfg.policy` in `env` with `cfg.algorithm`.

    The environment gives named observation groups in static memory, and `step`, `capture`, `check`,
    `pop_statistics` and the state dictionaries that are called below; nothing else is asked of it.

    Where the process is one of several (`distributed.start`), each rank collects in environments of its own and all
    learn the same. Rank 0 logs, for all of them (`pop_statistics` has to give figures over all ranks), and saves.
    """

    def __init__(
        self,
        env,
        cfg: TrainCfg,
        log_dir: Path | None,
        device: torch.device | str,
        *,
        graph: bool = True,
        console: Console | None = None,
        wandb: dict | None = None,
    ):
        """`log_dir`: None logs to the console only. `graph`: CUDA graphs where the device is CUDA.
        `wandb`: arguments of `wandb.init`, None: no wandb.
        """
        self.env, self.cfg, self.device = env, cfg, torch.device(device)
        if torch.device(env.device).type != self.device.type:
            raise ValueError(f"the environment is on {env.device}, the policy on {device}: they must share a device")
        first = distributed.rank() == 0
        self.log_dir = Path(log_dir) if first and log_dir is not None else None
        self.console = console or Console(quiet=not first)
        self.wandb = wandb if first else None
        self.iteration = 0  # completed
        self.total_steps = 0  # of all environments of all ranks
        self.total_time = 0.0  # s

        env.reset()
        self.obs_dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
        policy = make_policy(self.obs_dims, env.num_actions, cfg.policy).to(self.device)
        self.num_steps = cfg.runner.num_steps_per_env
        self.steps_per_iteration = self.num_steps * env.num_envs * distributed.world_size()
        self.algorithm = make_algorithm(policy, env, self.num_steps, cfg.algorithm, graph=graph)
        self._graph = graph
        self._step: Callable[[], None] | None = None
        self.watch: Callable[[], None] | None = None  # called after each step of collecting
        self._running_episodes = False
        self._stop = False

    def load_teacher(self, path: Path) -> None:
        """For distillation: the teacher of the checkpoint `path`, from which the student starts."""
        path = Path(path)
        teacher = _load_network(path, self.obs_dims, self.env.num_actions)
        if not isinstance(teacher, ActorCriticRMA):
            raise ValueError(f"{path} holds an {teacher.cfg.class_name}; a teacher is an ActorCriticRMA")
        self.algorithm.load_teacher(teacher, path, start_from_it=True)

    def rollout_step(self) -> None:
        """What is captured as one graph."""
        self.algorithm.rollout_step(self.env)

    def learn(self, num_iterations: int) -> bool:
        """Runs that many iterations; False when a signal ended it earlier. Either way the last state is saved."""
        self.prepare()
        distributed.broadcast_(self.algorithm.state_tensors())
        if not self._running_episodes:
            self._start_episodes()
        last = self.iteration + num_iterations
        saved = self.iteration if self.iteration > 0 else None
        with Logger(self.log_dir, self.iteration, last, self.console, self.wandb) as logger, self._signals(logger):
            while self.iteration < last:
                start = time.perf_counter()
                self.algorithm.begin_iteration(self.iteration)
                if not self._collect():
                    break
                # The host waits here for the rollout, and in `update` for the losses: the two times are true on CUDA.
                scalars = self.env.pop_statistics()
                self.env.check()
                collected = time.perf_counter()
                losses = self.algorithm.update(self.env.observations)
                end = time.perf_counter()
                self._check_finite(losses)
                self.iteration += 1
                self.total_steps += self.steps_per_iteration
                self.total_time += end - start
                logger.log(self.iteration, scalars | self._scalars(losses, collected - start, end - collected))
                if self.iteration % self.cfg.runner.save_interval == 0:
                    self._save_run()
                    saved = self.iteration
                if distributed.any_rank(self._stop, self.device):
                    self._stop = True
                    break
            interrupted = self._stop
            if interrupted or saved != self.iteration:
                self._save_run()
            if interrupted:
                where = (
                    f"saved {self._checkpoint_path()}" if self.log_dir else "nothing saved, as there is no log folder"
                )
                logger.say(f"interrupted: {where}")
        return not interrupted

    def prepare(self) -> None:
        """Capture the rollout step, if that was not done yet; its warm-up takes steps, which are undone.

        Raises:
            ValueError: the ranks do not train the same.
        """
        if self._step is not None:
            return
        facts = {"the number of environments": self.env.num_envs, "the iteration": self.iteration}
        settings = asdict(self.cfg)
        del settings["runner"]["run_name"]  # may name the machine, and only rank 0's is used
        distributed.require_same(**facts, **{f"train.{name}": value for name, value in settings.items()})
        if not self._graph or self.device.type != "cuda":
            self._step = self.rollout_step
            return
        kept = self.env.state_dict(), {k: v.clone() for k, v in self.algorithm.rollout_state_dict().items()}
        random = rng_state(self.device)
        self._step = self.env.capture(self.rollout_step)
        self.env.load_state_dict(kept[0])
        self.algorithm.load_rollout_state_dict(kept[1])
        set_rng_state(random, self.device)

    def _start_episodes(self) -> None:
        self.env.reset()
        if self.iteration == 0 and self.cfg.runner.randomize_episode_lengths:
            self.env.randomize_episode_lengths()
        self._running_episodes = True

    def _collect(self) -> bool:
        self.algorithm.storage.clear()
        for _ in range(self.num_steps // self.algorithm.control_steps):
            if self._stop and distributed.world_size() == 1:  # several ranks stop together, at an iteration's end
                return False
            self._step()
            if self.watch is not None:
                self.watch()
        return True

    def _check_finite(self, losses: Mapping[str, float]) -> None:
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise RuntimeError(
                f"iteration {self.iteration + 1}: loss {', '.join(bad)} is not finite; the last checkpoint is untouched"
            )

    def _scalars(self, losses: Mapping[str, float], collection_time: float, learning_time: float) -> dict[str, float]:
        return {
            **{f"Loss/{name}": value for name, value in losses.items()},
            **self.algorithm.scalars(),
            "Perf/total_fps": self.steps_per_iteration / (collection_time + learning_time),
            "Perf/collection_time": collection_time,
            "Perf/learning_time": learning_time,
        }

    @contextmanager
    def _signals(self, logger: Logger) -> Iterator[None]:
        """Ctrl-C and SIGTERM ask for a stop at the next step's end; a second one stops at once.

        Of several ranks, one that is asked stops all, after the iteration. None goes ahead of the others for a second
        signal: torchrun kills what does not end in time.
        """
        self._stop = False
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.getsignal(number) for number in numbers}

        def restore() -> None:
            for number, handler in previous.items():
                signal.signal(number, handler)

        def stop(number: int, frame) -> None:
            self._stop = True
            if distributed.world_size() == 1:
                restore()

        for number in numbers:
            signal.signal(number, stop)
        try:
            yield
        finally:
            restore()

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def _checkpoint_path(self) -> Path:
        return self.log_dir / f"model_{self.iteration}.pt"

    def _save_run(self) -> None:
        if self.log_dir is not None:
            self.save(self._checkpoint_path())

    def save(self, path: Path) -> None:
        """Writes the checkpoint, and before it the environments' state beside it."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        env_state = {
            "format": FORMAT,
            "iteration": self.iteration,
            "num_envs": self.env.num_envs,
            "env": self.env.state_dict(),
            "algorithm": self.algorithm.rollout_state_dict(),
        }
        save_atomic(env_state, path.with_name(ENV_STATE))
        checkpoint = {
            "format": FORMAT,
            **self.algorithm.state_dict(),
            "policy_cfg": asdict(self.algorithm.policy.cfg),
            "obs_dims": self.algorithm.policy.obs_dims,
            "num_actions": self.env.num_actions,
            "iteration": self.iteration,
            "total_steps": self.total_steps,
            "total_time": self.total_time,
            "curriculum": self.env.curriculum_state_dict(),
            "rng": rng_state(self.device),
        }
        save_atomic(checkpoint, path)

    def load(self, path: Path) -> None:
        """Continues from a checkpoint: exactly, if the environments' state beside it is of the same moment.

        That state is rank 0's; other ranks start episodes afresh, on rank 0's curriculum levels and with random numbers
        of their own.
        """
        path = Path(path)
        checkpoint = load_safe(path, FORMAT)
        _check_class(path, checkpoint, self.algorithm.policy.cfg)
        _check_dims(path, checkpoint, self.obs_dims, self.env.num_actions)
        _check_network(path, checkpoint, self.algorithm.policy.cfg)
        if "optimizer" not in checkpoint:
            raise ValueError(f"{path} holds networks only, as shipped policies do: there is nothing to resume from")
        self.algorithm.load_state_dict(checkpoint)
        self.iteration = checkpoint["iteration"]
        self.total_steps = checkpoint["total_steps"]
        self.total_time = checkpoint["total_time"]
        self.env.load_curriculum_state_dict(checkpoint["curriculum"])
        self._running_episodes = self._load_env_state(path.with_name(ENV_STATE))
        episodes = "continued where they were" if self._running_episodes else "started afresh"
        if self._running_episodes and distributed.world_size() > 1:
            episodes += " on rank 0, started afresh on the others"
        self.console.print(
            f"resumed {path} at iteration {self.iteration}, episodes {episodes}", highlight=False, soft_wrap=True
        )
        if distributed.rank() == 0:
            set_rng_state(checkpoint["rng"], self.device)

    def _load_env_state(self, path: Path) -> bool:
        if distributed.rank() > 0 or not path.is_file():
            return False
        state = load_safe(path, FORMAT, "environment state")
        if (state["iteration"], state["num_envs"]) != (self.iteration, self.env.num_envs):
            return False
        try:
            self.env.load_state_dict(state["env"])
        except ValueError as error:  # of another version, or of a config that was changed since
            self.console.print(f"{path} is left out: {error}", highlight=False, soft_wrap=True)
            return False
        self.algorithm.load_rollout_state_dict(state["algorithm"])
        return True


def load_policy(
    path: Path, device: torch.device | str = "cpu", env=None, *, estimated: bool = False
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Deterministic policy of a checkpoint: observation groups {name: (N, d)} -> mean actions (N, A).

    `env`: when given, its widths must be those of the checkpoint (ValueError).
    `estimated`: of an ActorCriticRMA, the policy that reads only what a robot has (ValueError for another class);
    otherwise it reads the true privileged state.
    """
    dims = None if env is None else {group: x.shape[1] for group, x in env.observations.items()}
    policy = _load_network(Path(path), dims, None if env is None else env.num_actions)
    policy.to(device).eval().requires_grad_(False)
    if isinstance(policy, DepthStudent):
        if estimated or env is None:
            raise ValueError(f"{path} holds a DepthStudent: it reads only what a robot has, and needs an environment")
        return StudentPolicy(policy, env.num_envs)
    if not estimated:
        return policy.act_inference
    if not isinstance(policy, ActorCriticRMA):
        name = policy.cfg.class_name
        raise ValueError(f"{path} holds an {name}, which reads no privileged state that could be estimated")
    return partial(policy.act_inference, estimated=True)


def _load_network(path: Path, obs_dims: Mapping[str, int] | None, num_actions: int | None) -> Policy:
    """The network of a checkpoint, on the CPU; `obs_dims` and `num_actions` of the environment it has to fit."""
    checkpoint = load_safe(path, FORMAT)
    if obs_dims is not None:
        _check_dims(path, checkpoint, obs_dims, num_actions)
    cfg = saved_policy_cfg(checkpoint, path)
    policy = make_policy(checkpoint["obs_dims"], checkpoint["num_actions"], cfg)
    policy.load_state_dict(checkpoint["policy"])
    return policy


def _check_class(path: Path, checkpoint: dict, cfg: PolicyCfg) -> None:
    saved = saved_policy_class(checkpoint)
    if saved != cfg.class_name:
        raise ValueError(f"{path} holds an {saved}, this task trains an {cfg.class_name}")


def _check_dims(path: Path, checkpoint: dict, obs_dims: Mapping[str, int], num_actions: int) -> None:
    differences = [
        f"observation group {group} is {width} wide, the environment's is {obs_dims.get(group, 'missing')}"
        for group, width in checkpoint["obs_dims"].items()
        if obs_dims.get(group) != width
    ]
    if checkpoint["num_actions"] != num_actions:
        differences.append(f"it has {checkpoint['num_actions']} actions, the environment {num_actions}")
    if differences:
        raise ValueError(f"{path} does not fit this task: {'; '.join(differences)}")


def _check_network(path: Path, checkpoint: dict, cfg: PolicyCfg) -> None:
    saved = asdict(saved_policy_cfg(checkpoint, path))
    differences = [
        f"policy.{name} is {saved[name]}, not {value}"
        for name, value in asdict(cfg).items()
        if name not in NOT_OF_THE_NETWORK and saved[name] != value
    ]
    if differences:
        raise ValueError(f"{path} holds another network: {'; '.join(differences)}")
