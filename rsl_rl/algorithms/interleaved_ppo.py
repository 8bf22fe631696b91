"""A teacher by PPO and its student with a depth camera in one run.

Every few iterations of PPO the student acts in robots of its own, and learns from what the present teacher would have
done there; PPO's robots, their episodes and their curriculum know nothing of it. In the end the teacher is frozen, and
the student alone goes on.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from rsl_rl.algorithms.distillation import Distillation
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.algorithms.symmetry import Symmetry
from rsl_rl.env import HasApart, HasImages, VecEnv
from rsl_rl.interleaved_config import InterleavedCfg, StudentLearningCfg
from rsl_rl.modules.teacher_student import GROUND, DepthActor, TeacherStudent
from rsl_rl.utils.adam import StaticAdam
from rsl_rl.utils.precision import tensor_float32


class DepthActorDistillation(Distillation):
    """Distillation of a `DepthActor` from a teacher that may still be learning.

    The loss is the mean over steps of the squared distance of the actions, and with weights those of what is told and
    of the ground as it is remembered. The teacher answers to what it would know without noise of what is told: that
    noise, which no student can foresee, was 30 % of the loss on boxes (docs/g1.md).
    """

    loss_names = ("depth_actor_loss", "told_loss", "ground_loss")
    cfg: StudentLearningCfg
    policy: DepthActor

    def __init__(
        self,
        student: DepthActor,
        teacher: TeacherStudent,
        env: VecEnv,
        num_steps: int,
        cfg: StudentLearningCfg,
        *,
        closing: int,
        graph: bool,
    ):
        """As `Distillation`; `closing`: iteration from which the step size falls until the training's end."""
        super().__init__(student, env, num_steps, cfg, graph=graph)
        self.teacher, self.closing = teacher, closing

    def _prepare_learning(self) -> None:
        own, cfg = dict(self.policy.named_parameters()), self.cfg
        self.optimizer = StaticAdam(own, cfg.learning_rate, cfg.max_grad_norm)

    # -- collecting ---------------------------------------------------------------------------------------------------
    def begin(self, env: VecEnv, iteration: int) -> None:
        """As `Distillation`'s. Before its first window the student becomes the teacher, as that is then."""
        if self.policy.windows.item() == 0:
            self.policy.imitate(self.teacher)
            if self.average is not None:
                self.average.load_state_dict(self.policy.state_dict())
        super().begin(env, iteration)

    def progress(self, iteration: int) -> float:
        """How far the step size has fallen, 0 to 1: it begins to with the closing distillation."""
        if iteration <= self.closing or self.last is None or self.last <= self.closing:
            return 0.0
        return (iteration - self.closing) / (self.last - self.closing)

    @tensor_float32
    def act(self, observations: Mapping[str, Tensor], *, teacher_acts: bool = False) -> Tensor:
        """Actions (N, A), the student's or the teacher's; writes the step, with the teacher's, to the storage."""
        proprio = observations["student_proprio"]
        first, end = self.policy.cfg.told_columns
        true = observations["true_proprio"]
        labels = self.teacher.act_inference({**observations, "proprio": true})
        explicit = true[:, first:end]
        self.storage.write_step(proprio=proprio, explicit=explicit, seeing=~self.start, labels=labels)
        return labels if teacher_acts else self.policy.means(proprio, self.acting.latent)

    def _true_yaw(self, observations: Mapping[str, Tensor]) -> Tensor:
        return observations["proprio"][:, :0]

    def _true_ground(self, observations: Mapping[str, Tensor]) -> Tensor:
        return observations[GROUND]

    # -- learning -----------------------------------------------------------------------------------------------------
    def update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """As `Distillation`'s."""
        losses = super().update(last_observations)
        self.policy.windows.add_(1)
        if self.average is not None:
            self.average.windows.copy_(self.policy.windows)
        return losses

    def gradient_step(self, share: Tensor) -> None:
        """One of the student on the robots `share`; in place and without host sync."""
        losses, cfg = self.losses(share), self.cfg
        told = cfg.told_loss_coef * losses["told_loss"] + cfg.ground_loss_coef * losses["ground_loss"]
        self.optimizer.minimize(losses["depth_actor_loss"] + told)
        self.renew_average()
        self.step_losses.copy_(torch.stack(list(losses.values())).detach())

    def losses(self, share: Tensor, *, blank: bool = False) -> dict[str, Tensor]:
        """By `loss_names`: mean squared distances () of the actions to the teacher's, and of what is told and of the
        ground to what they are, of the robots `share`. `blank`: as if the camera showed nothing."""
        window, policy = self.storage, self.policy
        latents, _, memories = self.seen(share, blank=blank)
        latents = latents.flatten(0, 1)
        actions = policy.means(window.proprio[:, share].flatten(0, 1), latents)
        actor_loss = (actions - window.labels[:, share].flatten(0, 1)).square().sum(-1).mean()
        told_loss = torch.zeros_like(actor_loss)
        if policy.told is not None:
            told_loss = (policy.told(latents) - window.explicit[:, share].flatten(0, 1)).square().sum(-1).mean()
        ground_loss = (policy.ground(memories) - window.frame_ground[:, share]).square().sum(-1).mean()
        return {"depth_actor_loss": actor_loss, "told_loss": told_loss, "ground_loss": ground_loss}

    def learning_tensors(self) -> list[Tensor]:
        """What a gradient step changes, and the learning rate."""
        tensors = self.optimizer.state_tensors()
        return tensors if self.average is None else [*tensors, *self.average.parameters()]

    # -- saving -------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """`policy` is the average of the student's weights if there is one, and `learner` what goes on learning."""
        state = {"policy": self.policy.state_dict(), "optimizer": self.optimizer.state_dict()}
        if self.average is not None:
            state |= {"policy": self.average.state_dict(), "learner": state["policy"]}
        return state

    def load_state_dict(self, state: dict) -> None:
        """In place. An average that the saved run did not have starts from its weights."""
        self.policy.load_state_dict(state.get("learner", state["policy"]))
        if self.average is not None:
            self.average.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])


