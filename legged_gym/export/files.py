"""Policies as files for a robot: TorchScript, ONNX and `deploy.yaml`, checked against the checkpoint before they exist.

Of a policy with a camera there are two networks, as a robot runs them at two rates: `depth_encoder` once per image,
`policy` at every control step, with the encoder's last output. The control loop then never waits for an image, and nine
tenths of the arithmetic are done a fifth as often.
"""

import copy
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from legged_gym.cli.run_config import trained_configs
from legged_gym.deploy.description import DESCRIPTION, exported_task, load_description
from legged_gym.export.check import Inputs, check_files, random_inputs, record
from legged_gym.export.description import MJCF, MOTIONS, describe
from legged_gym.export.networks import deployed
from legged_gym.registry import Task
from legged_gym.utils.errors import UserError, value_errors_are_the_users
from rsl_rl.factory import saved_policy_class
from rsl_rl.runners.checkpoints import load_network, load_policy
from rsl_rl.utils.files import drafting, reason, sync_folder, try_folder
from rsl_rl.utils.schema import read_checkpoint

OPSET = 17


def export_policy(
    checkpoint: Path,
    folder: Path,
    task: Task,
    env_cfg: Any,
    figures: Mapping[str, Any] | None = None,
    *,
    student: bool = False,
) -> list[Path]:
    """Writes the policy of `checkpoint` to `folder` and returns the files, `deploy.yaml` last.

    `env_cfg`: the task's config that the policy was trained with, in any variant. `figures`: what evaluate.py measured.
    `student`: of a policy that has one beside its teacher, that one.
    The files are run in TorchScript and onnxruntime on random inputs, and on what robots measure in a short rollout,
    where the checkpoint sees the environment's own observations; UserError, and nothing is written, when any output
    differs (`legged_gym.export.check`). UserError too for a checkpoint that is damaged or of another task.
    """
    threads, random = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(1)  # batches are small: on a busy machine, threads would only wait for each other
    try:
        return _export(Path(checkpoint), Path(folder), task, env_cfg, figures, student)
    finally:
        torch.set_num_threads(threads)
        torch.random.set_rng_state(random)  # robots that play meanwhile go on as they would have


def export_as_trained(checkpoint: Path, folder: Path, task: Task, *, student: bool = False) -> list[Path]:
    """`export_policy` with the config of the checkpoint's run; no file if `folder` has this very policy."""
    if _is_of(checkpoint, folder):
        return []
    env_cfg, _, _ = trained_configs(checkpoint, task)
    return export_policy(checkpoint, folder, task, env_cfg, student=student)


def _is_of(checkpoint: Path, folder: Path) -> bool:
    """Whether what `folder` holds was exported from `checkpoint` and is whole."""
    try:
        found = load_description(folder, force=True).get("checkpoint")  # what was edited on purpose stays
        return isinstance(found, dict) and found.get("sha256") == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    except (UserError, OSError):
        return False


def _export(
    checkpoint: Path, folder: Path, task: Task, env_cfg: Any, figures: Mapping[str, Any] | None, student: bool
) -> list[Path]:
    _refuse_another_task(folder, task)
    with _told(folder):
        try_folder(folder)
    trial = copy.deepcopy(env_cfg)
    trial.evaluation()
    with value_errors_are_the_users():
        saved = read_checkpoint(checkpoint)
        task_cfg = task.train_cfg().policy
        found = saved_policy_class(saved)
        if found != task_cfg.class_name:
            raise UserError(
                f"{checkpoint} holds a policy of class {found}, but {task.name} trains {task_cfg.class_name}"
            )
        rehearsal = copy.deepcopy(trial)
        rehearsal.rehearsal()
        env = task.make_env(rehearsal, "cpu")
        policy = load_network(checkpoint, env, task_cfg, student=student)
        policy.eval().requires_grad_(False)
        deployment = deployed(policy, env)
        which = dict(estimated=deployment.estimated, student=student)
        reference = load_policy(checkpoint, "cpu", env, task_cfg=task_cfg, **which)
    layout, networks = deployment.layout, deployment.networks
    recorded = list(record(env, reference, layout, tuple(getattr(networks["policy"], "maps", ()))))
    env.close()

    with _told(folder), drafting(folder) as draft:
        files = {}
        for key, network in networks.items():
            files[key] = _write(network, random_inputs(network, layout, env, 2), draft, key)
        tree = describe(env, trial, task.name, saved, checkpoint, layout, files, figures)
        _write_robot(draft, tree["robot"], env)
        if "motion" in tree:
            _write_motions(draft / MOTIONS, tree["motion"], env)
        _add_metadata(draft, tree)
        check_files(networks, draft, layout, env, recorded, checkpoint)
        _write_description(draft, tree)
        return _publish(draft, folder)


