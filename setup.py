"""Packages and resources; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["legged_gym", "legged_gym.*", "rsl_rl", "rsl_rl.*"]), "legged_gym.resources"],
    # resources/ stands beside the packages in a clone and inside legged_gym in a wheel.
    package_dir={"legged_gym.resources": "resources"},
    package_data={"legged_gym.resources": ["**/*"]},
)
