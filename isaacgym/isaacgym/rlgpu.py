"""Tasks that Isaac Gym has in C++, which are not provided; programs import this module and write theirs in Python."""

from isaacgym._calls import NotProvided


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotProvided(f"isaacgym.rlgpu.{name}: tasks in C++ are not provided; use the program's tasks in Python")
