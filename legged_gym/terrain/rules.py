"""When a robot has fallen or lies, steps on an edge or touches a gate: in training, evaluation and sim2sim."""

import math
from dataclasses import dataclass
from typing import Annotated

from legged_gym.utils.bounds import Bounds, Finite, NotNegative
from legged_gym.utils.errors import UserError

HANGS = 0.02  # m; what begins higher than this over the lowest ground hangs free
REACH = 0.65  # m along the course, before and behind a gate, within which a touch spoils its crossing
POST = 0.1  # m; a gate's posts are square, and its bar ends where they do
TOUCH = 1.0  # N
GATE_TOP = 0.1  # m; a box whose top is higher over the start's level is bar or post, a lower one lies under the feet
LIES = -0.5  # of gravity's unit vector along the base's z; a robot without a motion that is tilted by 60 degrees lies
AS_ASKED, WRONG_WAY, OUTSIDE = 1, 2, 3  # how a gate was passed


@dataclass
class RulesCfg:
    """What depends on a robot's build; the defaults are a Go2's. Metres, radians."""

    foot_rim: NotNegative = 0.03
    """how far beside a foot's centre an edge may still carry it"""
    edge_reach: NotNegative = 0.05
    """a foot is on an edge if within this the ground drops by more than edge_drop"""
    edge_drop: NotNegative = 0.05
    max_tilt: Annotated[float, Bounds(0.0, math.pi, open_low=True, angle=True)] = 1.5
    """roll or pitch beyond which a robot has fallen"""
    lowest_base: Finite = -0.25
    """height of the base over the start, below which it has fallen"""
    pit: Finite = -0.1
    """ground whose lowest place is below this has pits, and that is their floor"""
    on_floor: Finite = 0.05
    """a foot's centre lower than this over the floor of a pit stands on it"""
    feet_in_pit: Annotated[float, Bounds(0.0, 1.0, open_low=True)] = 0.5
    """share of the feet, rounded up, that stand on the floor of a pit when a robot has fallen into it"""

    def num_feet_in_pit(self, num_feet: int) -> int:
        """How many of `num_feet` make a fall; UserError for an impossible share."""
        if not 0.0 < self.feet_in_pit <= 1.0:
            raise UserError(f"--env.rules.feet_in_pit is {self.feet_in_pit:g}: it is a share, above 0 and up to 1")
        return math.ceil(self.feet_in_pit * num_feet - 1e-6)
