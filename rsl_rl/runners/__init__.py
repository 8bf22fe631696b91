from rsl_rl.runners.checkpoints import load_policy
from rsl_rl.runners.on_policy_runner import OnPolicyRunner

__all__ = ["OnPolicyRunner", "load_policy"]
