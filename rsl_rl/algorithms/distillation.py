"""DAgger from a privileged teacher to a student with a camera, after extreme-parkour.

The student acts, the teacher labels. The loss goes back through the recurrence over the whole window of an iteration.
"""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from operator import attrgetter
from pathlib import Path

import torch
from torch import Tensor

from rsl_rl.algorithms.phases import Phase
from rsl_rl.config import DistillationCfg
from rsl_rl.env import HasImages, VecEnv
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent, StudentPolicy
from rsl_rl.storage.window import Window
from rsl_rl.utils import distributed, graphs
from rsl_rl.utils.adam import StaticAdam
from rsl_rl.utils.averaging import renew_average
from rsl_rl.utils.precision import tensor_float32
from rsl_rl.utils.schema import saved_network

BLANK = 0.5  # what a pixel shows where nothing is near


class Distillation:
    """Trains a `DepthStudent`; `load_teacher` has to be called before the first iteration.

    Two phases, of which one runs in an iteration: in the first `warm_up_iterations` the teacher acts, then the student.
    """

    config_class: type = DistillationCfg
    trains: type = DepthStudent
    teacher_class: type = ActorCriticRMA
    separate_parts = frozenset({"estimator"})
    of_the_teacher: tuple[str, ...] = (
        *("actor_class_name", "actor_hidden_dims", "scan_encoder_dims", "priv_encoder_dims", "estimator_hidden_dims"),
        *("history_length", "activation"),
        *(f"gating.{name}" for name in ("experts", "group", "columns", "hidden_dims", "top", "blind")),
    )
    """Settings that the teacher's networks and those in the student's config have to share."""
    loss_names: tuple[str, ...]
    """What `losses` gives, in this order."""

    def __init__(self, student: DepthStudent, env: VecEnv, num_steps: int, cfg: DistillationCfg, *, graph: bool = True):
        """`env` has images (`HasImages`); memory for `num_steps` control steps of its robots.

        `graph`: capture gradient steps as CUDA graphs when the student is on CUDA.
        """
        if not isinstance(env, HasImages):
            raise ValueError(f"algorithm {type(self).__name__} needs images: the environment has no image_interval")
        interval = env.image_interval
        if num_steps % interval:
            raise ValueError(f"runner.num_steps_per_env is {num_steps}: no multiple of the images' interval {interval}")
        if env.num_envs < cfg.num_mini_batches:
            number = f"algorithm.num_mini_batches is {cfg.num_mini_batches}"
            raise ValueError(f"{number}: it may be {env.num_envs} at most, the number of environments")
        self.policy, self.cfg, self.interval = student, cfg, interval
        self.storage = Window(student, num_steps, env.num_envs, interval)
        self.acting = StudentPolicy(student, env.num_envs)
        self.teacher: ActorCriticRMA | None = None
        self.device = device = self.storage.hidden.device
        self._graph = graph and device.type == "cuda"
        self._replays: dict[int, tuple[Tensor, Callable[[], None]]] = {}  # by the number of robots in a share
        self._prepare_learning()
        self.step_losses = torch.zeros(len(self.loss_names), device=device)  # of a gradient step
        self.learning_rate = self.optimizer.learning_rate
        self.average = copy.deepcopy(student).requires_grad_(False) if cfg.averaging > 0.0 else None
        self.start = torch.ones(env.num_envs, 1, dtype=torch.bool, device=device)  # since the last image
        self.yaw_ok = torch.zeros(2, device=device)  # headings within the tolerance, and all
        self.stale = torch.zeros((), device=device)  # looks at images of which one or more were not new
        self.other_interval = False  # the image at hand is of a saved run, and says nothing of when the next one comes
        self.iteration = 0
        self.last: int | None = None  # iteration with which the training ends
        shared = dict(update=self.update, num_steps=num_steps, begin=self.begin, control_steps=interval)
        self.phases = (Phase("distill", self.rollout_step, **shared),)
        if cfg.warm_up_iterations > 0:
            when = dict(end=cfg.warm_up_iterations, replaces=("distill",))
            self.phases = (*self.phases, Phase("warm_up", self.warm_up_step, **shared, **when))

    def _prepare_learning(self) -> None:
        """Losses and optimisers."""
        named, cfg = dict(self.policy.named_parameters()), self.cfg
        own = {name: p for name, p in named.items() if not name.startswith("estimator.")}
        estimator = {name: p for name, p in named.items() if name.startswith("estimator.")}
        self.optimizer = StaticAdam(own, cfg.learning_rate, cfg.max_grad_norm)
        self.estimator_optimizer = StaticAdam(estimator, cfg.estimator_learning_rate, cfg.max_grad_norm)
        self.supervised_sight = self.policy.sight is not None and cfg.sight_loss_coef > 0.0
        self.loss_names = ("depth_actor_loss", "yaw_loss", *(("sight",) if self.supervised_sight else ()), "estimator")

    @classmethod
    def make(
        cls, student: DepthStudent, env: VecEnv, num_steps: int, cfg: DistillationCfg, *, graph: bool
    ) -> "Distillation":
        """As `PPO.make`."""
        return cls(student, env, num_steps, cfg, graph=graph)

    def load_teacher(self, teacher: ActorCriticRMA, path: Path | str, *, start_from_it: bool) -> None:
        """`teacher` of the checkpoint `path` from now on; `start_from_it`: the student begins as a copy.

        Raises:
            ValueError: it is of another class, or its networks are not those that the student's config says.
        """
        if not isinstance(teacher, self.teacher_class):
            found, expected = type(teacher).__name__, self.teacher_class.__name__
            raise ValueError(f"{path} holds an {found}; a teacher is an {expected}")
        expected = self.policy.cfg.teacher
        differences = [
            f"{name} {found}, not {wanted}"
            for name, found, wanted in (
                (name, attrgetter(name)(teacher.cfg), attrgetter(name)(expected)) for name in self.of_the_teacher
            )
            if found != wanted
        ]
        if differences:
            raise ValueError(f"the teacher {path} does not fit policy.teacher: it has {'; '.join(differences)}")
        self.teacher = teacher.to(self.storage.hidden.device).eval().requires_grad_(False)
        if start_from_it:
            self.policy.imitate(teacher)
            if self.average is not None:
                self.average.imitate(teacher)

    # -- collecting ---------------------------------------------------------------------------------------------------
    def begin_training(self, last: int) -> None:
        """As in `Algorithm`; a schedule of 0 iterations ends with `last`."""
        self.last = last

    def begin(self, env: VecEnv, iteration: int) -> None:
        """Call before collecting; `iteration` counts those completed. Waits for an image if there is no new one."""
        if self.teacher is None:
            raise RuntimeError("there is no teacher: call load_teacher")
        self.iteration = iteration
        first, last = self.cfg.learning_rate, self.cfg.final_learning_rate
        self.learning_rate.fill_(first + (last - first) * self.progress(iteration))
        self.yaw_ok.zero_()
        self.open_window(env)

    def progress(self, iteration: int) -> float:
        """How far the step size has fallen, 0 to 1."""
        falls_for = self.cfg.learning_rate_iterations or self.last
        if falls_for is None:
            raise RuntimeError("the step size falls until the training's end, which is unknown: call begin_training")
        return min(iteration / falls_for, 1.0)

    def open_window(self, env: VecEnv) -> None:
        """Starts the window with the image at hand, or with the next one if it is not new."""
        self.await_image(env)
        self.storage.clear()
        self.storage.hidden.copy_(self.acting.hidden)
        self.stale.zero_()

    @torch.no_grad()
    def await_image(self, env: VecEnv) -> None:
        """Steps, under the teacher, until images are new: where others stepped before, or a resumed run has images at
        another interval than the saved one, they are not. One host sync.

        Raises:
            RuntimeError: no image came to all robots in `image_interval` control steps.
        """
        for step in range(self.interval + 1):
            waiting = self.other_interval or bool((env.observations["new_image"] < 0.5).any())
            self.other_interval = False
            if not distributed.largest(waiting, self.device):
                return
            if step < self.interval:
                self._step(env, self.teacher.act_inference(env.observations))
        raise RuntimeError(
            f"no new image came to all robots in {self.interval} control steps, the environment's image_interval"
        )

    @torch.no_grad()
    def rollout_step(self, env: VecEnv) -> None:
        """One image and the control steps up to the next, without host sync."""
        self.look(env.observations)
        for _ in range(self.interval):
            self._step(env, self.act(env.observations))

    @torch.no_grad()
    def warm_up_step(self, env: VecEnv) -> None:
        """The same while the teacher acts."""
        self.look(env.observations)
        for _ in range(self.interval):
            self._step(env, self.act(env.observations, teacher_acts=True))

    def _step(self, env: VecEnv, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One control step, and what its ends of episodes mean for memories; rewards, dones, time-outs, each (N,)."""
        _, rewards, dones, time_outs = env.step(actions)
        ended = dones.unsqueeze(1)
        self.acting.forget(ended)
        self.start.logical_or_(ended)
        return rewards, dones, time_outs

    @tensor_float32
    def look(self, observations: Mapping[str, Tensor]) -> None:
        """Takes in the images, which have to be new, and writes them to the storage."""
        self.stale.add_((observations["new_image"] < 0.5).any())
        self.acting.forget(self.start)
        self.acting.look(observations, torch.ones_like(self.start))
        true = self._true_yaw(observations), self._true_ground(observations)
        self.storage.write_image(observations["depth"], observations["student_proprio"], *true, self.start)
        self.start.zero_()

    @tensor_float32
    def act(self, observations: Mapping[str, Tensor], *, teacher_acts: bool = False) -> Tensor:
        """Actions (N, A), the student's or the teacher's; writes the step, with the teacher's, to the storage."""
        proprio = self.policy.with_yaw(observations["student_proprio"], self._chosen_yaw(observations))
        labels = self.teacher.act_inference(observations)  # from all that it knows, the true headings too
        history = observations["student_history"]
        given = dict(proprio=proprio, history=history, explicit=observations["priv_explicit"])
        self.storage.write_step(**given, seeing=~self.start, labels=labels)
        return labels if teacher_acts else self.policy.means(proprio, self.acting.latent, history)

    def _true_yaw(self, observations: Mapping[str, Tensor]) -> Tensor:
        first = self.policy.cfg.yaw_index
        return observations["proprio"][:, first : first + self.policy.cfg.num_yaws]

    def _true_ground(self, observations: Mapping[str, Tensor]) -> Tensor:
        return observations["depth"][:, :0]

    def _chosen_yaw(self, observations: Mapping[str, Tensor]) -> Tensor:
        """The told headings (N, num_yaws); the true ones where the first is off by more than the tolerance."""
        told, true = self.acting.yaw, self._true_yaw(observations)
        error = told[:, :1] - true[:, :1]
        wrapped = torch.remainder(error + math.pi, 2.0 * math.pi) - math.pi
        ok = wrapped.abs() <= self.cfg.yaw_tolerance
        self.yaw_ok.add_(torch.stack([ok.float().sum(), torch.ones_like(ok, dtype=torch.float32).sum()]))
        return torch.where(ok, told, true)

    # -- learning -----------------------------------------------------------------------------------------------------
    @tensor_float32
    def update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """Learns from the window; mean losses by name, over all ranks.

        Raises:
            RuntimeError: some of the images were old ones, so that what was learnt is worth nothing.
        """
        num_envs = self.storage.hidden.shape[0]
        totals = []
        for _ in range(self.cfg.num_learning_epochs):
            order = torch.randperm(num_envs, device=self.storage.hidden.device)
            for share in order.chunk(self.cfg.num_mini_batches):
                self._replay(share)
                totals.append(self.step_losses.clone())
        means = distributed.average_(torch.stack(totals).mean(0))
        values = dict(zip(self.loss_names, means.tolist(), strict=True))
        self.check_images()
        if self.policy.depth_encoder.num_yaws:
            good, asked = distributed.sum_(self.yaw_ok).tolist()
            values["delta_yaw_ok_percentage"] = 100.0 * good / max(asked, 1.0)
        if (self.iteration + 1) % self.cfg.blanked_interval == 0:
            with torch.no_grad():
                blanked = self.losses(order.chunk(self.cfg.num_mini_batches)[0], blank=True)
            blanked.pop("estimator", None)  # it sees nothing
            means = distributed.average_(torch.stack(list(blanked.values()))).tolist()
            values |= {f"{name}_blanked": loss for name, loss in zip(blanked, means, strict=True)}
        return values

    def _replay(self, share: Tensor) -> None:
        """`gradient_step`, as a CUDA graph that is captured when first asked for; itself without graphs."""
        if not self._graph:
            self.gradient_step(share)
            return
        if len(share) not in self._replays:
            static = share.clone()
            step = partial(self.gradient_step, static)
            self._replays[len(share)] = static, graphs.capture(step, self.learning_tensors())
        static, replay = self._replays[len(share)]
        static.copy_(share)
        replay()

    def gradient_step(self, share: Tensor) -> None:
        """One of the student on the robots `share`; in place and without host sync."""
        losses = self.losses(share)
        loss = losses["depth_actor_loss"] + losses["yaw_loss"]
        if self.supervised_sight:
            loss = loss + self.cfg.sight_loss_coef * losses["sight"]
        self.optimizer.minimize(loss)
        self.estimator_optimizer.minimize(losses["estimator"])
        self.renew_average()
        self.step_losses.copy_(torch.stack(list(losses.values())).detach())

    def check_images(self) -> None:
        """RuntimeError if some of the window's images were not new. One host sync."""
        if stale := distributed.sum_(self.stale).item():
            raise RuntimeError(
                f"{stale:.0f} of {len(self.storage.images)} images of an iteration were not new: none came to all "
                f"robots every {self.interval} control steps, the environment's image_interval"
            )

    def renew_average(self) -> None:
        """Call after each gradient step."""
        if self.average is not None:
            steps = self.optimizer.moments("actor.0.weight")["step"]  # of all parameters alike
            renew_average(self.average, self.policy, self.cfg.averaging, steps)

    def losses(self, share: Tensor, *, blank: bool = False) -> dict[str, Tensor]:
        """By `loss_names`: mean distances () of actions and headings to the teacher's, and the errors of what is told
        from images and by the estimator, of the robots `share`.

        `blank`: as if the camera showed nothing.
        """
        window, policy = self.storage, self.policy
        latents, yaw_loss, _ = self.seen(share, blank=blank)
        latents = latents.flatten(0, 1)
        proprio = window.proprio[:, share].flatten(0, 1)
        actions = policy.means(proprio, latents, window.history[:, share].flatten(0, 1))
        labels, explicit = window.labels[:, share].flatten(0, 1), window.explicit[:, share].flatten(0, 1)
        losses = {"depth_actor_loss": torch.linalg.vector_norm(actions - labels, dim=-1).mean(), "yaw_loss": yaw_loss}
        if self.supervised_sight:
            losses["sight"] = policy.sight_loss(latents, explicit)
        return losses | {"estimator": policy.estimator.loss(proprio, explicit)}

    def seen(self, share: Tensor, *, blank: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """What the robots `share` see in the window: latents (T, B, L), how far () their headings are off, and what is
        remembered after each image (F, B, H)."""
        window, policy = self.storage, self.policy
        images = window.images[:, share].float()
        if blank:
            images = torch.full_like(images, BLANK)
        num_frames = len(images)
        flat = policy.images(images.flatten(0, 1)), window.frame_proprio[:, share].flatten(0, 1)
        features = policy.depth_encoder.features(*flat).unflatten(0, (num_frames, -1))
        hidden, latents, yaws, memories = window.hidden[share], [], [], []
        for frame in range(num_frames):
            hidden = torch.where(window.frame_start[frame, share], 0.0, hidden)
            latent, yaw, hidden = policy.depth_encoder.advance(features[frame], hidden)
            latents.append(latent)
            yaws.append(yaw)
            memories.append(hidden)
        latents = torch.stack(latents).repeat_interleave(self.interval, 0) * window.seeing[:, share]
        errors = torch.stack(yaws) - window.frame_yaw[:, share]
        return latents, torch.linalg.vector_norm(errors, dim=-1).mean(), torch.stack(memories)

    def scalars(self) -> dict[str, float]:
        """What is logged beside the losses."""
        return {"Loss/learning_rate": self.learning_rate.item()}

    def learning_rates(self) -> dict[str, float]:
        """What the config says, by field; where the schedule stands follows from it and the iteration."""
        return {name: value for name, value in vars(self.cfg).items() if name.endswith("learning_rate")}

    def not_in_force(self, iteration: int) -> list[str]:
        """As in `Algorithm`: all settings are in force."""
        return []

    def state_tensors(self) -> list[Tensor]:
        """What all ranks start with the same of: student, optimisers, average, teacher."""
        return [*self.learning_tensors(), *self.teacher.parameters()]

    def learning_tensors(self) -> list[Tensor]:
        """What a gradient step changes, and the learning rates."""
        optimizers = [*self.optimizer.state_tensors(), *self.estimator_optimizer.state_tensors()]
        return optimizers if self.average is None else [*optimizers, *self.average.parameters()]

    # -- saving -------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """Networks, also the teacher's once there is one, and optimisers. `policy` is the average if there is one, and
        what goes on learning is `learner` then."""
        taught = {}
        if (teacher := self.teacher) is not None:
            taught |= {"teacher": teacher.state_dict(), "teacher_dims": teacher.obs_dims}
            taught["teacher_cfg"] = asdict(teacher.cfg)
        state = {
            "policy": self.policy.state_dict(),
            **taught,
            "optimizer": self.optimizer.state_dict(),
            "estimator_optimizer": self.estimator_optimizer.state_dict(),
        }
        if self.average is not None:
            state |= {"policy": self.average.state_dict(), "learner": state["policy"]}
        return state

    def load_state_dict(self, state: dict) -> None:
        """In place; the teacher as it was. An average that the saved run did not have starts from its weights."""
        # Its critic may be of other sizes than the student's config says.
        teacher = saved_network(self.teacher_class, state, "teacher", self.policy.cfg.teacher, self.policy.num_actions)
        self.load_teacher(teacher, "of the checkpoint", start_from_it=False)
        self.policy.load_state_dict(state.get("learner", state["policy"]))
        if self.average is not None:
            self.average.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.estimator_optimizer.load_state_dict(state["estimator_optimizer"])

    def rollout_state_dict(self) -> dict[str, Tensor]:
        """What belongs to the running episodes."""
        memory = {"hidden": self.acting.hidden, "latent": self.acting.latent, "yaw": self.acting.yaw}
        return {**memory, "start": self.start, "interval": torch.tensor(self.interval)}

    def load_rollout_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """In place."""
        for name, tensor in self.rollout_state_dict().items():
            if name != "interval":
                tensor.copy_(state[name])
        self.other_interval = int(state.get("interval", self.interval)) != self.interval
