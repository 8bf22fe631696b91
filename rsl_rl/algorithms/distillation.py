"""DAgger from a privileged teacher to a student with a camera, after extreme-parkour.

The student acts, the teacher labels. The loss goes back through the recurrence over the whole window of an iteration.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from rsl_rl.config import DistillationCfg
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent, StudentPolicy
from rsl_rl.utils import distributed
from rsl_rl.utils.adam import StaticAdam
from rsl_rl.utils.precision import tensor_float32

BLANK = 0.5  # what a pixel shows where nothing is near


class Window:
    """T control steps of N robots, F = T / interval of them with an image; in memory that never moves."""

    def __init__(self, student: DepthStudent, num_steps: int, num_envs: int, interval: int):
        device = student.actor[0].weight.device
        dims, frames = student.obs_dims, num_steps // interval

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.images = zeros(frames, num_envs, dims["depth"], dtype=torch.float16)
        self.frame_proprio = zeros(frames, num_envs, dims["student_proprio"])
        self.frame_yaw = zeros(frames, num_envs, student.cfg.num_yaws)  # true, as perceived at the image
        self.frame_start = zeros(frames, num_envs, 1, dtype=torch.bool)  # an episode started since the last image
        self.proprio = zeros(num_steps, num_envs, dims["student_proprio"])  # with the headings that acted
        self.history = zeros(num_steps, num_envs, dims["student_history"])
        self.explicit = zeros(num_steps, num_envs, dims["priv_explicit"])
        self.seeing = zeros(num_steps, num_envs, 1, dtype=torch.bool)  # there was an image in this episode
        self.labels = zeros(num_steps, num_envs, student.num_actions)
        self.hidden = zeros(num_envs, student.cfg.gru_hidden_dim)  # before the first image
        self.step, self.frame = (torch.zeros(1, dtype=torch.long, device=device) for _ in range(2))

    def clear(self) -> None:
        """Next write goes to the start."""
        self.step.zero_()
        self.frame.zero_()

    def write_image(self, image: Tensor, proprio: Tensor, yaw: Tensor, start: Tensor) -> None:
        rows = ((self.images, image), (self.frame_proprio, proprio), (self.frame_yaw, yaw), (self.frame_start, start))
        for buffer, row in rows:
            buffer.index_copy_(0, self.frame, row.to(buffer.dtype).unsqueeze(0))
        self.frame.add_(1).remainder_(len(self.images))

    def write_step(self, proprio: Tensor, history: Tensor, explicit: Tensor, seeing: Tensor, labels: Tensor) -> None:
        buffers = (self.proprio, self.history, self.explicit, self.seeing, self.labels)
        for buffer, row in zip(buffers, (proprio, history, explicit, seeing, labels), strict=True):
            buffer.index_copy_(0, self.step, row.unsqueeze(0))
        self.step.add_(1).remainder_(len(self.proprio))


class Distillation:
    """Trains a `DepthStudent`; `load_teacher` has to be called before the first iteration."""

    def __init__(self, student: DepthStudent, env, num_steps: int, cfg: DistillationCfg):
        """`env` gives the number of robots and `image_interval`, the control steps between images."""
        interval = env.image_interval
        if num_steps % interval:
            raise ValueError(f"runner.num_steps_per_env is {num_steps}: no multiple of the images' interval {interval}")
        if env.num_envs < cfg.num_mini_batches:
            raise ValueError(f"{env.num_envs} environments do not fill {cfg.num_mini_batches} minibatches")
        self.policy, self.cfg, self.interval = student, cfg, interval
        self.control_steps = interval  # of one `rollout_step`
        self.storage = Window(student, num_steps, env.num_envs, interval)
        self.acting = StudentPolicy(student, env.num_envs)
        self.teacher: ActorCriticRMA | None = None
        self.device = device = self.storage.hidden.device
        named = dict(student.named_parameters())
        own = {name: p for name, p in named.items() if not name.startswith("estimator.")}
        estimator = {name: p for name, p in named.items() if name.startswith("estimator.")}
        if cfg.learning_rate_iterations < 1:
            raise ValueError(
                f"algorithm.learning_rate_iterations is {cfg.learning_rate_iterations}: it has to be positive"
            )
        self.optimizer = StaticAdam(own, cfg.learning_rate, cfg.max_grad_norm, capturable=False)
        self.estimator_optimizer = StaticAdam(
            estimator, cfg.estimator_learning_rate, cfg.max_grad_norm, capturable=False
        )
        self.learning_rate = self.optimizer.learning_rate
        self.teacher_acts = torch.zeros((), dtype=torch.bool, device=device)
        self.start = torch.ones(env.num_envs, 1, dtype=torch.bool, device=device)  # since the last image
        self.yaw_ok = torch.zeros(2, device=device)  # headings within the tolerance, and all
        self.iteration = 0

    @classmethod
    def make(cls, student: DepthStudent, env, num_steps: int, cfg: DistillationCfg, *, graph: bool) -> "Distillation":
        """As `PPO.make`; `graph` is the runner's alone here, as an update's few large kernels need none."""
        return cls(student, env, num_steps, cfg)

    def load_teacher(self, teacher: ActorCriticRMA, path: Path | str, *, start_from_it: bool) -> None:
        """`teacher` of the checkpoint `path` from now on; `start_from_it`: the student begins as a copy.

        Raises:
            ValueError: its networks are not those that the student's config says.
        """
        expected = self.policy.cfg.teacher
        names = ("actor_hidden_dims", "scan_encoder_dims", "priv_encoder_dims", "estimator_hidden_dims")
        differences = [
            f"{name} {getattr(teacher.cfg, name)}, not {getattr(expected, name)}"
            for name in (*names, "history_length", "activation")
            if getattr(teacher.cfg, name) != getattr(expected, name)
        ]
        if differences:
            raise ValueError(f"the teacher {path} does not fit policy.teacher: it has {'; '.join(differences)}")
        self.teacher = teacher.to(self.storage.hidden.device).eval().requires_grad_(False)
        if start_from_it:
            self.policy.imitate(teacher)

    # -- collecting ---------------------------------------------------------------------------------------------------
    def begin_iteration(self, iteration: int) -> None:
        """Call before collecting; `iteration` counts those completed."""
        if self.teacher is None:
            raise RuntimeError("there is no teacher: call load_teacher")
        self.iteration = iteration
        first, last = self.cfg.learning_rate, self.cfg.final_learning_rate
        progress = min(iteration / self.cfg.learning_rate_iterations, 1.0)
        self.learning_rate.fill_(first + (last - first) * progress)
        self.teacher_acts.fill_(iteration < self.cfg.warm_up_iterations)
        self.storage.hidden.copy_(self.acting.hidden)
        self.yaw_ok.zero_()

    @torch.no_grad()
    def rollout_step(self, env) -> None:
        """One image and the control steps up to the next, without host sync."""
        self.look(env.observations)
        for _ in range(self.interval):
            _, _, dones, _ = env.step(self.act(env.observations))
            ended = dones.unsqueeze(1)
            self.acting.forget(ended)
            self.start.logical_or_(ended)

    @tensor_float32
    def look(self, observations: Mapping[str, Tensor]) -> None:
        """Takes in the images, and writes them to the storage."""
        self.acting.forget(self.start)
        everyone = torch.ones_like(self.start)
        self.acting.look(observations, everyone)
        true_yaw = self._true_yaw(observations)
        self.storage.write_image(observations["depth"], observations["student_proprio"], true_yaw, self.start)
        self.start.zero_()

    @tensor_float32
    def act(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Actions (N, A); writes the step, with the teacher's, to the storage."""
        proprio = self.policy.with_yaw(observations["student_proprio"], self._chosen_yaw(observations))
        labels = self.teacher.act_inference(observations)  # from all that it knows, the true headings too
        history = observations["student_history"]
        actions = self.policy.means(proprio, self.acting.latent, history)
        self.storage.write_step(proprio, history, observations["priv_explicit"], ~self.start, labels)
        return torch.where(self.teacher_acts, labels, actions)

    def _true_yaw(self, observations: Mapping[str, Tensor]) -> Tensor:
        first = self.policy.cfg.yaw_index
        return observations["proprio"][:, first : first + self.policy.cfg.num_yaws]

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
        """Learns from the window; mean losses by name, over all ranks."""
        num_envs = self.storage.hidden.shape[0]
        order = torch.randperm(num_envs, device=self.storage.hidden.device)
        totals = []
        for share in order.chunk(self.cfg.num_mini_batches):
            actor_loss, yaw_loss, estimator_loss = self.losses(share)
            self.optimizer.minimize(actor_loss + yaw_loss)
            self.estimator_optimizer.minimize(estimator_loss)
            totals.append(torch.stack([actor_loss, yaw_loss, estimator_loss]).detach())
        names = ("depth_actor_loss", "yaw_loss", "estimator")
        means = distributed.average_(torch.stack(totals).mean(0))
        values = dict(zip(names, means.tolist(), strict=True))
        good, asked = distributed.sum_(self.yaw_ok).tolist()
        values["delta_yaw_ok_percentage"] = 100.0 * good / max(asked, 1.0)
        if (self.iteration + 1) % self.cfg.blanked_interval == 0:
            with torch.no_grad():
                blanked = torch.stack(self.losses(order.chunk(self.cfg.num_mini_batches)[0], blank=True)[:2])
            blanked = distributed.average_(blanked).tolist()
            values |= {f"{name}_blanked": loss for name, loss in zip(names[:2], blanked, strict=True)}
        return values

    def losses(self, share: Tensor, *, blank: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Mean distances () of actions and headings to the teacher's, and the estimator's error, of the robots `share`.

        `blank`: as if the camera showed nothing.
        """
        window, policy = self.storage, self.policy
        images = window.images[:, share].float()
        if blank:
            images = torch.full_like(images, BLANK)
        num_frames = len(images)
        flat = policy.images(images.flatten(0, 1)), window.frame_proprio[:, share].flatten(0, 1)
        features = policy.depth_encoder.features(*flat).unflatten(0, (num_frames, -1))
        hidden, latents, yaws = window.hidden[share], [], []
        for frame in range(num_frames):
            hidden = torch.where(window.frame_start[frame, share], 0.0, hidden)
            latent, yaw, hidden = policy.depth_encoder.advance(features[frame], hidden)
            latents.append(latent)
            yaws.append(yaw)
        latents = torch.stack(latents).repeat_interleave(self.interval, 0) * window.seeing[:, share]
        proprio = window.proprio[:, share].flatten(0, 1)
        actions = policy.means(proprio, latents.flatten(0, 1), window.history[:, share].flatten(0, 1))
        labels = window.labels[:, share].flatten(0, 1)
        actor_loss = torch.linalg.vector_norm(actions - labels, dim=-1).mean()
        yaw_loss = torch.linalg.vector_norm(torch.stack(yaws) - window.frame_yaw[:, share], dim=-1).mean()
        return actor_loss, yaw_loss, policy.estimator.loss(proprio, window.explicit[:, share].flatten(0, 1))

    def scalars(self) -> dict[str, float]:
        """What is logged beside the losses."""
        return {"Loss/learning_rate": self.learning_rate.item()}

    def state_tensors(self) -> list[Tensor]:
        """What all ranks start with the same of: student, optimisers, teacher."""
        optimizers = [*self.optimizer.state_tensors(), *self.estimator_optimizer.state_tensors()]
        return [*optimizers, *self.teacher.parameters()]

    # -- saving -------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """Networks, the teacher's too, and optimisers."""
        return {
            "policy": self.policy.state_dict(),
            "teacher": self.teacher.state_dict(),
            "teacher_dims": self.teacher.obs_dims,
            "optimizer": self.optimizer.state_dict(),
            "estimator_optimizer": self.estimator_optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """In place; the teacher as it was."""
        teacher = ActorCriticRMA(state["teacher_dims"], self.policy.num_actions, self.policy.cfg.teacher)
        teacher.load_state_dict(state["teacher"])
        self.load_teacher(teacher, "of the checkpoint", start_from_it=False)
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.estimator_optimizer.load_state_dict(state["estimator_optimizer"])

    def rollout_state_dict(self) -> dict[str, Tensor]:
        """What belongs to the running episodes."""
        acting = self.acting
        return {"hidden": acting.hidden, "latent": acting.latent, "yaw": acting.yaw, "start": self.start}

    def load_rollout_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for name, tensor in self.rollout_state_dict().items():
            tensor.copy_(state[name])
