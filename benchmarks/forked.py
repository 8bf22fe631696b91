"""A script's `main` in a fork of a process that has imported it, as if it had been started by itself."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import torch


def run_and_exit(
    main: Callable[[list[str]], Any],
    name: str,
    flags: list[str],
    folder: Path,
    out: Path | int | None,
    err: Path | int,
) -> NoReturn:
    """In the child: runs `main` with the command line `name` `flags` in `folder`, and exits with its status.

    `out` and `err`: files, or descriptors, that stdout and stderr go to; `out` None: closed."""
    status = 1
    try:
        torch.set_num_threads(1)  # a fork has none of the others that torch may have started: it would wait for them
        os.chdir(folder)
        os.dup2(_descriptor(err), 2)
        sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8")
        if out is None:
            os.close(1)
            sys.stdout = None
        else:
            os.dup2(_descriptor(out), 1)
            sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8")
        sys.argv = [name, *flags]
        main(list(flags))
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _descriptor(target: Path | int) -> int:
    return target if isinstance(target, int) else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
