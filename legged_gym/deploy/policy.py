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
        self._path, networks = Path(folder) / "deploy.yaml", description["networks"]
        self.actor = onnx_session(Path(folder) / networks["policy"]["onnx"])
        encoder = networks.get("depth_encoder")
        self.encoder = None if encoder is None else onnx_session(Path(folder) / encoder["onnx"])
        for name, session in (("policy", self.actor), ("depth_encoder", self.encoder)):
            if session is not None:
                self._check_shapes(f"networks.{name}", session, networks[name])
        self.terms = {row["term"]: row["width"] for row in description["observations"]["proprio"]}
        self._inputs = tuple(networks["policy"]["inputs"])
        self._history_length = networks["policy"]["inputs"].get("history", [1, 0])[1]
        self._memory_shapes = {}
        if encoder is not None:
            seen = [name for name in encoder["outputs"] if name != "next_hidden"]
            self._memory_shapes = {name: encoder["outputs"][name] for name in seen}
            self._memory_shapes["hidden"] = encoder["inputs"]["hidden"]
        self.seconds = {"policy": [], "depth_encoder": []}  # that each call took
        self.reset()

    @property
    def sees_depth(self) -> bool:
        return self.encoder is not None

    @property
    def sees_scan(self) -> bool:
        return "scan" in self._inputs

    def reset(self, actions: Array | None = None) -> None:
        """A new episode: nothing of the past stays. `actions` (A,): those that were in force before; none: zeros."""
        self.actions = np.zeros(self.terms["actions"], np.float32) if actions is None else actions.astype(np.float32)
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
        found = self._run("policy", self.actor, {name: inputs[name] for name in self._inputs})
        self.actions = found["actions"][0]
        self._history = np.concatenate([self._history, frame[:, None]], axis=1)[:, 1:]
        return found["joint_targets"][0]

    def frame(self, measured: Mapping[str, Array]) -> Array:
        """(1, m): what was measured, term after term, with the policy's own last actions."""
        terms = {**measured, "actions": self.actions}
        if missing := [name for name in self.terms if name not in terms]:
            names = ", ".join(missing)
            raise UserError(f"{self._path}: nothing measures or tells the policy's observation term {names}")
        parts = [np.ravel(terms[name]) for name in self.terms]
        for part, (name, width) in zip(parts, self.terms.items(), strict=True):
            if len(part) != width:
                raise UserError(
                    f"{self._path}: observations.proprio says that {name} is {width} wide; what measures it gives "
                    f"{len(part)} values"
                )
        return np.concatenate(parts).astype(np.float32)[None]

    def _look(self, frame: Array, depth: Array) -> None:
        inputs = {"depth": np.asarray(depth, np.float32)[None], "proprio": frame, "hidden": self._memory["hidden"]}
        seen = self._run("depth_encoder", self.encoder, inputs)
        hidden = seen.pop("next_hidden")
        self._memory = {**seen, "hidden": hidden}

    def _run(self, name: str, session: onnxruntime.InferenceSession, inputs: dict[str, Array]) -> dict[str, Array]:
        start = time.perf_counter()
        outputs = session.run(None, inputs)
        self.seconds[name].append(time.perf_counter() - start)
        found = dict(zip((output.name for output in session.get_outputs()), outputs, strict=True))
        if not all(np.isfinite(value).all() for value in outputs):
            raise UserError(f"the network {name} beside {self._path} gives nan or inf for what the robot measures")
        return found

    def _check_shapes(self, where: str, session: onnxruntime.InferenceSession, network: dict[str, Any]) -> None:
        """UserError unless the entry `where` of deploy.yaml says what its ONNX file reads and gives."""
        for kind, own in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            expected = {value.name: [1, *value.shape[1:]] for value in own}
            if network[kind] != expected:
                raise UserError(f"{self._path}: {where}.{kind} is {network[kind]}, {network['onnx']} has {expected}")


def onnx_session(path: Path) -> onnxruntime.InferenceSession:
    """On one core: the networks are small, and a robot has other things to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no other base
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path} is no network that onnxruntime can run ({reason})") from error


def described_in(path: Path) -> dict[str, str]:
    """What was written into an ONNX file beside its network, by key."""
    return onnx_session(path).get_modelmeta().custom_metadata_map
