"""What the browser asks for, handed over to the thread that steps the robots."""

import queue
import traceback
from collections.abc import Callable

Action = Callable[[], None]


class Requests:
    """Actions that the browser's callbacks, on threads of their own, leave for the loop to run between steps."""

    def __init__(self) -> None:
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()

    def put(self, action: Action) -> None:
        """Let the loop call `action`; from any thread."""
        self._actions.put(action)

    def run(self) -> bool:
        """Call the actions that were left, oldest first; whether there were any.

        One that fails is told of, and the robots go on: whoever reaches the page may send values that no slider has.
        """
        any_ran = False
        while True:
            try:
                action = self._actions.get_nowait()
            except queue.Empty:
                return any_ran
            try:
                action()
            except Exception:
                traceback.print_exc()
            any_ran = True
