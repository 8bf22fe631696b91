"""Runs a fork's program as `python program.py` would, and writes down what the simulation did.

    python -m isaacgym._acceptance_run REPORT STAND_INS program.py [arguments]

STAND_INS names modules, separated by commas, that the program imports for something else than what is run. Those that
cannot be imported here are replaced by an empty one; using anything of it raises and names it.
"""

import importlib
import importlib.abc
import importlib.machinery
import json
import runpy
import sys
import time
import types


class StandIn(types.ModuleType):
    """A module whose every name is a `Missing`."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__path__ = []
        self.__file__ = f"<stand-in of {name}>"  # `inspect` asks

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")


class Missing:
    """Something of a stand-in: may be named, inherited from and made, not used."""

    def __init__(self, name: str, made: bool = False):
        self._name, self._made = name, made

    def __getattr__(self, name: str):
        if name.startswith("__") or self._made:
            raise NotImplementedError(f"{self._name} is needed after all: install {self._name.partition('.')[0]}")
        return Missing(f"{self._name}.{name}")

    def __call__(self, *args, **kwargs):
        if self._made:
            raise NotImplementedError(f"{self._name} is needed after all: install {self._name.partition('.')[0]}")
        return Missing(self._name, made=True)

    def __mro_entries__(self, bases):
        return ()


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the stand-ins and every module below them."""

    def __init__(self, names: list[str]):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name.partition(".")[0] in self.names else None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        """A stand-in is ready as it is made."""


def stand_in(names: list[str]) -> list[str]:
    """Replaces the modules of `names` that cannot be imported; returns which."""
    replaced = []
    for name in names:
        before = set(sys.modules)
        try:
            importlib.import_module(name)
        except Exception:  # whatever a broken installation raises
            for module in set(sys.modules) - before:
                if module.partition(".")[0] == name:
                    del sys.modules[module]
            replaced.append(name)
    if replaced:
        sys.meta_path.insert(0, Finder(replaced))
        print(f"isaacgym.acceptance: empty stand-ins for {', '.join(replaced)}", flush=True)
    return replaced


def watch() -> dict:
    """Has the `Gym` remember its simulations, and when the first and the last step was made."""
    from isaacgym import gymapi

    seen = {"scenes": [], "first": None, "last": None}
    simulate = gymapi.Gym.simulate

    def timed(self, sim, *args):
        if sim not in seen["scenes"]:
            seen["scenes"].append(sim)
        if seen["first"] is None:
            seen["first"] = time.perf_counter()
        result = simulate(self, sim, *args)
        seen["last"] = time.perf_counter()
        return result

    gymapi.Gym.simulate = timed
    return seen


def report(seen: dict) -> dict:
    """Figures of the simulations seen."""
    import torch

    from isaacgym._acceptance_depth import compare

    figures = {"worlds": 0, "steps": 0, "lost": 0, "finite": True, "terrain": "", "device": "", "seconds": 0.0}
    figures["depth"] = None
    for scene in seen["scenes"]:
        engine = scene.engine
        engine.check()
        figures["worlds"] += engine.num_envs
        figures["steps"] += scene.frame * engine.num_envs
        figures["lost"] += engine.lost
        figures["finite"] &= all(bool(torch.isfinite(t).all()) for t in (engine.root_states, engine.dof_states))
        figures["terrain"] = scene._describe_ground()
        figures["device"] = str(scene.device)
        figures["depth"] = compare(scene) or figures["depth"]
    if seen["last"] is not None:
        figures["seconds"] = seen["last"] - seen["first"]
    return figures


def main() -> None:
    path, names, program, *arguments = sys.argv[1:]
    sys.argv = [program, *arguments]
    import isaacgym  # noqa: F401 (before torch, and before anything of the fork)

    replaced = stand_in([n for n in names.split(",") if n])
    seen = watch()
    sys.path[0] = program.rpartition("/")[0] or "."
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        with open(path, "w") as file:
            json.dump(report(seen) | {"stand_ins": replaced}, file)


if __name__ == "__main__":
    main()