def _refuse_another_task(folder: Path, task: Task) -> None:
    """UserError where `folder` holds what was exported of another task than `task`."""
    found = exported_task(folder)
    if found not in (None, task.name):
        path = folder / DESCRIPTION
        raise UserError(f"{path} is of task '{found}', not of '{task.name}': name another folder, or remove that one")


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Around what writes to `folder`: UserError where the system does not let it."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {reason(error)}") from error


# -- the files ---------------------------------------------------------------------------------------------------------


def write_torchscript(network: nn.Module, example: Inputs, path: Path) -> None:
    """Writes `network`, traced with `example`, as TorchScript."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # it is deprecated in torch, yet what robots' programs in C++ load
        script = torch.jit.trace(network, tuple(example[name] for name in network.inputs), check_trace=False)
    path.write_bytes(script.save_to_buffer())  # on a full disk, torch's own errors do not say so


def write_onnx(network: nn.Module, example: Inputs, path: Path) -> None:
    """Writes `network` as ONNX; the batch is free."""
    names = (*network.inputs, *network.outputs)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            tuple(example[name] for name in network.inputs),
            str(path),
            input_names=list(network.inputs),
            output_names=list(network.outputs),
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,  # the new exporter needs onnxscript
        )


def _write(network: nn.Module, example: Inputs, draft: Path, key: str) -> dict[str, Any]:
    """Writes both files of `network`; returns their names, and the shapes of what goes in and comes out."""
    write_torchscript(network, example, draft / f"{key}.pt")
    write_onnx(network, example, draft / f"{key}.onnx")
    with torch.no_grad():
        results = network(*(example[name] for name in network.inputs))
    return {
        "onnx": f"{key}.onnx",
        "torchscript": f"{key}.pt",
        "inputs": {name: [1, *example[name].shape[1:]] for name in network.inputs},
        "outputs": {name: [1, *value.shape[1:]] for name, value in zip(network.outputs, results, strict=True)},
    }


def _write_robot(draft: Path, robot: dict[str, Any], env: Any) -> None:
    """Writes the robot's MJCF, unless it is a shipped one."""
    if robot["mjcf"] == MJCF:
        text = env.robot_spec.xml().encode()
        (draft / MJCF).write_bytes(text)
        robot["mjcf_sha256"] = hashlib.sha256(text).hexdigest()


def _write_motions(path: Path, motion: dict[str, Any], env: Any) -> None:
    """Writes the clips that the policy was trained with; `legged_gym.deploy.motion` reads them."""
    library = env.parts["motion"].library
    boxes = [np.zeros((0, 10)) if own is None else own for own in library.boxes]
    np.savez_compressed(
        path,
        fps=np.float64(library.fps),
        joint_names=np.array(library.joint_names),
        names=np.array(library.names),
        length=library.length.cpu().numpy(),
        qpos=library.qpos.cpu().numpy(),
        qvel=library.qvel.cpu().numpy(),
        boxes=np.concatenate(boxes),
        num_boxes=np.array([len(own) for own in boxes]),
    )
    motion["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()


def _add_metadata(draft: Path, tree: dict[str, Any]) -> None:
    """Puts the description into the ONNX files too, key by key: texts as they are, all else as JSON."""
    import onnx

    for network in tree["networks"].values():
        path = draft / network["onnx"]
        model = onnx.load(path)
        for key, value in tree.items():
            model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
        onnx.save(model, path)


def _write_description(draft: Path, tree: dict[str, Any]) -> None:
    """Writes `deploy.yaml`, with the files' checksums."""
    for network in tree["networks"].values():
        for kind in ("onnx", "torchscript"):
            network[f"{kind}_sha256"] = hashlib.sha256((draft / network[kind]).read_bytes()).hexdigest()
    text = "# How to run the networks beside this file; docs/deploy.md explains it. SI units, radians, z up.\n"
    text += yaml.safe_dump(tree, sort_keys=False, width=120, default_flow_style=None)
    (draft / DESCRIPTION).write_text(text, encoding="utf-8")


def _publish(draft: Path, folder: Path) -> list[Path]:
    """Makes `draft` the new `folder`; moves its files into one that is there, the description last, so that an
    interrupted move is noticed."""
    names = sorted((path.name for path in draft.iterdir()), key=lambda name: name == DESCRIPTION)
    for name in names:
        with open(draft / name, "rb") as file:
            os.fsync(file.fileno())
    if not folder.exists():
        os.rename(draft, folder)
        sync_folder(folder.parent)
        return [folder / name for name in names]
    path = folder / DESCRIPTION
    earlier = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for name in names:
        os.replace(draft / name, folder / name)
    for name in {MJCF, MOTIONS, "depth_encoder.onnx", "depth_encoder.pt"} - set(names):
        if name in earlier:  # of an export of another policy; else it is somebody's own
            (folder / name).unlink(missing_ok=True)
    sync_folder(folder)
    return [folder / name for name in names]
