"""Proximal policy optimisation. A minibatch step never touches the host: on CUDA it is one graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from rsl_rl.algorithms.extras import extras
from rsl_rl.algorithms.losses import Derived, Loss, adapted_learning_rate, bounds_loss, surrogate_loss, value_loss
from rsl_rl.algorithms.phases import Phase
from rsl_rl.algorithms.symmetry import Symmetry
from rsl_rl.config import AlgorithmCfg
from rsl_rl.env import VecEnv
from rsl_rl.modules.actor_critic import ActorCritic, gaussian_kl
from rsl_rl.storage.rollout_storage import RolloutStorage, Samples
from rsl_rl.utils import distributed, graphs
from rsl_rl.utils.adam import StaticAdam
from rsl_rl.utils.precision import tensor_float32

Behaviour = Callable[[Mapping[str, Tensor]], Tensor]
MIRRORED = 4  # of so many rows one is compared with its mirror image: it costs a forward and a backward pass more


class PPO:
    """Collects into `storage` with `act` and `record`, learns with `update`: one phase.

    Values and log-probabilities are computed for all T steps at once in `update`: the rollout step then runs
    the actor only. Further losses are `auxiliary_losses` of a subclass, given to the constructor, or `extras` of the
    actor's class.
    """

    config_class: type = AlgorithmCfg
    trains: type = ActorCritic
    separate_parts: frozenset[str] = frozenset()
    own_losses: tuple[str, ...] = ()
    """What a subclass notes beside PPO's and the auxiliary losses."""
    whole_windows = False
    """Whether a minibatch is all steps of some robots, for a policy that remembers, and not any steps."""

    def __init__(
        self,
        policy: ActorCritic,
        obs_dims: Mapping[str, int],
        num_steps: int,
        num_envs: int,
        cfg: AlgorithmCfg,
        *,
        graph: bool = True,
        losses: Sequence[Loss] = (),
        symmetry: Symmetry | None = None,
    ):
        """Memory for `num_steps` control steps of `num_envs` robots, whose observation groups are `obs_dims` wide.

        `graph`: capture what `update` does as CUDA graphs when the policy is on CUDA. `losses`: further ones.
        `symmetry`: for the `mirror_...` settings, which need it.
        """
        self.policy, self.cfg = policy, cfg
        self.device = device = policy.log_std.device
        self._graph = graph and device.type == "cuda"
        self._replays: dict[Callable[[], None], Callable[[], None]] = {}
        self.extras = extras(policy.actor, cfg)
        self.auxiliary = [*self.extras.losses, *self.auxiliary_losses(), *losses]
        self.symmetry = symmetry
        if (cfg.mirror_augmentation or cfg.mirror_loss_coef > 0.0) and symmetry is None:
            raise ValueError("algorithm.mirror_augmentation and mirror_loss_coef need to know what mirrors what")
        if symmetry is not None and cfg.mirror_loss_coef > 0.0:
            self.auxiliary.append(Loss("mirror", self._mirror_loss, cfg.mirror_loss_coef))
        names = ("value_function", "surrogate", "entropy", "kl", *(loss.name for loss in self.auxiliary))
        self.loss_names = (*names, *self.extras.figures, *self.own_losses)
        if repeated := {name for name in self.loss_names if self.loss_names.count(name) > 1}:
            raise ValueError(f"two losses are called {', '.join(sorted(repeated))}")
        # On the device, so that one captured step serves every iteration.
        scheduled = [loss for loss in self.auxiliary if callable(loss.weight)]
        self.weights = {loss.name: torch.zeros((), device=device) for loss in scheduled}
        self.derived = self.derived_rows()
        for loss in self.auxiliary:
            self.derived |= loss.derived
        if self.derived and cfg.mirror_augmentation:
            raise ValueError(
                f"algorithm.mirror_augmentation: {type(self).__name__} works out {', '.join(self.derived)} once per "
                "rollout, which have no mirror images; algorithm.mirror_loss_coef does without"
            )
        more = [group for loss in self.auxiliary for group in loss.groups]
        for loss in self.auxiliary:
            loss.check(obs_dims)
        stored = {group: obs_dims[group] for group in dict.fromkeys((*self.stored_groups(), *more))}
        widths = {name: rows.width for name, rows in self.derived.items()}
        sizes = (policy.num_actions, cfg.num_mini_batches)
        whole = dict(whole_windows=self.whole_windows)
        self.storage = RolloutStorage(num_steps, num_envs, stored, *sizes, device, widths, **whole)
        self.step_groups = tuple(dict.fromkeys((*self.read_groups(), *more, *self.derived)))
        self.optimizer = self._adam(self.policy_parameters(), cfg.learning_rate)
        self.learning_rate = self.optimizer.learning_rate
        self.old_log_std = policy.log_std.detach().clone()
        self.losses = torch.zeros(len(self.loss_names), device=device)  # sums over minibatch steps
        self.iteration = 0
        self.last: int | None = None  # iteration with which the training ends
        self.desired_kl = torch.tensor(cfg.desired_kl, device=device)
        self.phases: tuple[Phase, ...] = (self.phase("ppo", self.rollout_step, self.update),)

    @classmethod
    def make(cls, policy: ActorCritic, env: VecEnv, num_steps: int, cfg: AlgorithmCfg, *, graph: bool, **own) -> "PPO":
        """With storage for `num_steps` control steps of all robots in `env`. `own`: what a subclass is made with."""
        obs_dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
        symmetry = Symmetry.wanted(env, policy.obs_dims, cfg)
        return cls(policy, obs_dims, num_steps, env.num_envs, cfg, graph=graph, symmetry=symmetry, **own)

    def phase(self, name: str, collect: Callable, update: Callable, **when) -> Phase:
        """A phase that collects into this storage."""
        return Phase(name, collect, update, self.storage.num_steps, self.begin, **when)

    # -- what a subclass may add to -----------------------------------------------------------------------------------
    def auxiliary_losses(self) -> list[Loss]:
        """What is added to the surrogate, value and entropy losses."""
        cfg = self.cfg
        if cfg.bounds_loss_coef == 0.0:
            return []
        return [Loss("bounds", lambda policy, batch, means: bounds_loss(means, cfg.bounds), cfg.bounds_loss_coef)]

    def derived_rows(self) -> dict[str, Derived]:
        """What `prepare` adds to the stored observations, by name, beside what auxiliary losses ask for."""
        return {}

    def stored_groups(self) -> tuple[str, ...]:
        """Observation groups that PPO keeps of each step."""
        return tuple(self.policy.obs_dims)

    def read_groups(self) -> tuple[str, ...]:
        """Those of them that the policy reads in a minibatch step."""
        return self.stored_groups()

    def policy_parameters(self) -> dict[str, nn.Parameter]:
        """What PPO's loss trains, by name: all but the parts that learn apart."""
        named = self.policy.named_parameters()
        return {name: p for name, p in named if name.split(".")[0] not in self.policy.separate_parts}

    def part_parameters(self, part: str) -> dict[str, nn.Parameter]:
        """Those of one part of the policy, by name."""
        return {name: p for name, p in self.policy.named_parameters() if name.split(".")[0] == part}

    def _adam(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> StaticAdam:
        return StaticAdam(parameters, learning_rate, self.cfg.max_grad_norm)

    # -- collecting ---------------------------------------------------------------------------------------------------
    def begin_training(self, last: int) -> None:
        """As in `Algorithm`; `final_desired_kl` is reached with `last`."""
        self.last = last

    def begin(self, env: VecEnv, iteration: int) -> None:
        """Call before collecting; `iteration` counts those completed. Sets the scheduled weights."""
        self.iteration = iteration
        self.storage.clear()
        self.desired_kl.fill_(self.kl_of(iteration))
        self.policy.hold_std()
        self.extras.begin(iteration)
        for loss in self.auxiliary:
            if callable(loss.weight):
                self.weights[loss.name].fill_(loss.weight(iteration))

    def kl_of(self, iteration: int) -> float:
        """What the adaptive schedule aims at: falls from `desired_kl` to `final_desired_kl` in the training's second
        half, where it is given."""
        first, last = self.cfg.desired_kl, self.cfg.final_desired_kl
        if last == 0.0 or not self.last:
            return first
        progress = min(max(2.0 * iteration / self.last - 1.0, 0.0), 1.0)
        return first * (last / first) ** progress

    @torch.no_grad()
    def rollout_step(self, env: VecEnv) -> None:
        """Policy, environment and storage write of one control step, without host sync."""
        self.step_with(self.behaviour, env)

    def step_with(self, behaviour: Behaviour, env: VecEnv) -> None:
        """The same under another behaviour: observations to mean actions. Call under no_grad."""
        actions = self.act(env.observations, behaviour)
        _, rewards, dones, time_outs = env.step(actions)
        self.record(rewards, dones, time_outs)

    @tensor_float32
    def act(self, observations: Mapping[str, Tensor], behaviour: Behaviour | None = None) -> Tensor:
        """Actions (N, A) with exploration noise; writes the decision to the storage. Call under no_grad."""
        means = (behaviour or self.behaviour)(observations)
        actions = self.policy.sample(means)
        self.storage.write_decision(observations, actions, means)
        return actions

    def behaviour(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A) in the rollout."""
        return self.policy.act_inference(observations)

    def record(self, rewards: Tensor, dones: Tensor, time_outs: Tensor) -> None:
        """Writes the step's outcome, each (N,), to the storage."""
        self.storage.write_outcome(rewards, dones, time_outs)

    # -- learning -----------------------------------------------------------------------------------------------------
    def update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """Learns from the T stored steps and the observations after them; mean losses by name. One host sync."""
        self.prepare(last_observations)
        losses = self.train(self.mini_batch_step)
        scheduled = [loss for loss in self.auxiliary if callable(loss.weight)]
        return losses | {f"{loss.name}_coef": loss.weight(self.iteration) for loss in scheduled}

    @tensor_float32
    def train(self, step: Callable[[], None]) -> dict[str, float]:
        """Runs `step` on every minibatch of every epoch; mean of each of `loss_names` over all ranks."""
        replay = self.replay(step)
        self.losses.zero_()
        for _ in range(self.cfg.num_learning_epochs):
            for indices in self.storage.shuffled():
                self.storage.indices.copy_(indices)
                replay()
        steps = self.cfg.num_learning_epochs * self.cfg.num_mini_batches
        means = distributed.average_(self.losses / steps)
        return dict(zip(self.loss_names, means.tolist(), strict=True))

    def replay(self, step: Callable[[], None]) -> Callable[[], None]:
        """`step` as a CUDA graph, captured when first asked for; `step` itself without graphs."""
        if not self._graph:
            return step
        if step not in self._replays:
            self._replays[step] = graphs.capture(step, self.state_tensors())
        return self._replays[step]

    @tensor_float32
    def prepare(self, last_observations: Mapping[str, Tensor]) -> None:
        """Works out, from the stored steps and the observations after them, what minibatch steps read beside them."""
        self.storage.write_last(last_observations)
        self.replay(self.derive)()

    @torch.no_grad()
    def derive(self) -> None:
        """Values, log-probabilities, returns, advantages and derived rows of the stored steps, without host sync."""
        samples = self.storage.samples
        samples.values.copy_(self.policy.evaluate(samples.observations))
        samples.log_probs.copy_(self.policy.log_prob(samples.means, samples.actions))
        self.old_log_std.copy_(self.policy.log_std)
        last_values = self.policy.evaluate(self.storage.last_observations)
        self.storage.compute_returns(last_values, self.cfg.gamma, self.cfg.lam)
        if self.policy.return_scale is not None:
            self.policy.return_scale.renew(samples.returns, self.policy.critic[-1])
        for name, rows in self.derived.items():
            samples.observations[name].copy_(rows.function(samples.observations))

    def mini_batch_step(self) -> None:
        """One gradient step on the rows in `storage.indices`, in place and without host sync."""
        batch = self.storage.gather(self.step_groups)
        if self.cfg.mirror_augmentation:
            batch = self.symmetry.doubled(batch)
        self.optimizer.minimize(self.ppo_loss(batch, self.means(batch)))
        batch.outputs.clear()

    def means(self, batch: Samples) -> Tensor:
        """The policy's present mean actions (B, A). What losses need of what comes before them goes to
        `batch.outputs`."""
        return self.policy.act_inference(batch.observations)

    def mirrored(self, batch: Samples, count: int) -> Samples:
        """The observations of the first `count` rows, with the mirror images of what the policy reads; decisions stay
        those of all rows."""
        some = {name: value[:count] for name, value in batch.observations.items()}
        return replace(batch, observations=some | self.symmetry.observations(some), outputs={})

    def _mirror_loss(self, policy: ActorCritic, batch: Samples, means: Tensor) -> Tensor:
        """Mean squared distance () of the mean actions for the mirror images from the mirror images of `means`."""
        some = means[: -(-len(means) // MIRRORED)]
        return (self.means(self.mirrored(batch, len(some))) - self.symmetry.actions(some)).square().mean()

    def ppo_loss(self, batch: Samples, means: Tensor) -> Tensor:
        """PPO's loss () of the policy whose mean actions are now `means` (B, A); adapts the learning rate before."""
        cfg, policy = self.cfg, self.policy
        values = policy.evaluate(batch.observations)
        # Of what was collected: how far the policy is from symmetric is no step that it made.
        collected = self.storage.mini_batch_size
        kl = self._adapt_learning_rate(batch.means[:collected], means[:collected])

        ratio = (policy.log_prob(means, batch.actions) - batch.log_probs).exp()
        weights = self.reward_weights(batch)
        surrogate = surrogate_loss(ratio, batch.advantages, cfg.clip_param, weights)
        value = self.value_loss(batch, values)
        entropy = policy.entropy()
        bonus = cfg.entropy_coef if weights is None else cfg.entropy_coef * weights.mean()
        loss = surrogate + cfg.value_loss_coef * value - bonus * entropy
        self.note(value_function=value, surrogate=surrogate, entropy=entropy, kl=kl)
        for auxiliary in self.auxiliary:
            value = auxiliary.function(policy, batch, means)
            loss = loss + self.weights.get(auxiliary.name, auxiliary.weight) * value
            self.note(**{auxiliary.name: value})
        with torch.no_grad():
            self.note(**{name: figure(policy, batch) for name, figure in self.extras.figures.items()})
        return loss

    def reward_weights(self, batch: Samples) -> Tensor | None:
        """How much of each row (B,) of a minibatch is learnt from rewards; None: all of all."""
        return None

    def value_loss(self, batch: Samples, values: Tensor) -> Tensor:
        """Of what the critic now says (B,), on the scale that it learns on."""
        clip = self.cfg.clip_param if self.cfg.use_clipped_value_loss else None
        compared = [values, batch.values, batch.returns]
        if self.policy.return_scale is not None:
            compared = [x / self.policy.return_scale.std for x in compared]  # differences count: the mean drops out
        return value_loss(*compared, clip)

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
            lr.copy_(adapted_learning_rate(lr, kl, self.desired_kl, cfg.min_learning_rate, cfg.max_learning_rate))
        return kl

    def begin_with_learnt(self) -> None:
        """With networks that have learnt already, an adaptive schedule begins at its lower end, from where it climbs
        within an iteration. At the usual rate, Adam's first steps, as long for each weight, undo what they know: of a
        policy with a noise of 0.29, from 2e-4 on, they made one that was a KL divergence of 18.7 away."""
        if self.cfg.schedule == "adaptive":
            self.learning_rate.fill_(self.cfg.min_learning_rate)

    def optimizers(self) -> dict[str, StaticAdam]:
        """All of them, by their name in the checkpoint."""
        return {"optimizer": self.optimizer}

    def scalars(self) -> dict[str, float]:
        """What is logged beside the losses."""
        return {
            "Loss/learning_rate": self.learning_rate.item(),
            "Train/action_noise_std": self.policy.std.mean().item(),
            **self.policy.figures(),
            **self.extras.scalars(),
        }

    def learning_rates(self) -> dict[str, float]:
        """What the config says, by field."""
        return {name: value for name, value in vars(self.cfg).items() if name.endswith("learning_rate")}

    def not_in_force(self, iteration: int) -> list[str]:
        """As in `Algorithm`."""
        return self.extras.not_in_force(iteration)

    def rollout_state_dict(self) -> dict[str, Tensor]:
        """What belongs to the running episodes: nothing, as the policy has no memory."""
        return {}

    def load_rollout_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """In place."""

    def state_tensors(self) -> list[Tensor]:
        """Every tensor that an update changes and the next one reads; all ranks start with the same."""
        scale = self.policy.return_scale
        learnt = [tensor for adam in self.optimizers().values() for tensor in adam.state_tensors()]
        return [*learnt, *(() if scale is None else scale.buffers()), self.losses]

    def state_dict(self) -> dict:
        """Networks, optimisers and learning rate."""
        return {
            "policy": self.policy.state_dict(),
            **{name: adam.state_dict() for name, adam in self.optimizers().items()},
            "learning_rate": self.learning_rate.item(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict) -> None:
        """In place. The learning rate goes on from where the schedule was, unless it is fixed, or the config now names
        another than the saved one did; `re_init_std` starts the noise afresh."""
        self.policy.load_state_dict(state["policy"])
        for name, adam in self.optimizers().items():
            adam.load_state_dict(state[name])
        configured = state.get("algorithm_cfg", {}).get("learning_rate", self.cfg.learning_rate)
        if self.cfg.schedule == "adaptive" and configured == self.cfg.learning_rate:
            self.learning_rate.fill_(state["learning_rate"])
        if self.policy.cfg.re_init_std:
            self.policy.reset_std()
            for tensor in self.optimizer.moments("log_std").values():
                tensor.zero_()
