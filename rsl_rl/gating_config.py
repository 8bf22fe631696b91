"""Configuration of experts and their gate: what they are, and how the gate learns."""

from dataclasses import dataclass
from typing import Annotated

from rsl_rl.utils.bounds import AtLeastOne, Bounds, Columns, NotNegative, NotNegativeInt, Share, Sizes


@dataclass
class GatingCfg:
    """Experts of an actor GatedExperts, and the gate that mixes them; sizes of Galileo's hurdle parkour."""

    experts: tuple[str, ...] = ("flat", "jump", "crawl")
    """Their names, for the logs; each is a network of actor_hidden_dims."""
    group: str = "priv_explicit"
    """Observation group that the gate reads, one that the actor reads as it is."""
    columns: Columns = (0, 8)
    """First and end of what it reads of that group."""
    hidden_dims: Sizes = (64, 64)
    """Widths of the gate's hidden layers."""
    top: AtLeastOne = 2
    """Experts that are mixed for an observation; the others get no weight."""
    blind: bool = False
    """The gate reads nothing: how much does it matter what it sees?"""

    def check(self, key: str = "policy.gating") -> None:
        """`key`: where the settings stand."""
        first, end = self.columns
        if len(self.experts) < 2 or len(set(self.experts)) < len(self.experts):
            raise ValueError(f"{key}.experts is {' '.join(self.experts)}: it takes two or more different names")
        if not 0 <= first < end:
            raise ValueError(f"{key}.columns is {first} {end}: it goes from 0 or more to more")


@dataclass
class GateTrainingCfg:
    """How the gate of an actor GatedExperts learns; numbers of Galileo's hurdle parkour where not said otherwise."""

    temperature: Annotated[tuple[float, float], Bounds(above=0.0)] = (2.0, 0.6)
    """Of the gate's softmax at the start and at the end of its schedule, in which it falls. A training that begins with
    learnt networks, or is resumed, keeps theirs until the schedule is below it, and says so."""
    temperature_iterations: NotNegativeInt = 2000
    """Iterations in which a cosine leads from one to the other (6000 there); 0: the temperature stays what it was, a
    student's its teacher's."""
    balance_coef: NotNegative = 0.03
    """Weight of the squared differences of the experts' mean weights from an even share."""
    usage_coef: NotNegative = 0.05
    """Weight of what the least used expert's mean weight lacks to min_usage."""
    min_usage: Share = 0.1
    """See usage_coef."""
    balance_iterations: Annotated[tuple[int, int], Bounds(low=0)] = (500, 1500)
    """First and last iteration in which both of these fall to 0 (constant there)."""
    entropy_coef: NotNegative = 0.02
    """Weight of the weights' entropy, which sharpens the gate."""
    target_group: str = ""
    """Observation group of the weights that the gate should give, one column for each expert (none there)."""
    target_coef: NotNegative = 0.0
    """Weight of the cross entropy to these; 0 switches it off."""

    def check(self, key: str = "algorithm.gating") -> None:
        """`key`: where the settings stand."""
        start, end = self.temperature
        if start < end:
            raise ValueError(f"{key}.temperature is {start:g} {end:g}: it falls from the first to the second")
        first, last = self.balance_iterations
        if not 0 <= first < last:
            raise ValueError(f"{key}.balance_iterations is {first} {last}: it goes from 0 or later to later")
        if self.target_coef > 0.0 and not self.target_group:
            raise ValueError(f"{key}.target_coef needs {key}.target_group")
