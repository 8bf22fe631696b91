"""Mistakes of the user, told in one line instead of a traceback."""

import difflib
import errno
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from legged_gym.utils.streams import sturdy_streams


class UserError(Exception):
    """Something that the user can put right: scripts print the message and exit with status 2."""


@contextmanager
def value_errors_are_the_users(told: Callable[[str], str] = str) -> Iterator[None]:
    """Around code whose `ValueError`s name a bad setting or file: turns them into `UserError`.

    `told`: what the user is told, of the message of either.
    """
    try:
        yield
    except (ValueError, UserError) as error:
        raise UserError(told(str(error))) from error
    except (MemoryError, RuntimeError) as error:  # torch has no exception of its own for the CPU's memory
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        raise UserError("there is not enough memory: take fewer robots (--num_envs), or smaller sizes") from error


class Stopped(BaseException):
    """A signal asks the process to end; like KeyboardInterrupt, it lets all clean up on its way."""

    def __init__(self, number: int):
        self.number = number


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Meanwhile SIGTERM and SIGHUP, unless ignored (nohup), raise `Stopped`."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def stop(number: int, frame) -> None:
        raise Stopped(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {number: signal.getsignal(number) for number in numbers}
    for number, handler in previous.items():
        if handler == signal.SIG_DFL:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


# Of a place that is full, or closed to us; whatever it was that wanted to write there.
_OF_THE_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def script(main: Callable[..., None]) -> Callable[..., None]:
    """Decorator of a script's `main`: user errors become one line on stderr and exit status 2.

    So does a disk that is full or closed. Whom a signal ends has the status that shells give: 128 and its number.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs) -> None:
        with sturdy_streams() as stdout, _stopped_by_signals():
            try:
                main(*args, **kwargs)
            except UserError as error:
                print(f"error: {_in_one_line(str(error))}", file=sys.stderr)
                sys.exit(2)
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
                sys.exit(128 + signal.SIGINT)
            except Stopped as stopped:
                print(f"stopped by {signal.Signals(stopped.number).name}", file=sys.stderr)
                sys.exit(128 + stopped.number)
            except OSError as error:
                if error.errno not in _OF_THE_PLACE:
                    raise
                where = "" if error.filename is None else f" to {error.filename}"
                print(f"error: cannot write{where}: {error.strerror}", file=sys.stderr)
                sys.exit(2)
            stdout.flush()
            if stdout.lost is not None and not isinstance(stdout.lost, BrokenPipeError):
                sys.exit(1)  # what was printed is on no disk

    return wrapper


def _in_one_line(message: str) -> str:
    """With what a name that was typed may hold, as line breaks and what moves the cursor, written out."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in message)


def some(names: list[str]) -> str:
    """The first of `names`, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def nearest(name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """The end of a message about an unknown `name`: the nearest of `known` and `also`, else all of `known`."""
    known = sorted(known)
    if not known:
        return "there are none"
    close = difflib.get_close_matches(name, [*known, *also], n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else "there are: " + ", ".join(known)
