"""Files that are there whole or not at all, whatever ends the process, and what a killed one left half written.

A file is written under a name of its own beside its place, synced and renamed. It is locked until then: one that nobody
holds was left by a process that was killed, and may go.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SUFFIX = ".part"
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
_TRIAL = 4096  # bytes
PATIENCE = 5.0  # s to wait for a lock, which others hold for a moment only


def part_of(path: Path) -> Path:
    """A new name beside `path` for what is to become it."""
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}{SUFFIX}")


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which is renamed to `path` once all is on the disk; an error leaves `path` as it was.

    Links are followed. What is no file, such as a pipe or a terminal, is written as it is.
    """
    path = Path(path)
    if path.exists() and not path.is_file() or path.parts[:2] == ("/", "dev"):
        with open(path, "wb") as file:
            yield file
        return
    path = path.resolve()
    handle, part = _open_part(path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
            os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)  # the new name, too, survives a power cut


@contextmanager
def drafting(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, which is made if need be, for files that are to be moved there; removed at the end."""
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_left(folder.parent)
    draft = part_of(folder)
    draft.mkdir()
    try:
        with holding(draft):
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def try_folder(folder: Path) -> None:
    """OSError where no file can be written into `folder`, which need not be there yet; leaves nothing."""
    folder = Path(folder).absolute()
    while not folder.exists():
        folder = folder.parent
    try_writing(folder / "trial")


def try_writing(path: Path) -> None:
    """OSError where `path` cannot be written now, be it that the disk is full; leaves nothing."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(path))
    if path.exists() and not path.is_file() or path.parts[:2] == ("/", "dev"):
        return
    handle, part = _open_part(path.resolve())
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(_TRIAL))
            file.flush()
            os.fsync(handle)
    finally:
        part.unlink()


def remove_left(folder: Path) -> list[Path]:
    """Removes what processes that were killed left half written in `folder`; what another one is writing stays."""
    removed: list[Path] = []
    if fcntl is None or not os.path.isdir(folder):
        return removed
    with suppress(OSError):
        for path in Path(folder).iterdir():
            if _PART.fullmatch(path.name) and _remove_if_left(path):
                removed.append(path)
    return removed


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Holds `folder`, if nobody else does: whether that is so. Where a file system has no locks, it is not."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except (AttributeError, OSError):
            free = False
        yield free
    finally:
        os.close(handle)


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Holds `folder` as soon as it is free, where the system has such locks."""
    handle = None
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        lock(handle)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def lock(handle: int) -> None:
    """Marks an open file or folder as being written; where a file system has no locks, it never counts as left."""
    deadline = time.monotonic() + PATIENCE
    while fcntl is not None:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody sees whether it was left
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        except OSError:
            return


def sync_folder(folder: Path) -> None:
    """Puts the names in `folder` on the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def reason(error: OSError) -> str:
    """The system's own words, without the number and the path."""
    return error.strerror or str(error) or type(error).__name__


def _open_part(path: Path) -> tuple[int, Path]:
    while True:
        part = part_of(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        handle = os.open(part, flags, 0o666)
        lock(handle)
        if fcntl is None or os.fstat(handle).st_nlink:
            return handle, part
        os.close(handle)  # another process took it for one that was left, before it was locked


def _remove_if_left(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:  # somebody is writing it
        return False
    finally:
        os.close(handle)
    return True
