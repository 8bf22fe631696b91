"""Curves of joints from one pose to the next."""

from collections.abc import Mapping

from legged_gym.motion.author.script import LEFT, RIGHT, Knots

_TURNS = ("roll", "yaw")  # joints of which the two sides have opposite signs


class Gestures:
    """Moves of single joints, one after the other: each holds where it is until its next move begins."""

    def __init__(self, pose: Mapping[str, float]):
        """`pose`: rad by joint, at the start."""
        self._pose = {name.removesuffix("_joint"): angle for name, angle in pose.items()}
        self._knots: dict[str, list[tuple[float, float]]] = {}

    def move(self, start: float, end: float, **angles: float) -> "Gestures":
        """The joints named go to these angles between `start` and `end` (s)."""
        for name, angle in angles.items():
            known = self._knots.setdefault(name, [(0.0, self._pose.get(name, 0.0))])
            known += [(max(start, known[-1][0]), known[-1][1]), (end, angle)]
        return self

    def both(self, start: float, end: float, **angles: float) -> "Gestures":
        """Left and right, mirrored; angles are those of the left."""
        for side, sign in (("left", 1.0), ("right", -1.0)):
            own = {f"{side}_{name}": a * (sign if name.endswith(_TURNS) else 1.0) for name, a in angles.items()}
            self.move(start, end, **own)
        return self

    def swing_arms(self, start: float, end: float, foot: int, angle: float, ahead: float = 0.0) -> "Gestures":
        """As `foot` steps, the other side's arm goes `angle` rad forward and its own as far back, both from `ahead` rad
        forward of where they began."""
        for side, own in (("left", foot == LEFT), ("right", foot == RIGHT)):
            name = f"{side}_shoulder_pitch"
            self.move(start, end, **{name: self._pose.get(name, 0.0) - ahead + (angle if own else -angle)})
        return self

    def back(self, start: float, end: float) -> "Gestures":
        """All that moved, to where it began."""
        return self.move(start, end, **{name: self._pose.get(name, 0.0) for name in list(self._knots)})

    @property
    def knots(self) -> dict[str, Knots]:
        return {name: tuple(knots) for name, knots in self._knots.items()}
