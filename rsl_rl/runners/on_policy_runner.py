"""Runs the phases of an algorithm, alone or on several ranks at once; saves, resumes, and stops cleanly."""

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from rsl_rl.algorithms.phases import Phase, counts, due
from rsl_rl.config import TrainCfg
from rsl_rl.env import VecEnv
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.runners.checkpoints import (
    ENV_STATE,
    FORMAT,
    changed_rates,
    check_class,
    check_network,
    check_observations,
    describe,
    env_state_of,
    load_network,
    load_policy,
    tidy,
    uncommitted,
)
from rsl_rl.runners.resuming import take_up_curricula, take_up_episodes
from rsl_rl.runners.warm_start import take_weights
from rsl_rl.utils import distributed
from rsl_rl.utils.checkpoint import check_rng_state, rng_state, save_atomic, seed_rank, set_rng_state, try_saving
from rsl_rl.utils.files import holding, reason
from rsl_rl.utils.logger import Logger, require_wandb
from rsl_rl.utils.resolve import class_names, refuse_foreign
from rsl_rl.utils.schema import check_resumable, read_checkpoint, sealed
from rsl_rl.utils.stop_request import StopRequest

__all__ = ["FORMAT", "OnPolicyRunner", "load_policy"]


class Diverged(RuntimeError):
    """A loss is nan or infinite: from here on nothing would be learnt."""


