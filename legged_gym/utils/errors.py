"""Mistakes of the user, told in one line instead of a traceback."""

import difflib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


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


def script(main: Callable[..., None]) -> Callable[..., None]:
    """Decorator of a script's `main`: user errors become one line on stderr and exit status 2."""

    @functools.wraps(main)
    def wrapper(*args, **kwargs) -> None:
        try:
            main(*args, **kwargs)
            sys.stdout.flush()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)
        except BrokenPipeError:
            # The reader (`| head`) went away; without this the interpreter complains once more while it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)

    return wrapper


def nearest(name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """The end of a message about an unknown `name`: the nearest of `known` and `also`, else all of `known`."""
    known = sorted(known)
    if not known:
        return "there are none"
    close = difflib.get_close_matches(name, [*known, *also], n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else "there are: " + ", ".join(known)
