"""Trained policies as files for a robot; `legged_gym/deploy` reads and runs them."""
