"""Where a policy that sees no motion is told to go, by hand."""

from collections.abc import Callable

import viser
from torch import Tensor

from legged_gym.parts.root_command import LARGEST_TURN, RootCommand
from legged_gym.viewer.page.requests import Requests


class RootFolder:
    """The way and the turn that the picked robot is told, in place of those to its motion. Robots that were driven keep
    what they were told until the box is unticked."""

    def __init__(self, server: viser.ViserServer, command: RootCommand, requests: Requests, mask: Callable[[], Tensor]):
        """Adds itself to the open folder; `mask` gives (N,) bool, the picked robot."""
        self._command, self._mask, gui, largest = command, mask, server.gui, command.largest_way
        self.by_hand = gui.add_checkbox("by hand", False, hint="the picked robot follows no motion; unticked, all do")
        self.ahead = gui.add_slider("ahead, m", -largest, largest, 0.01, 0.0)
        self.left = gui.add_slider("left, m", -largest, largest, 0.01, 0.0)
        self.turn = gui.add_slider("turn, rad", -LARGEST_TURN, LARGEST_TURN, 0.05, 0.0, hint="to the left")
        for control in (self.by_hand, self.ahead, self.left, self.turn):
            control.on_update(lambda _: requests.put(self._set))

    def _set(self) -> None:
        if not self.by_hand.value:
            self._command.release(self._command.manual.clone())
            return
        largest = self._command.largest_way
        ways = (_within(self.ahead.value, largest), _within(self.left.value, largest))
        self._command.steer(self._mask(), ways, _within(self.turn.value, LARGEST_TURN))


def _within(value: float, largest: float) -> float:
    return min(largest, max(-largest, value))  # in this order, which turns nan into a number
