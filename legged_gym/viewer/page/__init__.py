"""The page in the browser."""

import legged_gym.utils.trimesh  # noqa: F401  (before viser, which imports it)
