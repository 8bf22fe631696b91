from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent
from rsl_rl.modules.estimator import Estimator
from rsl_rl.modules.gated_experts import GatedExperts
from rsl_rl.modules.history_encoder import StateHistoryEncoder
from rsl_rl.modules.mlp import MLP
from rsl_rl.modules.teacher_student import DepthActor, TeacherStudent

__all__ = [
    "MLP",
    "ActorCritic",
    "ActorCriticRMA",
    "DepthActor",
    "DepthStudent",
    "Estimator",
    "GatedExperts",
    "StateHistoryEncoder",
    "TeacherStudent",
]
