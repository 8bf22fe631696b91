"""Three updates of skrl's PPO on go2 through the gymnasium adapter; for a test."""

import torch
from skrl.agents.torch.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
from skrl.trainers.torch import SequentialTrainer

from legged_gym import make
from legged_gym.adapters.gymnasium_env import GymVectorEnv

ROLLOUTS, UPDATES = 8, 3


class Actor(GaussianMixin, Model):
    def __init__(self, env):
        Model.__init__(self, observation_space=env.observation_space, action_space=env.action_space, device="cpu")
        GaussianMixin.__init__(self, clip_actions=False)
        self.net = torch.nn.Sequential(torch.nn.Linear(self.num_observations, 32), torch.nn.ELU())
        self.mean = torch.nn.Linear(32, self.num_actions)
        self.log_std = torch.nn.Parameter(torch.zeros(self.num_actions))

    def compute(self, inputs, role):
        return self.mean(self.net(inputs["observations"])), {"log_std": self.log_std}


class Critic(DeterministicMixin, Model):
    def __init__(self, env):
        Model.__init__(self, observation_space=env.observation_space, action_space=env.action_space, device="cpu")
        DeterministicMixin.__init__(self)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(self.num_observations, 32), torch.nn.ELU(), torch.nn.Linear(32, 1)
        )

    def compute(self, inputs, role):
        return self.net(inputs["observations"]), {}


def main() -> None:
    envs = GymVectorEnv(make("go2", 16, **{"sim.num_threads": 1, "env.episode_length_s": 0.4}), ("proprio",))
    env = wrap_env(envs, wrapper="gymnasium")
    models = {"policy": Actor(env), "value": Critic(env)}
    before = torch.nn.utils.parameters_to_vector(models["policy"].parameters()).detach().clone()
    cfg = PPO_CFG(rollouts=ROLLOUTS, learning_epochs=2, mini_batches=2)
    cfg.experiment.write_interval = cfg.experiment.checkpoint_interval = 0
    agent = PPO(
        models=models,
        memory=RandomMemory(memory_size=ROLLOUTS, num_envs=env.num_envs, device="cpu"),
        cfg=cfg,
        observation_space=env.observation_space,
        action_space=env.action_space,
        device="cpu",
    )
    steps = {"timesteps": ROLLOUTS * UPDATES, "headless": True, "disable_progressbar": True}
    SequentialTrainer(env=env, agents=agent, cfg=steps).train()
    after = torch.nn.utils.parameters_to_vector(models["policy"].parameters()).detach()
    changed = bool(after.isfinite().all()) and not torch.equal(before, after)
    print(f"updates: {UPDATES}, networks changed: {changed}")


if __name__ == "__main__":
    main()
