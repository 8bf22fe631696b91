"""Files that are either whole or not there, and loading that runs no code."""

import random
import re
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from rsl_rl.utils.files import lock, part_of, writing
from rsl_rl.utils.typed import told


def save_atomic(data: dict, path: Path) -> None:
    """Writes `data` to `path` as `files.writing` does: a kill at any moment leaves a whole file.

    OSError, with `filename` set to `path`, when the system does not take it.
    """
    try:
        with writing(path) as file:
            _dump(data, file)
    except OSError as error:
        error.filename = str(path)
        raise


def try_saving(data: dict, path: Path) -> None:
    """OSError where there is no place for `data` at `path`; leaves nothing."""
    part = part_of(path)
    try:
        with open(part, "wb") as file:
            lock(file.fileno())
            _dump(data, file)
    finally:
        part.unlink(missing_ok=True)


def _dump(data: dict, file: IO[bytes]) -> None:
    """`torch.save`, which tells of a full disk by errors of its own, with the system's error instead."""
    failed: list[OSError] = []

    class Watched:
        def write(self, part: bytes) -> int:
            try:
                return file.write(part)
            except OSError as error:
                failed.append(error)
                raise

        def flush(self) -> None:
            file.flush()

    try:
        torch.save(data, Watched())
    except RuntimeError:
        if failed:
            raise failed[0] from None
        raise


def load_plain(path: Path, kind: str = "checkpoint") -> Any:
    """Loads tensors and plain data to the CPU, never code; ValueError when the file is anything else."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no {kind} at {path}")
    try:
        if zipfile.is_zipfile(path):  # torch does not look at its checksums
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:
                    raise ValueError("a checksum is wrong")
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive can fail in as many ways as there are bytes
        why = _what_is_wrong(path, str(error))
        raise ValueError(f"{path} is damaged or no {kind} of tensors and plain data: {why}") from error


def _what_is_wrong(path: Path, said: str) -> str:
    """With a file that torch cannot load, for which it `said` something that users cannot use."""
    if not path.stat().st_size:
        return "it is empty"
    if named := re.search(r"GLOBAL ([\w.]+)", said):
        return f"it holds {named[1]}"
    return "its contents are broken" if zipfile.is_zipfile(path) else "torch wrote no such file, or not to its end"


def load_safe(path: Path, version: int, kind: str = "checkpoint") -> dict:
    """As `load_plain`, of what this project wrote in the format `version`."""
    data = load_plain(path, kind)
    if not isinstance(data, dict) or "format" not in data:
        raise ValueError(f"{path} is no {kind} of this project")
    if type(data["format"]) is not int or data["format"] != version:
        raise ValueError(f"{path} has format {told(data['format'])}, this version reads format {version}")
    return data


def checkpoints_in(folder: Path) -> dict[int, Path]:
    """The checkpoints of a run by iteration, newest first."""
    found = ((path.stem.removeprefix("model_"), path) for path in folder.glob("model_*.pt"))
    return dict(sorted(((int(number), path) for number, path in found if number.isdecimal()), reverse=True))


def find_checkpoint(name: str, key: str) -> Path:
    """The checkpoint `name`, or the newest in the run's folder of that name; ValueError names the setting `key`."""
    path = Path(name)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{key} is '{name}': there is no such checkpoint or folder of a run, seen from {Path.cwd()}")
    found = checkpoints_in(path)
    if not found:
        raise ValueError(f"{key} is '{name}': there is no model_<iteration>.pt in that folder")
    return next(iter(found.values()))


def rng_state(device: torch.device) -> dict:
    """States of the global generators (python, numpy, torch, and CUDA's where used), as tensors and plain data."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def check_rng_state(state: dict) -> None:
    """ValueError, naming the entry, for what `set_rng_state` cannot put back."""
    tries = {
        "python": lambda saved: random.Random().setstate(saved),
        "numpy": lambda saved: np.random.RandomState().set_state((*_numpy_words(saved[:2]), *saved[2:])),
        "torch": lambda saved: torch.Generator().set_state(saved),
    }
    for name, attempt in tries.items():
        if name not in state:
            raise ValueError(f"rng.{name} is missing")
        try:
            attempt(state[name])
        except Exception as error:  # each library has its own
            raise ValueError(f"rng.{name} is no state of that generator ({' '.join(str(error).split())})") from error
    cuda = state.get("cuda", state["torch"])
    if not isinstance(cuda, torch.Tensor) or cuda.dtype != torch.uint8:
        raise ValueError("rng.cuda is no state of that generator")


def _numpy_words(saved: tuple) -> tuple:
    """Name and key of numpy's generator, of which the key is saved in a type that torch has."""
    name, keys = saved
    return name, keys.numpy().astype(np.uint32)


def set_rng_state(state: dict, device: torch.device) -> None:
    """Puts the generators back; a checkpoint from the CPU leaves CUDA's generator as seeded."""
    random.setstate(state["python"])
    np.random.set_state((*_numpy_words(state["numpy"][:2]), *state["numpy"][2:]))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def seed_rank(seed: int, rank: int, iteration: int) -> None:
    """Seeds the global generators for one of several processes that goes on after `iteration` iterations.

    The numbers are those of no other rank, iteration or seed, and of no `seed + rank`.
    """
    words = np.random.SeedSequence((seed, rank, iteration)).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.manual_seed(int(words[2]) << 32 | int(words[3]))
