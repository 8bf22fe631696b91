from rsl_rl.runners.on_policy_runner import OnPolicyRunner, load_policy

__all__ = ["OnPolicyRunner", "load_policy"]
