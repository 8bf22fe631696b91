from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.estimator import Estimator
from rsl_rl.modules.history_encoder import StateHistoryEncoder
from rsl_rl.modules.mlp import mlp

__all__ = ["ActorCritic", "ActorCriticRMA", "Estimator", "StateHistoryEncoder", "mlp"]
