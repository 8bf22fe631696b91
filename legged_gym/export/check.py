"""Exported files held against the checkpoint that they are of: on random inputs, and on what robots measure."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from legged_gym.deploy.policy import onnx_session
from legged_gym.export.networks import DeployedLayout
from legged_gym.utils.errors import UserError

TOLERANCE = 1e-4  # of every output, times its largest value where that is more than 1: single precision is relative
RANDOM_INPUTS = 1000
RECORDED_STEPS = 100  # of each robot

Inputs = dict[str, Tensor]
Run = Callable[[Inputs], Inputs]
Step = tuple[Inputs, Tensor, Tensor]  # see `record`


def check_files(
    networks: dict[str, nn.Module],
    folder: Path,
    layout: DeployedLayout,
    env: Any,
    recorded: Sequence[Step],
    checkpoint: Path,
) -> None:
    """UserError if a file in `folder` answers otherwise than what it was made of.

    `networks`: by the files' names. On random inputs they are what the files are compared with, on those that `record`
    gave it is `checkpoint`.
    """
    random = {}
    for key, network in networks.items():
        random[key] = _random_answers(network, random_inputs(network, layout, env, RANDOM_INPUTS))
    for suffix, runner in ((".pt", run_torchscript), (".onnx", run_onnx)):
        runs = {key: runner(folder / f"{key}{suffix}", network) for key, network in networks.items()}
        for key, parts in random.items():
            for inputs, expected in parts:
                _compare(runs[key](inputs), expected, f"{key}{suffix}", "random inputs", checkpoint)
        _check_recorded(networks, runs, recorded, checkpoint, suffix)


def run_torchscript(path: Path, network: nn.Module) -> Run:
    """What is in the TorchScript file of `network`, as a function of its named inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(str(path))

    def run(inputs: Inputs) -> Inputs:
        with torch.no_grad():
            return dict(zip(network.outputs, script(*(inputs[name] for name in network.inputs)), strict=True))

    return run


def run_onnx(path: Path, network: nn.Module) -> Run:
    """What is in the ONNX file of `network`, in onnxruntime on one core, as a function of its named inputs."""
    session = onnx_session(path)

    def run(inputs: Inputs) -> Inputs:
        results = session.run(list(network.outputs), {name: inputs[name].numpy() for name in network.inputs})
        return {name: torch.from_numpy(value) for name, value in zip(network.outputs, results, strict=True)}

    return run


def random_inputs(network: nn.Module, layout: DeployedLayout, env: Any, count: int) -> Inputs:
    """Inputs of `network` in and beyond the ranges that are met."""
    generator = torch.Generator().manual_seed(count)
    scale, offset = (layout.spread(name)[layout.in_frame] for name in ("scale", "offset"))

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    def make(name: str) -> Tensor:
        if name == "proprio":
            return offset + normal(layout.frame_width) / scale
        if name == "history":
            return offset + normal(layout.history, layout.frame_width) / scale
        if name in env.observation_layout.get("scan", {}):  # its layers
            return uniform(-1.0, 1.6, env.observation_layout["scan"][name])
        if name == "depth":
            depth = uniform(0.1, 1.2 * env.cfg.camera.far, env.cfg.camera.height, env.cfg.camera.width)
            return torch.where(torch.rand(depth.shape, generator=generator) < 0.05, 0.0, depth)
        return uniform(-1.0, 1.0, network.widths[name])

    return {name: make(name) for name in network.inputs}


def _random_answers(network: nn.Module, inputs: Inputs) -> list[tuple[Inputs, Inputs]]:
    """What `network` makes of `inputs`, in parts, as images take memory: (inputs, outputs) of each."""
    parts = []
    for first in range(0, RANDOM_INPUTS, 100):
        part = {name: value[first : first + 100] for name, value in inputs.items()}
        with torch.no_grad():
            answer = network(*(part[name] for name in network.inputs))
        parts.append((part, dict(zip(network.outputs, answer, strict=True))))
    return parts


def record(env: Any, reference: Callable, layout: DeployedLayout, maps: Sequence[str]) -> Iterator[Step]:
    """What robots measure at every step of a rollout of `RECORDED_STEPS`, the actions (N, J) that follow, and for which
    (N,) these hold.

    `reference`: the checkpoint, from observations to actions. `maps`: groups of one term each that are inputs of their
    own. The actions are what the environment made of the checkpoint's answer to its own observations.
    """
    torch.random.default_generator.manual_seed(1)
    env.reset()
    history = None
    for _ in range(RECORDED_STEPS):
        frame, fresh = torch.cat([term.read() for term in layout.terms], 1), env.episode_length == 0
        inputs = {"proprio": frame}
        if "scan" in env.groups:
            inputs |= {term.name: term.read() for term in env.groups["scan"].terms}  # its layers
        inputs |= {name: env.groups[name].terms[0].read() for name in maps}
        if layout.history:
            frames = frame[:, None].repeat(1, layout.history, 1)
            history = frames if history is None else torch.where(fresh.view(-1, 1, 1), frames, history)
            inputs["history"] = history
            history = torch.cat([history[:, 1:], frame[:, None]], 1)
        if "camera" in env.parts:
            inputs["depth"] = env.parts["camera"].depth  # a rehearsal's images are handed over at once
            inputs |= {name: env.observations[name] > 0.5 for name in ("new_image", "new_episode")}
        inputs = {name: value.clone() for name, value in inputs.items()}
        env.step(reference(env.observations))
        yield inputs, env.actions.clone(), ~env.dones


def _check_recorded(
    networks: dict[str, nn.Module], runs: dict[str, Run], recorded: Sequence[Step], checkpoint: Path, suffix: str
) -> None:
    state: Inputs = {}
    if "depth_encoder" in networks:
        robots, widths = len(recorded[0][1]), networks["depth_encoder"].widths
        state = {name: torch.zeros(robots, width) for name, width in widths.items()}
    for inputs, expected, counts in recorded:
        if state:
            state = _look(runs["depth_encoder"], inputs, state)
        actions = runs["policy"](inputs | state)["actions"]
        found, expected = {"actions": actions[counts]}, {"actions": expected[counts]}
        _compare(found, expected, f"policy{suffix}", "recorded inputs", checkpoint)


def _look(encode: Run, inputs: Inputs, state: Inputs) -> Inputs:
    """Latent, yaw and hidden state, with the images that are new; a new episode starts at zero."""
    state = {name: torch.where(inputs["new_episode"], 0.0, value) for name, value in state.items()}
    if not inputs["new_image"].any():
        return state
    seen = encode(inputs | state)
    seen["hidden"] = seen.pop("next_hidden")
    return {name: torch.where(inputs["new_image"], seen[name], value) for name, value in state.items()}


def _compare(found: Inputs, expected: Inputs, file: str, what: str, checkpoint: Path) -> None:
    for name, value in expected.items():
        if not value.numel():
            continue
        difference = (found[name] - value).abs().max().item()
        tolerance = TOLERANCE * max(1.0, value.abs().max().item())
        if not difference <= tolerance:  # nan is a difference
            raise UserError(
                f"{file} differs from {checkpoint} by {difference:.2g} in {name} on {what}, more than {tolerance:.2g}: "
                "nothing was exported"
            )