class InterleavedPPO(PPO):
    """PPO of the teacher in the first `teacher_iterations`, and every `depth_training_interval`-th of them a window of
    distillation; after them distillation alone."""

    config_class = InterleavedCfg
    trains = TeacherStudent
    separate_parts = frozenset({"student"})
    cfg: InterleavedCfg
    policy: TeacherStudent

    @classmethod
    def make(
        cls, policy: TeacherStudent, env: VecEnv, num_steps: int, cfg: InterleavedCfg, *, graph: bool
    ) -> "InterleavedPPO":
        """As `PPO.make`; `env` has images (`HasImages`) and can have another one beside it (`HasApart`)."""
        if not isinstance(env, HasImages) or not isinstance(env, HasApart):
            raise ValueError(
                f"algorithm {cls.__name__} needs images and robots of the student's own: the environment has no "
                "image_interval or no method apart"
            )
        obs_dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
        symmetry = Symmetry.wanted(env, policy.own_groups, cfg)
        if cfg.student_envs < cfg.student.num_mini_batches:
            raise ValueError(
                f"algorithm.student_envs is {cfg.student_envs}: they do not fill algorithm.student.num_mini_batches "
                f"{cfg.student.num_mini_batches}"
            )
        algorithm = cls(policy, obs_dims, num_steps, env.num_envs, cfg, graph=graph, symmetry=symmetry)
        algorithm.add_student(env.apart(cfg.student_envs), graph)
        return algorithm

    def add_student(self, env: VecEnv, graph: bool) -> None:
        """The phases of the student, in the robots of `env`."""
        cfg, last = self.cfg, self.cfg.teacher_iterations
        images = -(-cfg.depth_steps_per_env // env.image_interval)
        sizes = env, images * env.image_interval, cfg.student
        self.distillation = DepthActorDistillation(self.policy.student, self.policy, *sizes, closing=last, graph=graph)
        distilling = []
        for phase in self.distillation.phases:
            when = dict(every=cfg.depth_training_interval, env=env)
            distilling.append(replace(phase, end=min(last, phase.end or last), **when))
        closing = replace(self.distillation.phases[0], name="closing", first=last, env=env)
        self.phases = (*(replace(phase, end=last) for phase in self.phases), *distilling, closing)

    def stored_groups(self) -> tuple[str, ...]:
        """The student's images stay out of PPO's memory."""
        return self.policy.own_groups

    def begin_training(self, last: int) -> None:
        """As in `Algorithm`; what of PPO is to fall until the end does so until that of the teacher's learning."""
        super().begin_training(min(last, self.cfg.teacher_iterations))
        self.distillation.begin_training(last)

    def scalars(self) -> dict[str, float]:
        return super().scalars() | {"Loss/student_learning_rate": self.distillation.learning_rate.item()}

    def learning_rates(self) -> dict[str, float]:
        return super().learning_rates() | {
            f"student.{name}": value for name, value in self.distillation.learning_rates().items()
        }

    def state_tensors(self) -> list[Tensor]:
        return [*super().state_tensors(), *self.distillation.learning_tensors()]

    # -- saving -------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """As `PPO`'s; the student in `policy` is the one to use, and `student` what its learning goes on from."""
        state, student = super().state_dict(), self.distillation.state_dict()
        state["policy"] |= {f"student.{name}": tensor for name, tensor in student["policy"].items()}
        return {**state, "student": student}

    def load_state_dict(self, state: dict) -> None:
        """In place."""
        super().load_state_dict(state)
        self.distillation.load_state_dict(state["student"])

    def rollout_state_dict(self) -> dict[str, Tensor]:
        """What belongs to the running episodes of the student's robots."""
        return self.distillation.rollout_state_dict()

    def load_rollout_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """In place."""
        self.distillation.load_rollout_state_dict(state)
