"""Output that work does not depend on: a reader that goes away, or a full disk behind `> log`, ends no training."""

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


@functools.cache
def say_once(line: str) -> None:
    """Prints `line` the first time that it is said: a script makes several environments of the same robot and clips."""
    print(line, flush=True)


class Sturdy:
    """A stream of text that says on stderr when it can no longer be written, once, and from then on swallows all."""

    def __init__(self, stream: TextIO, name: str):
        self._stream, self._name = stream, name
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.lost = error
        # What is buffered, and what code in C prints, goes nowhere too.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if self._name == "stdout":
            print(f"stdout cannot be written ({error.strerror}): going on without it", file=sys.stderr, flush=True)


@contextmanager
def sturdy_streams() -> Iterator[Sturdy]:
    """Meanwhile stdout and stderr are sturdy; gives the former."""
    # A process that was started without one of them would hand its number to the next file that is opened.
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    out, err = (stream or open(os.devnull, "w") for stream in before)
    sys.stdout, sys.stderr = sturdy, _ = Sturdy(out, "stdout"), Sturdy(err, "stderr")
    try:
        yield sturdy
    finally:
        sturdy.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
