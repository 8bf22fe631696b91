"""Three iterations of rsl-rl-lib's PPO on go2, where that package is the `rsl_rl` that Python finds; for a test."""

import torch

import rsl_rl
from legged_gym import make
from legged_gym.adapters.rsl_rl_env import RslRlVecEnv
from rsl_rl.runners import OnPolicyRunner

NETWORK = {"class_name": "MLPModel", "hidden_dims": [32, 32], "activation": "elu"}
CONFIG = {
    "num_steps_per_env": 8,
    "save_interval": 50,
    "obs_groups": {"actor": ["proprio"], "critic": ["proprio", "privileged"]},
    "actor": NETWORK | {"distribution_cfg": {"class_name": "GaussianDistribution", "init_std": 1.0}},
    "critic": dict(NETWORK),
    "algorithm": {"class_name": "PPO", "rnd_cfg": None, "symmetry_cfg": None},
}

env = RslRlVecEnv(make("go2", 16, **{"sim.num_threads": 1, "env.episode_length_s": 0.4}))
runner = OnPolicyRunner(env, CONFIG, None, "cpu")
before = torch.nn.utils.parameters_to_vector(runner.alg.actor.parameters()).clone()
runner.learn(3, init_at_random_ep_len=True)
after = torch.nn.utils.parameters_to_vector(runner.alg.actor.parameters())
changed = bool(after.isfinite().all()) and not torch.equal(before, after)
print(f"{rsl_rl.__file__}\niterations: {runner.current_learning_iteration + 1}, networks changed: {changed}")
