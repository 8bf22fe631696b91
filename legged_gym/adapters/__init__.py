"""Environments as other learning libraries want them: `gymnasium_env` and `rsl_rl_env`, each with its own import."""
