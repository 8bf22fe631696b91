"""Files that are either whole or not there, and loading that runs no code."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch


def save_atomic(data: dict, path: Path) -> None:
    """Writes `data` beside `path`, syncs it to the disk and renames it: a kill at any moment leaves a whole file."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(data, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, survives a power cut
    finally:
        os.close(folder)


def load_plain(path: Path, kind: str = "checkpoint") -> Any:
    """Loads tensors and plain data to the CPU, never code; ValueError when the file is anything else."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no {kind} at {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive can fail in as many ways as there are bytes
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{path} is damaged or no {kind} of tensors and plain data ({reason[:120]})") from error


def load_safe(path: Path, version: int, kind: str = "checkpoint") -> dict:
    """As `load_plain`, of what this project wrote in the format `version`."""
    data = load_plain(path, kind)
    if not isinstance(data, dict) or "format" not in data:
        raise ValueError(f"{path} is no {kind} of this project")
    if data["format"] != version:
        raise ValueError(f"{path} has format {data['format']}, this version reads format {version}")
    return data


def find_checkpoint(name: str, key: str) -> Path:
    """The checkpoint `name`, or the newest in the run's folder of that name; ValueError names the setting `key`."""
    path = Path(name)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{key} is '{name}': there is no such checkpoint or folder of a run, seen from {Path.cwd()}")
    found = [file for file in path.glob("model_*.pt") if file.stem.removeprefix("model_").isdecimal()]
    if not found:
        raise ValueError(f"{key} is '{name}': there is no model_<iteration>.pt in that folder")
    return max(found, key=lambda file: int(file.stem.removeprefix("model_")))


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


def set_rng_state(state: dict, device: torch.device) -> None:
    """Puts the generators back; a checkpoint from the CPU leaves CUDA's generator as seeded."""
    name, keys, position, has_gauss, gauss = state["numpy"]
    random.setstate(state["python"])
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
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
