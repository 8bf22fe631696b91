"""An exported policy in use: numpy in, joint angles out."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from legged_gym.utils.errors import UserError

Array = np.ndarray


class DeployedPolicy:
    """The networks of an exported folder, and what they keep from step to step: history, last actions, last image.

    `act` is called once per control period with all that was measured; it is the whole of the policy.
    """

    def __init__(self, folder: Path, description: dict[str, Any]):
        """`description`: of `load_description`."""
        networks = description["networks"]
        self.actor = onnx_session(Path(folder) / networks["policy"]["onnx"])
        encoder = networks.get("depth_encoder")
        self.encoder = None if encoder is None else onnx_session(Path(folder) / encoder["onnx"])
        self.terms = {row["term"]: row["width"] for row in description["observations"]["proprio"]}
        self._inputs = tuple(networks["policy"]["inputs"])
        self._history_length = networks["policy"]["inputs"].get("history", [1, 0])[1]
        self._memory_shapes = {}
        if encoder is not None:
            self._seen = tuple(name for name in encoder["outputs"] if name != "next_hidden")
            self._memory_shapes = {name: encoder["outputs"][name] for name in self._seen}
            self._memory_shapes["hidden"] = encoder["inputs"]["hidden"]
        self.seconds = {"policy": [], "depth_encoder": []}  # that each call took
        self.reset()

    @property
    def sees_depth(self) -> bool:
        return self.encoder is not None

    @property
    def sees_scan(self) -> bool:
        return "scan" in self._inputs

    def reset(self) -> None:
        """A new episode: nothing of the past stays."""
        self.actions = np.zeros(self.terms["actions"], np.float32)
        self._history: Array | None = None
        self._memory = {name: np.zeros(shape, np.float32) for name, shape in self._memory_shapes.items()}

    def act(self, measured: Mapping[str, Array]) -> Array:
        """Joint targets (J,), rad, from the terms of `observations.proprio` by name, in SI units.

        Where the policy asks for them also `scan` and `undersides` (P,) or a height map (P,), m, and, in the steps in
        which an image came, `depth` (h, w), m.
        """
        frame = self.frame(measured)
        if self._history is None:  # the past of an episode is its first frame
            self._history = np.repeat(frame[:, None], self._history_length, axis=1)
        if self.encoder is not None and "depth" in measured:
            self._look(frame, measured["depth"])
        inputs = {"proprio": frame, "history": self._history, **self._memory}
        for layer in self._inputs:
            if layer not in inputs:
                if layer not in measured:
                    raise UserError(f"nothing measures what the policy reads as {layer}")
                inputs[layer] = np.asarray(measured[layer], np.float32)[None]
        actions, targets = self._run("policy", self.actor, {name: inputs[name] for name in self._inputs})
        self.actions = actions[0]
        self._history = np.concatenate([self._history, frame[:, None]], axis=1)[:, 1:]
        return targets[0]

    def frame(self, measured: Mapping[str, Array]) -> Array:
        """(1, m): what was measured, term after term, with the policy's own last actions."""
        terms = {**measured, "actions": self.actions}
        if missing := [name for name in self.terms if name not in terms]:
            raise UserError(f"nothing measures or tells the policy's observation term {', '.join(missing)}")
        return np.concatenate([np.ravel(terms[name]) for name in self.terms]).astype(np.float32)[None]

    def _look(self, frame: Array, depth: Array) -> None:
        inputs = {"depth": np.asarray(depth, np.float32)[None], "proprio": frame, "hidden": self._memory["hidden"]}
        *seen, hidden = self._run("depth_encoder", self.encoder, inputs)
        self._memory = {**dict(zip(self._seen, seen, strict=True)), "hidden": hidden}

    def _run(self, name: str, session: onnxruntime.InferenceSession, inputs: dict[str, Array]) -> list[Array]:
        start = time.perf_counter()
        outputs = session.run(None, inputs)
        self.seconds[name].append(time.perf_counter() - start)
        return outputs


def onnx_session(path: Path) -> onnxruntime.InferenceSession:
    """On one core: the networks are small, and a robot has other things to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no other base
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path} is no network that onnxruntime can run ({reason})") from error
