"""Proximal policy optimisation. A minibatch step never touches the host: on CUDA it is one graph."""

import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from rsl_rl.config import AlgorithmCfg
from rsl_rl.modules.actor_critic import ActorCritic, gaussian_kl
from rsl_rl.storage.rollout_storage import RolloutStorage, Samples
from rsl_rl.utils import distributed, graphs
from rsl_rl.utils.adam import StaticAdam
from rsl_rl.utils.precision import tensor_float32


class PPO:
    """Collects into `storage` with `act` and `record`, learns with `update`.

    Values and log-probabilities are computed for all T steps at once in `update`: the rollout step then runs
    the actor only.
    """

    control_steps = 1  # of one `rollout_step`
    loss_names: tuple[str, ...] = ("value_function", "surrogate", "entropy", "bounds", "kl")

    def __init__(self, policy: ActorCritic, storage: RolloutStorage, cfg: AlgorithmCfg, *, graph: bool = True):
        """`graph`: capture what `update` does as CUDA graphs when the policy is on CUDA."""
        self.policy, self.storage, self.cfg = policy, storage, cfg
        self.device = device = policy.log_std.device
        self._graph = graph and device.type == "cuda"
        self._replays: dict[Callable[[], None], Callable[[], None]] = {}
        self.optimizer = self._adam(self.policy_parameters(), cfg.learning_rate)
        self.learning_rate = self.optimizer.learning_rate
        self.old_log_std = policy.log_std.detach().clone()
        self.losses = torch.zeros(len(self.loss_names), device=device)  # sums over minibatch steps

    @classmethod
    def make(cls, policy: ActorCritic, env, num_steps: int, cfg: AlgorithmCfg, *, graph: bool) -> "PPO":
        """With storage for `num_steps` control steps of all robots in `env`."""
        dims, device = cls.derived_dims(policy), policy.log_std.device
        sizes = (policy.obs_dims, policy.num_actions, cfg.num_mini_batches)
        return cls(policy, RolloutStorage(num_steps, env.num_envs, *sizes, device, dims), cfg, graph=graph)

    @staticmethod
    def derived_dims(policy: ActorCritic) -> dict[str, int]:
        """Widths of what `prepare` adds to the stored observations."""
        return {}

    def policy_parameters(self) -> dict[str, nn.Parameter]:
        """What PPO's loss trains, by name."""
        return dict(self.policy.named_parameters())

    def _adam(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> StaticAdam:
        return StaticAdam(parameters, learning_rate, self.cfg.max_grad_norm, capturable=self._graph)

    def begin_iteration(self, iteration: int) -> None:
        """Call before collecting; `iteration` counts those completed."""

    @torch.no_grad()
    def rollout_step(self, env) -> None:
        """Policy, environment and storage write of one control step, without host sync."""
        actions = self.act(env.observations)
        _, rewards, dones, time_outs = env.step(actions)
        self.record(rewards, dones, time_outs)

    @tensor_float32
    def act(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Actions (N, A) with exploration noise; writes the decision to the storage. Call under no_grad."""
        means = self.behaviour(observations)
        actions = self.policy.sample(means)
        self.storage.write_decision(observations, actions, means)
        return actions

    def behaviour(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A) in the rollout."""
        return self.policy.act_inference(observations)

    def record(self, rewards: Tensor, dones: Tensor, time_outs: Tensor) -> None:
        """Writes the step's outcome, each (N,), to the storage."""
        self.storage.write_outcome(rewards, dones, time_outs)

    def update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """Learns from the T stored steps and the observations after them; mean losses by name. One host sync."""
        self.prepare(last_observations)
        losses = self.train(self.mini_batch_step)
        if self.cfg.bounds_loss_coef == 0.0:
            del losses["bounds"]
        return losses

    @tensor_float32
    def train(self, step: Callable[[], None]) -> dict[str, float]:
        """Runs `step` on every minibatch of every epoch; mean of each of `loss_names` over all ranks."""
        replay = self.replay(step)
        storage, size = self.storage, self.storage.mini_batch_size
        self.losses.zero_()
        for _ in range(self.cfg.num_learning_epochs):
            order = torch.randperm(storage.num_samples, device=self.losses.device)
            for i in range(self.cfg.num_mini_batches):
                storage.indices.copy_(order[i * size : (i + 1) * size])
                replay()
        steps = self.cfg.num_learning_epochs * self.cfg.num_mini_batches
        means = distributed.average_(self.losses / steps)
        return dict(zip(self.loss_names, means.tolist(), strict=True))

    def replay(self, step: Callable[[], None]) -> Callable[[], None]:
        """`step` as a CUDA graph, captured when first asked for; `step` itself without graphs."""
        if not self._graph:
            return step
        if step not in self._replays:
            with warnings.catch_warnings():
                # Adam notices that the warm-up runs uncaptured.
                warnings.filterwarnings("ignore", message=".*capturable=True.*")
                self._replays[step] = graphs.capture(step, self.state_tensors())
        return self._replays[step]

    @tensor_float32
    def prepare(self, last_observations: Mapping[str, Tensor]) -> None:
        """Works out, from the stored steps and the observations after them, what minibatch steps read beside them."""
        self.storage.write_last(last_observations)
        self.replay(self.derive)()

    @torch.no_grad()
    def derive(self) -> None:
        """Values, log-probabilities, returns and advantages of the stored steps, in place and without host sync."""
        samples = self.storage.samples
        samples.values.copy_(self.policy.evaluate(samples.observations))
        samples.log_probs.copy_(self.policy.log_prob(samples.means, samples.actions))
        self.old_log_std.copy_(self.policy.log_std)
        last_values = self.policy.evaluate(self.storage.last_observations)
        self.storage.compute_returns(last_values, self.cfg.gamma, self.cfg.lam)

    def mini_batch_step(self) -> None:
        """One gradient step on the rows in `storage.indices`, in place and without host sync."""
        batch = self.storage.gather(self.policy.obs_dims)
        self.optimizer.minimize(self.ppo_loss(batch, self.policy.act_inference(batch.observations)))

    def ppo_loss(self, batch: Samples, means: Tensor) -> Tensor:
        """PPO's loss () of the policy whose mean actions are now `means` (B, A); adapts the learning rate before."""
        cfg, policy = self.cfg, self.policy
        values = policy.evaluate(batch.observations)
        kl = self._adapt_learning_rate(batch.means, means)

        ratio = (policy.log_prob(means, batch.actions) - batch.log_probs).exp()
        surrogate = surrogate_loss(ratio, batch.advantages, cfg.clip_param)
        clip = cfg.clip_param if cfg.use_clipped_value_loss else None
        value = value_loss(values, batch.values, batch.returns, clip)
        entropy = policy.entropy()
        loss = surrogate + cfg.value_loss_coef * value - cfg.entropy_coef * entropy
        self.note(value_function=value, surrogate=surrogate, entropy=entropy, kl=kl)
        if cfg.bounds_loss_coef != 0.0:
            bounds = bounds_loss(means, cfg.bounds)
            loss = loss + cfg.bounds_loss_coef * bounds
            self.note(bounds=bounds)
        return loss

    def note(self, **losses: Tensor) -> None:
        """Adds this step's losses (), named as in `loss_names`, to their sums."""
        for name, loss in losses.items():
            self.losses[self.loss_names.index(name)].add_(loss.detach())

    @torch.no_grad()
    def _adapt_learning_rate(self, old_means: Tensor, means: Tensor) -> Tensor:
        kl = gaussian_kl(old_means, self.old_log_std, means, self.policy.log_std).mean()
        distributed.average_(kl)  # else each rank would go on with a learning rate of its own
        if self.cfg.schedule == "adaptive":
            cfg, lr = self.cfg, self.learning_rate
            lr.copy_(adapted_learning_rate(lr, kl, cfg.desired_kl, cfg.min_learning_rate, cfg.max_learning_rate))
        return kl

    def optimizers(self) -> dict[str, StaticAdam]:
        """All of them, by their name in the checkpoint."""
        return {"optimizer": self.optimizer}

    def scalars(self) -> dict[str, float]:
        """What is logged beside the losses."""
        return {
            "Loss/learning_rate": self.learning_rate.item(),
            "Train/action_noise_std": self.policy.std.mean().item(),
        }

    def rollout_state_dict(self) -> dict[str, Tensor]:
        """What belongs to the running episodes: nothing, as the policy has no memory."""
        return {}

    def load_rollout_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """In place."""

    def state_tensors(self) -> list[Tensor]:
        """Every tensor that a minibatch step changes and the next one reads; all ranks start with the same."""
        return [*(tensor for adam in self.optimizers().values() for tensor in adam.state_tensors()), self.losses]

    def state_dict(self) -> dict:
        """Networks, optimisers and learning rate."""
        return {
            "policy": self.policy.state_dict(),
            **{name: adam.state_dict() for name, adam in self.optimizers().items()},
            "learning_rate": self.learning_rate.item(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict) -> None:
        """In place. A fixed learning rate stays the configured one; `re_init_std` starts the noise afresh."""
        self.policy.load_state_dict(state["policy"])
        for name, adam in self.optimizers().items():
            adam.load_state_dict(state[name])
        if self.cfg.schedule == "adaptive":
            self.learning_rate.fill_(state["learning_rate"])
        if self.policy.cfg.re_init_std:
            self.policy.reset_std()
            for tensor in self.optimizer.moments("log_std").values():
                tensor.zero_()


def surrogate_loss(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's clipped objective () to be minimised; both inputs (B,)."""
    return -torch.minimum(ratio * advantages, ratio.clamp(1.0 - clip, 1.0 + clip) * advantages).mean()


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Mean squared error (), the larger of the plain and the clipped one unless `clip` is None; inputs (B,)."""
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return error.mean()


def bounds_loss(means: Tensor, bounds: float) -> Tensor:
    """Mean squared excess () of the absolute mean actions (B, A) over `bounds`."""
    return (means.abs() - bounds).clamp(min=0.0).square().mean()


def adapted_learning_rate(lr: Tensor, kl: Tensor, desired: float, lowest: float, highest: float) -> Tensor:
    """Learning rate () after a step of divergence `kl` (): smaller when that is too large, larger when too small."""
    lower = (lr / 1.5).clamp(min=lowest)
    higher = (lr * 1.5).clamp(max=highest)
    return torch.where(kl > 2.0 * desired, lower, torch.where((kl > 0.0) & (kl < 0.5 * desired), higher, lr))
