"""PPO of a student with a camera, after it was distilled: what the teacher cannot show it, it finds out by itself.

The actor goes on from what it is given: proprioception with the student's own headings, the latent of its images, what
it estimates and what it tells from that latent, and its history. PPO's gradient goes on through that latent into the
image encoder, back in time over the window of an iteration, as the distillation's does; so a minibatch is the whole
window of some robots. The critic starts as the teacher's, and knows the simulation.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from rsl_rl.algorithms.distillation import Distillation
from rsl_rl.algorithms.losses import Derived, Loss
from rsl_rl.algorithms.phases import Phase
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.config import EncoderCfg, PolicyCfg, StudentPpoCfg
from rsl_rl.env import VecEnv
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent
from rsl_rl.storage.rollout_storage import Samples
from rsl_rl.utils.averaging import renew_average
from rsl_rl.utils.bounds import settings_under
from rsl_rl.utils.precision import tensor_float32
from rsl_rl.utils.typed import misfit

TOLD, SEEN, ESTIMATED, HISTORY = "told", "seen", "estimated", "student_history"  # what the actor reads, in its order
LABELS, YAW_ERROR = "teacher_actions", "yaw_error"
TEACHER_GROUPS = ("proprio", "scan", "priv_explicit", "priv_latent")  # that its actions follow from


def with_critic(student: DepthStudent, obs_dims: Mapping[str, int], init_noise_std: float) -> ActorCritic:
    """The student's own actor and encoders, with exploration noise and a critic of the teacher's build.

    `obs_dims`: the environment's groups. Reads `TOLD`, `SEEN` and `ESTIMATED` beside them.
    """
    teacher = student.cfg.teacher
    cfg = PolicyCfg(
        actor_hidden_dims=(),  # of an actor in whose place the student's comes
        critic_class_name=teacher.critic_class_name,
        critic_hidden_dims=teacher.critic_hidden_dims,
        activation=teacher.activation,
        init_noise_std=init_noise_std,
        min_noise_std=teacher.min_noise_std,
        actor_groups=(TOLD, SEEN, ESTIMATED, HISTORY),
        critic_groups=teacher.critic_groups,
        actor_encoders={HISTORY: EncoderCfg(latent_dim=teacher.priv_encoder_dims[-1])},
        critic_encoders=teacher.critic_encoders,
        critic_projected_groups=teacher.critic_projected_groups,
        normalize_returns=teacher.normalize_returns,
    )
    own = {TOLD: "student_proprio", ESTIMATED: "priv_explicit"}
    dims = {**obs_dims, SEEN: student.depth_encoder.latent_dim, **{name: obs_dims[like] for name, like in own.items()}}
    device = student.actor[0].weight.device
    # The weights are others' anyway.
    with settings_under("policy.teacher"), torch.random.fork_rng([device] if device.type == "cuda" else []):
        policy = ActorCritic(dims, student.num_actions, cfg).to(device)
    policy.actor, policy.actor_encoders[HISTORY] = student.actor, student.history_encoder
    policy.depth_encoder, policy.sight = student.depth_encoder, student.sight
    return policy


class SeeingPPO(PPO):
    """PPO of `with_critic`'s policy, whose latents are worked out anew in each gradient step. The critic can learn
    alone."""

    whole_windows = True

    def __init__(
        self,
        policy: ActorCritic,
        *args,
        see: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]],
        with_sight: Callable[[Tensor, Tensor], Tensor],
        finish_step: Callable[[Tensor], None],
        changed: list[Tensor],
        **kwargs,
    ):
        """`see`: of numbers of robots (B,) the latents (T, B, L) of what they saw, and the error () of their headings.
        `with_sight`: as of `DepthStudent`. `finish_step`: called after each gradient step with how many there were; it
        changes the tensors `changed`.
        """
        super().__init__(policy, *args, **kwargs)
        self.see, self.with_sight, self.finish_step, self.changed = see, with_sight, finish_step, changed
        parts = [self.part_parameters(part) for part in policy.critic_parts]
        critic = {name: parameter for part in parts for name, parameter in part.items()}
        self.critic_optimizer = self._adam(critic, self.cfg.learning_rate)

    def means(self, batch: Samples) -> Tensor:
        """The mean actions (B, A) of what the student now makes of the images."""
        robots = self.storage.indices[: self.storage.mini_batch_size // self.storage.num_steps]
        latents, batch.outputs[YAW_ERROR], _ = self.see(robots)
        batch.outputs[SEEN] = latents = latents.flatten(0, 1)
        explicit = self.with_sight(batch.observations[ESTIMATED], latents)
        return self.policy.act_inference({**batch.observations, SEEN: latents, ESTIMATED: explicit})

    def mini_batch_step(self) -> None:
        super().mini_batch_step()
        self.finish_step(self.optimizer.moments("log_std")["step"])

    @tensor_float32
    def critic_update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """As `update`, of the critic alone."""
        self.prepare(last_observations)
        return {"value_function": self.train(self.critic_step)["value_function"]}

    def critic_step(self) -> None:
        """One gradient step of the critic on the rows in `storage.indices`, in place and without host sync."""
        cfg = self.policy.cfg
        batch = self.storage.gather((*cfg.critic_groups, *cfg.critic_projected_groups))
        value = self.value_loss(batch, self.policy.evaluate(batch.observations))
        self.critic_optimizer.minimize(value)
        self.note(value_function=value)

    def optimizers(self):
        return {**super().optimizers(), "critic_optimizer": self.critic_optimizer}

    def state_tensors(self) -> list[Tensor]:
        return [*super().state_tensors(), *self.changed]


class StudentPPO(Distillation):
    """Distillation in the first `distillation_iterations`; then in `critic_iterations` the student acts with noise and
    the critic learns; then PPO trains both, all of the student but its estimator.

    PPO starts from the average of the distilled weights, where there is one, and has an average of its own.
    """

    config_class = StudentPpoCfg
    of_the_teacher = (
        *Distillation.of_the_teacher,
        *("critic_class_name", "critic_hidden_dims", "critic_groups", "critic_encoders"),
        *("critic_projected_groups", "normalize_returns"),
    )
    cfg: StudentPpoCfg

    def __init__(self, student: DepthStudent, env: VecEnv, num_steps: int, cfg: StudentPpoCfg, *, graph: bool):
        """As `Distillation`, with memory for PPO beside its own."""
        super().__init__(student, env, num_steps, cfg, graph=graph)
        if env.num_envs < cfg.ppo.num_mini_batches:
            number = f"algorithm.ppo.num_mini_batches is {cfg.ppo.num_mini_batches}"
            raise ValueError(f"{number}: it may be {env.num_envs} at most, the number of environments")
        dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
        policy = with_critic(student, dims, cfg.init_noise_std)
        losses = [Loss("yaw", lambda policy, batch, means: batch.outputs[YAW_ERROR], cfg.yaw_loss_coef)]
        if self.supervised_sight:
            losses.append(Loss("sight", self._sight_loss, cfg.sight_loss_coef, ("priv_explicit",)))
        if cfg.bc_loss_coef > 0.0:
            labels = {LABELS: Derived(student.num_actions, self._labels)}
            losses.append(Loss("bc", _distance, cfg.bc_loss_coef, TEACHER_GROUPS, labels))
        averages = [] if self.average is None else list(self.average.parameters())
        hooks = dict(see=self.seen, with_sight=student.with_sight, finish_step=self._finish_ppo_step, changed=averages)
        sizes = {**dims, **policy.obs_dims}, num_steps, env.num_envs
        with settings_under("algorithm.ppo"), settings_under("policy.teacher"):
            self.ppo = SeeingPPO(policy, *sizes, cfg.ppo, graph=graph, losses=losses, **hooks)
        self.tuning = False  # whether PPO was begun
        first = cfg.distillation_iterations
        second = first + cfg.critic_iterations
        distilling = [replace(phase, end=min(first, phase.end or first)) for phase in self.phases]
        shared = dict(num_steps=num_steps, begin=self.begin_tuning, control_steps=self.interval)
        self.phases = (
            *distilling,
            Phase("critic", self.tuning_step, self.critic_update, first=first, end=second, **shared),
            Phase("ppo", self.tuning_step, self.ppo_update, first=second, **shared),
        )

    def load_teacher(self, teacher: ActorCriticRMA, path: Path | str, *, start_from_it: bool) -> None:
        """As `Distillation`'s; the critic begins as the teacher's."""
        if teacher.critic is None:
            raise ValueError(f"{path} was shipped without its critic, from which that of the student starts")
        super().load_teacher(teacher, path, start_from_it=start_from_it)
        for name in teacher.critic_parts:
            if (part := getattr(teacher, name)) is not None:
                getattr(self.ppo.policy, name).load_state_dict(part.state_dict())

    # -- collecting ---------------------------------------------------------------------------------------------------
    def begin_training(self, last: int) -> None:
        """As in `Algorithm`; a step size that falls until the end does so until that of the distillation."""
        super().begin_training(min(last, self.cfg.distillation_iterations))
        self.ppo.begin_training(last)

    def begin(self, env: VecEnv, iteration: int) -> None:
        self.tuning = False
        super().begin(env, iteration)

    def begin_tuning(self, env: VecEnv, iteration: int) -> None:
        """Call before collecting for PPO; `iteration` counts those completed. Waits for an image as `begin` does."""
        if not self.tuning and self.average is not None:
            self.policy.load_state_dict(self.average.state_dict())
        self.tuning = True
        self.iteration = iteration
        self.ppo.begin(env, iteration)
        self.open_window(env)

    @torch.no_grad()
    def tuning_step(self, env: VecEnv) -> None:
        """One image and the control steps up to the next, with exploration noise and without host sync."""
        self.look(env.observations)
        for _ in range(self.interval):
            self.storage.write_step(seeing=~self.start)
            actions = self.ppo.act(self.with_own(env.observations))
            self.ppo.record(*self._step(env, actions))

    @tensor_float32
    def with_own(self, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`observations`, and what the student tells itself."""
        told, latent = self.policy.with_yaw(observations["student_proprio"], self.acting.yaw), self.acting.latent
        return {**observations, TOLD: told, SEEN: latent, ESTIMATED: self.policy.explicit(told, latent)}

    # -- learning -----------------------------------------------------------------------------------------------------
    def critic_update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """The critic's phase: mean losses by name, over all ranks."""
        return self._tune(self.ppo.critic_update, last_observations)

    def ppo_update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """PPO's phase: mean losses by name, over all ranks."""
        return self._tune(self.ppo.update, last_observations)

    def _tune(self, update: Callable, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        self.check_images()
        with torch.no_grad():
            last = self.with_own(last_observations)
        return update(last)

    def _finish_ppo_step(self, steps: Tensor) -> None:
        if self.average is not None:
            renew_average(self.average, self.policy, self.cfg.averaging, steps)

    def _sight_loss(self, policy: ActorCritic, batch: Samples, means: Tensor) -> Tensor:
        return self.policy.sight_loss(batch.outputs[SEEN], batch.observations["priv_explicit"])

    def _labels(self, observations: Mapping[str, Tensor]) -> Tensor:
        return self.teacher.act_inference(observations)

    def scalars(self) -> dict[str, float]:
        """What is logged beside the losses."""
        return self.ppo.scalars() if self.tuning else super().scalars()

    def learning_rates(self) -> dict[str, float]:
        return super().learning_rates() | {f"ppo.{name}": rate for name, rate in self.ppo.learning_rates().items()}

    def not_in_force(self, iteration: int) -> list[str]:
        return self.ppo.not_in_force(iteration)

    def state_tensors(self) -> list[Tensor]:
        return [*super().state_tensors(), *self.ppo.state_tensors()]

    # -- saving -------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """As `Distillation`'s, with critic, noise and optimisers of PPO."""
        return {**super().state_dict(), "ppo": self.ppo.state_dict(), "tuning": self.tuning}

    def load_state_dict(self, state: dict) -> None:
        """In place. Where the saved run had no PPO, it begins with the teacher's critic."""
        super().load_state_dict(state)
        self.tuning = state.get("tuning", False)
        if "ppo" in state:
            settings = state.get("algorithm_cfg", {}).get("ppo", {})
            if wrong := misfit(settings, dict, "algorithm_cfg.ppo"):
                raise ValueError(wrong)
            self.ppo.load_state_dict({**state["ppo"], "algorithm_cfg": settings})


def _distance(policy: ActorCritic, batch: Samples, means: Tensor) -> Tensor:
    return torch.linalg.vector_norm(means - batch.observations[LABELS], dim=-1).mean()
