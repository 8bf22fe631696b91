from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.mlp import mlp

__all__ = ["ActorCritic", "mlp"]
