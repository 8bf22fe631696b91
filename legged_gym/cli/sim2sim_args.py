"""Flags of sim2sim.py, which has an exported folder and no task's configs."""

from dataclasses import dataclass
from pathlib import Path

from legged_gym.cli.args import Script
from legged_gym.cli.kinds import File, Number
from legged_gym.utils.errors import UserError, nearest
from legged_gym.utils.files import check_place


@dataclass(kw_only=True)
class Sim2SimArgs(Script):
    """Flags of sim2sim.py."""

    task: str
    """name of the task that the policy was exported from"""
    exported: Path
    """folder that export.py wrote"""
    force: bool = False
    """run by a deploy.yaml that was edited since"""
    types: tuple[str, ...] = ()
    """types of tile, clips of a policy that follows motions, or kinds of scene of one that is told where to go; by
    default those of evaluate.py"""
    difficulty: Number = None
    """of the tiles, 0 .. 1; by default evaluate.py's"""
    episodes_per_type: int = 16
    """episodes on each type of tile or kind of scene; on flat ground, episodes"""
    dt: float = 0.002
    """physics step, s; training has 0.005"""
    integrator: str = "implicit"
    """euler, rk4, implicit or implicitfast; training has euler"""
    cone: str = "elliptic"
    """friction cones: elliptic or pyramidal; training has pyramidal"""
    motor_delay: Number = None
    """age of a joint target when the motors follow it, s; by default the delay that evaluate.py has"""
    noise: float = 1.0
    """factor on the noise of gyroscope, orientation, joints, camera and height map; 0: none"""
    json: File = None
    """file to write the figures to"""

    def check(self, has_courses: bool, has_motions: bool = False, has_scenes: bool = False) -> None:
        """Refuses values that no simulation can work with.

        The others: whether the exported policy crosses obstacle courses, follows motions, or is told where to go.
        """
        for flag, value, known in (
            ("--integrator", self.integrator, ("euler", "rk4", "implicit", "implicitfast")),
            ("--cone", self.cone, ("elliptic", "pyramidal")),
        ):
            if value not in known:
                raise UserError(f"{flag} is '{value}': choose from {', '.join(known)}")
        if self.episodes_per_type < 1:
            raise UserError(f"--episodes_per_type is {self.episodes_per_type}: at least one is needed")
        if not 1e-4 <= self.dt <= 0.02:
            raise UserError(f"--dt is {self.dt:g} s: it has to lie in 0.0001 .. 0.02")
        if not 0.0 <= self.noise <= 100.0:
            raise UserError(f"--noise is {self.noise:g}: it has to lie in 0 .. 100")
        check_place("--json", self.json)
        if has_motions:
            if self.difficulty is not None:
                raise UserError("--difficulty is for tasks with obstacle courses; this one follows motions")
            return
        if has_scenes:
            from legged_gym.terrain.scenes.drawn import KINDS

            if self.difficulty is not None:
                raise UserError("--difficulty is for tasks with obstacle courses; this one's scenes are --types")
            for kind in self.types:
                if kind not in KINDS:
                    raise UserError(f"--types: there is no kind of scene '{kind}'; {nearest(kind, KINDS)}")
            return
        if not has_courses:
            if self.types or self.difficulty is not None:
                raise UserError("--types and --difficulty are for tasks with obstacle courses; this one has none")
            return
        from legged_gym.terrain.registry import TERRAINS

        for kind in self.types:
            if kind not in TERRAINS:
                raise UserError(f"--types: there is no terrain '{kind}'; {nearest(kind, TERRAINS)}")
        if self.difficulty is not None and not 0.0 <= self.difficulty <= 1.0:
            raise UserError(f"--difficulty is {self.difficulty:g}: it has to lie in 0 .. 1")