class OnPolicyRunner:
    """Trains `cfg.policy` in `env` with `cfg.algorithm`, in a cycle of the algorithm's phases.

    Where the process is one of several (`distributed.start`), each rank collects in environments of its own and all
    learn the same. Rank 0 logs, for all of them, and saves.
    """

    def __init__(
        self,
        env: VecEnv,
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
        cfg.check()
        if wandb is not None:
            require_wandb()
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

        env.ranks = distributed
        env.reset()
        self.obs_dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
        policy = make_policy(self.obs_dims, env.num_actions, cfg.policy).to(self.device)
        num_steps = cfg.runner.num_steps_per_env
        self.algorithm = make_algorithm(policy, env, num_steps, cfg.algorithm, graph=graph)
        self.phases: list[Phase] = list(self.algorithm.phases)
        self.apart = list({id(p.env): p.env for p in self.phases if p.env is not None}.values())  # phases' own robots
        for other in self.apart:
            other.ranks = distributed
            other.reset()
        self.collectors: dict[str, Callable[[], None]] = {}  # of each phase by name, once captured
        self._graph = graph and self.device.type == "cuda"
        self.watch: Callable[[], None] | None = None  # called after each step of collecting
        self._running_episodes = False
        self._stop = StopRequest()  # to this rank
        self.stopped_by = 0  # number of the signal that ended the last `learn`, on whichever rank; 0: none did

    def load_teacher(self, path: Path) -> None:
        """For distillation: the teacher of the checkpoint `path`, from which the student starts."""
        path = Path(path)
        if not hasattr(self.algorithm, "load_teacher"):
            raise ValueError(f"algorithm {type(self.algorithm).__name__} learns from no teacher")
        self.algorithm.load_teacher(load_network(path, self.env, self.cfg.policy), path, start_from_it=True)

    def learn(self, num_iterations: int) -> bool:
        """Runs that many iterations; False when a signal ended it earlier. Either way the last state is saved.

        A checkpoint that cannot be written on the way is told on stderr, and the training goes on; OSError if that is
        so of the last.
        """
        self.prepare()
        distributed.broadcast_(self.algorithm.state_tensors())
        if not self._running_episodes:
            self._start_episodes()
        last = self.iteration + num_iterations
        self.algorithm.begin_training(last)
        if len(self.phases) > 1:
            times = counts(self.phases, self.iteration, last)
            self._say(f"iterations by phase: {', '.join(f'{name} {number}' for name, number in times.items())}")
        saved = self.iteration if self.iteration > 0 else None
        # Of several ranks none goes ahead of the others for a second signal: torchrun kills what does not end in time.
        stop = self._stop.awaited(once=distributed.world_size() == 1)
        self.stopped_by = 0
        with stop, Logger(self.log_dir, self.iteration, last, self.console, self.wandb) as logger:
            while self.iteration < last:
                scalars = self._iterate()
                if scalars is None:
                    self.stopped_by = self._stop.number
                    break
                logger.log(self.iteration, scalars)
                if self.iteration % self.cfg.runner.save_interval == 0 and self._save_on_the_way(logger):
                    saved = self.iteration
                self.stopped_by = distributed.largest(self._stop.number, self.device)  # one that is asked stops all
                if self.stopped_by:
                    break
            interrupted = self.stopped_by != 0
            if interrupted or saved != self.iteration:
                self._save_run()
            if interrupted:
                where = (
                    f"saved {self._checkpoint_path()}" if self.log_dir else "nothing saved, as there is no log folder"
                )
                logger.say(f"interrupted: {where}")
        return not interrupted

    def _iterate(self) -> dict[str, float] | None:
        """One iteration: all phases whose turn it is. What is to be logged; None if a signal ended it."""
        scalars: dict[str, float] = {}
        losses: dict[str, float] = {}
        collection = learning = 0.0  # s
        steps = 0
        for phase in due(self.phases, self.iteration):
            start, env = time.perf_counter(), self._env_of(phase)
            phase.begin(env, self.iteration)
            if not self._collect(phase):
                return None
            # The host waits here for the rollout, and in `update` for the losses: the two times are true on CUDA.
            figures = env.pop_statistics()
            env.check()
            collected = time.perf_counter()
            found = phase.update(env.observations)
            end = time.perf_counter()
            self._check_finite(found)
            if repeated := losses.keys() & found.keys():
                raise RuntimeError(f"two phases of one iteration report a loss {', '.join(sorted(repeated))}")
            losses |= found
            scalars |= {f"{phase.name}/{key}": value for key, value in figures.items()} if steps else figures
            steps += phase.num_steps * env.num_envs * distributed.world_size()
            collection, learning = collection + collected - start, learning + end - collected
        self.iteration += 1
        self.total_steps += steps
        self.total_time += collection + learning
        return {
            **scalars,
            **{f"Loss/{name}": value for name, value in losses.items()},
            **self.algorithm.scalars(),
            "Perf/total_fps": steps / (collection + learning),
            "Perf/collection_time": collection,
            "Perf/learning_time": learning,
        }

    def _env_of(self, phase: Phase) -> VecEnv:
        return self.env if phase.env is None else phase.env

    def prepare(self) -> None:
        """Capture what each phase collects with, if that was not done yet; warm-ups take steps, which are undone.

        Raises:
            ValueError: the ranks do not train the same.
        """
        if self.collectors:
            return
        facts = {"the number of environments": self.env.num_envs, "the iteration": self.iteration}
        settings = asdict(self.cfg)
        del settings["runner"]["run_name"]  # may name the machine, and only rank 0's is used
        distributed.require_same(**facts, **{f"train.{name}": value for name, value in settings.items()})
        where = {phase.collect: self._env_of(phase) for phase in self.phases}  # phases may share a way to collect
        ways = {collect: partial(collect, env) for collect, env in where.items()}
        if self._graph:
            envs = [self.env, *self.apart]
            kept = [env.state_dict() for env in envs]
            rollout = {k: v.clone() for k, v in self.algorithm.rollout_state_dict().items()}
            random = rng_state(self.device)
            ways = {collect: where[collect].capture(function) for collect, function in ways.items()}
            for env, state in zip(envs, kept, strict=True):
                env.load_state_dict(state)
            self.algorithm.load_rollout_state_dict(rollout)
            set_rng_state(random, self.device)
        self.collectors = {phase.name: ways[phase.collect] for phase in self.phases}

    def _start_episodes(self) -> None:
        for env in (self.env, *self.apart):
            env.reset()
            if self.cfg.runner.randomize_episode_lengths:
                env.randomize_episode_lengths()
        self._running_episodes = True

    def _collect(self, phase: Phase) -> bool:
        step = self.collectors[phase.name]
        for _ in range(phase.num_steps // phase.control_steps):
            # Several ranks stop together, at an iteration's end.
            if self._stop.number and distributed.world_size() == 1:
                return False
            step()
            if self.watch is not None:
                self.watch()
        return True

    def _check_finite(self, losses: Mapping[str, float]) -> None:
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise Diverged(
                f"iteration {self.iteration + 1}: loss {', '.join(bad)} is not finite; the last checkpoint is untouched"
            )

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def _checkpoint_path(self) -> Path:
        return self.log_dir / f"model_{self.iteration}.pt"

    def _save_run(self) -> None:
        if self.log_dir is not None:
            self.save(self._checkpoint_path())

    def _save_on_the_way(self, logger: Logger) -> bool:
        """Whether that could be done; else says why not."""
        try:
            self._save_run()
        except OSError as error:
            text = f"iteration {self.iteration}: cannot write {error.filename}: {reason(error)}; the training goes on"
            print(text, file=sys.stderr, flush=True)
            return False
        logger.write_again()
        return True

    def save(self, path: Path) -> None:
        """Writes the checkpoint, and the environments' state beside it.

        A kill at any moment leaves the newest checkpoint with its state: this is written first, under a name that says
        whose it is, and takes the place of the last one only when the checkpoint is there.
        OSError, with the file's name, when one of them cannot be written; the checkpoint is then tried alone.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        own = uncommitted(path.parent, self.iteration)
        with holding(path.parent):
            try:
                try:
                    save_atomic(self._env_state(), own)
                except OSError as error:
                    save_atomic(self._checkpoint(), path)
                    text = f"{path} is without the environments' state: cannot write {own}: {reason(error)}"
                    print(text, file=sys.stderr, flush=True)
                    return
                save_atomic(self._checkpoint(), path)
            except BaseException:
                own.unlink(missing_ok=True)
                raise
            os.replace(own, path.with_name(ENV_STATE))

    def try_saving(self, folder: Path) -> None:
        """OSError where `folder` has no place for a checkpoint and the environments' state; leaves nothing there."""
        try_saving({"env_state": self._env_state(), "checkpoint": self._checkpoint()}, Path(folder) / ENV_STATE)

    def _env_state(self) -> dict:
        state = {
            "format": FORMAT,
            "iteration": self.iteration,
            "num_envs": self.env.num_envs,
            "env": self.env.state_dict(),
            "apart": [{"num_envs": env.num_envs, "env": env.state_dict()} for env in self.apart],
            "algorithm": self.algorithm.rollout_state_dict(),
        }
        return sealed(state)

    def _checkpoint(self) -> dict:
        return {
            "format": FORMAT,
            **self.algorithm.state_dict(),
            **describe(self.algorithm.policy, self.cfg.algorithm, self.env),
            "iteration": self.iteration,
            "total_steps": self.total_steps,
            "total_time": self.total_time,
            "curriculum": self.env.curriculum_state_dict(),
            "apart_curricula": [env.curriculum_state_dict() for env in self.apart],
            "rng": rng_state(self.device),
        }

    def load(self, path: Path) -> None:
        """Continues from a checkpoint: exactly, if the environments' state beside it is of the same moment.

        That state is rank 0's; other ranks start episodes afresh, on rank 0's curriculum levels and with random numbers
        that follow from the seed, their rank and the iteration, so that no resume repeats them.
        """
        path = Path(path)
        checkpoint = read_checkpoint(path)
        if "optimizer" not in checkpoint:
            self.load_weights(path)
            self._say(f"{path} holds networks only, as shipped policies do: nothing else is resumed")
            return
        if distributed.rank() == 0:
            tidy(path.parent)
        policy_cfg = self.algorithm.policy.cfg
        check_class(path, checkpoint, policy_cfg)
        check_observations(path, checkpoint, self.env)
        check_network(path, checkpoint, policy_cfg)
        refuse_foreign(checkpoint.get("teacher_cfg", {}), class_names(policy_cfg), f"{path}")
        check_resumable(path, checkpoint, self.algorithm.state_dict())
        try:
            check_rng_state(checkpoint["rng"])
            self.algorithm.load_state_dict(checkpoint)
            take_up_curricula(checkpoint, [self.env, *self.apart])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        self.iteration = checkpoint["iteration"]
        self.total_steps = checkpoint["total_steps"]
        self.total_time = checkpoint["total_time"]
        afresh = "their state is rank 0's"
        if distributed.rank() == 0:
            found = env_state_of(path, self.iteration)
            afresh = take_up_episodes(found, self.iteration, [self.env, *self.apart], self.algorithm)
        self._running_episodes = not afresh
        episodes = f"started afresh: {afresh}" if afresh else "continued where they were"
        if self._running_episodes and distributed.world_size() > 1:
            episodes += " on rank 0, started afresh on the others"
        self._say(f"resumed {path} at iteration {self.iteration}, episodes {episodes}")
        changed = changed_rates(checkpoint, self.algorithm.learning_rates())
        for line in (*changed, *self.algorithm.not_in_force(self.iteration)):
            self._say(line)
        if distributed.rank() == 0:
            set_rng_state(checkpoint["rng"], self.device)
        else:
            seed_rank(self.cfg.seed, distributed.rank(), self.iteration)

    def load_weights(self, path: Path) -> None:
        """A new training that starts with the networks of a checkpoint, of this task or of one before it; says what is
        new in them. ValueError where they do not fit (`warm_start.take_weights`)."""
        path, algorithm = Path(path), self.algorithm
        for line in take_weights(path, read_checkpoint(path), algorithm.policy, self.env):
            self._say(line)
        algorithm.begin_with_learnt()
        rate, schedule = algorithm.learning_rate.item(), self.cfg.algorithm.schedule
        self._say(f"a new training starts with them: learning rate {rate:g}, {schedule} schedule")
        for line in algorithm.not_in_force(self.iteration):
            self._say(line)

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
