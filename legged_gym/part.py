"""What every part of a task has in common: registered state, and the settings that this state was drawn from."""

from torch import Tensor


class Part:
    """A piece of a task: commands, randomisation, joint drive, course, camera, …

    State is what is registered with `keep`, and nothing else: all other tensors follow from the config, so that a
    resumed run gets back what happened and never what was configured. State is written in place, as a captured step
    holds the memory.
    """

    settings: tuple[str, ...] = ()
    """Keys of the environment's config (`domain_rand`, `control.decimation`) that the state was drawn from. If one of
    them is another when a run is resumed, what is saved does not fit, and episodes start afresh."""

    def keep(self, **tensors: Tensor) -> None:
        """Make `tensors` attributes of this part, and its state."""
        for name, tensor in tensors.items():
            setattr(self, name, tensor)
        self.__dict__.setdefault("_state", {}).update(tensors)

    def state(self) -> dict[str, Tensor]:
        """What has to be saved, by name; the tensors themselves."""
        return self.__dict__.get("_state", {})

    def reset(self, mask: Tensor) -> None:
        """A new episode begins for the robots in `mask` (N,)."""
