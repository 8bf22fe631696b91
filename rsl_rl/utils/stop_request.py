"""Signals that ask for an end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequest:
    """Ctrl-C, SIGTERM or SIGHUP, noted for whoever asks for it between two steps.

    Attributes:
        number: of the last signal that came; 0: none did. Nobody else sets it, as a signal may come at any time.
    """

    def __init__(self) -> None:
        self.number = 0

    @contextmanager
    def awaited(self, once: bool) -> Iterator[None]:
        """Meanwhile signals are noted, none has come yet, and whoever is not the main thread has none noted.

        `once`: a second signal does what it did before. A hangup that is ignored stays so: that is what nohup does.
        """
        self.number = 0
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if getattr(signal, "SIGHUP", None) and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        previous = {number: signal.getsignal(number) for number in numbers}

        def restore() -> None:
            for number, handler in previous.items():
                signal.signal(number, handler)

        def note(number: int, frame) -> None:
            self.number = number
            if once:
                restore()

        for number in numbers:
            signal.signal(number, note)
        try:
            yield
        finally:
            restore()
