"""The command line, simulation options and lines."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from isaacgym import gymapi, gymutil

CUSTOM = [
    {"name": "--task", "type": str, "default": "go2", "help": "which"},
    {"name": "--headless", "action": "store_true", "default": False, "help": "no viewer"},
    {"name": "--num_envs", "type": int, "help": "how many"},
    {"name": "--rl_device", "type": str, "default": "cuda:0", "help": "of the learner"},
]


@pytest.fixture
def command(monkeypatch):
    def parse(*flags, cuda=True, **kwargs):
        monkeypatch.setattr("sys.argv", ["train.py", *flags])
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        return gymutil.parse_arguments(**{"custom_parameters": CUSTOM, **kwargs})

    return parse


def test_defaults_on_a_gpu(command):
    args = command()
    assert (args.sim_device, args.sim_device_type, args.compute_device_id) == ("cuda:0", "cuda", 0)
    assert args.use_gpu and args.use_gpu_pipeline and args.pipeline == "gpu"
    assert args.physics_engine == gymapi.SIM_PHYSX and not args.flex
    assert (args.num_threads, args.subscenes, args.slices, args.graphics_device_id) == (0, 0, 0, 0)
    assert (args.task, args.headless, args.num_envs, args.rl_device) == ("go2", False, None, "cuda:0")


def test_flags(command):
    args = command(
        "--sim_device=cuda:1", "--pipeline", "cpu", "--num_threads", "4", "--headless", "--num_envs=8", "--physx"
    )
    assert args.compute_device_id == 1 and args.use_gpu and not args.use_gpu_pipeline
    assert args.num_threads == 4 and args.headless and args.num_envs == 8
    assert command("--sim_device", "cpu").use_gpu_pipeline is False
    assert command("--nographics", headless=True, no_graphics=True, custom_parameters=[]).headless


def test_without_cuda_everything_runs_on_the_cpu_and_one_line_says_so(command, capsys):
    args = command(cuda=False)
    assert (args.sim_device, args.sim_device_type, args.rl_device, args.pipeline) == ("cpu", "cpu", "cpu", "cpu")
    assert not args.use_gpu and not args.use_gpu_pipeline
    assert capsys.readouterr().out == "isaacgym: no CUDA here: --sim_device, --rl_device cpu\n"
    command("--sim_device=cpu", "--rl_device=cpu", cuda=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("flags", [("--flex",), ("--sim_device", "tpu"), ("--pipeline", "fast"), ("--flex", "--physx")])
def test_wrong_flags_end_with_status_2(command, flags):
    with pytest.raises(SystemExit) as end:
        command(*flags)
    assert end.value.code == 2


def test_a_custom_parameter_without_a_type_is_named(command):
    with pytest.raises(ValueError, match='"name" and "type" or "action"'):
        command(custom_parameters=[{"name": "--x"}])


def test_custom_parameters_of_all_kinds(command):
    custom = [
        {"name": "--mode", "type": str, "choices": ["a", "b"], "default": "a"},
        {"name": "--fast", "action": "store_true", "type": bool, "default": False},
        {"name": "--ids", "type": int, "nargs": "+", "default": [1]},
        {"name": "where", "type": str, "nargs": "?"},
    ]
    args = command("--fast", "--ids", "3", "4", "--mode", "b", "--physx", "here", custom_parameters=custom)
    assert args.fast and args.ids == [3, 4] and args.mode == "b" and args.where == "here"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("cpu", ("cpu", 0)), ("cuda", ("cuda", 0)), ("cuda:3", ("cuda", 3)), ("GPU", ("cuda", 0)), ("gpu:2", ("cuda", 2))],
)
def test_parse_device_str(text, parsed):
    assert gymutil.parse_device_str(text) == parsed


@pytest.mark.parametrize("text", ["", "tpu", "cuda:x", "cuda:-1"])
def test_parse_device_str_refuses(text):
    with pytest.raises(ValueError, match="parse_device_str"):
        gymutil.parse_device_str(text)


def test_parse_sim_config():
    params = gymapi.SimParams()
    config = {"dt": 0.005, "substeps": 2, "gravity": [0.0, 0, -9.0], "up_axis": 1, "physx": {"num_threads": 3}}
    config["body_measure_points"] = {"base": [0, 1]}  # of the program's own
    gymutil.parse_sim_config(config, params)
    assert params.dt == np.float32(0.005) and params.substeps == 2 and params.physx.num_threads == 3
    assert (params.gravity.x, params.gravity.y, params.gravity.z) == (0, 0, -9)


def test_lines_of_shapes():
    box = gymutil.WireframeBoxGeometry(2.0, 4.0, 6.0, color=(0, 0, 1))
    assert box.num_lines() == 12 and box.vertices().shape == (12, 2, 3)
    lengths = np.sort(np.linalg.norm(box.vertices()[:, 1] - box.vertices()[:, 0], axis=1))
    np.testing.assert_allclose(lengths, [2] * 4 + [4] * 4 + [6] * 4)
    np.testing.assert_array_equal(box.colors(), [[0, 0, 1]] * 12)
    corners = gymutil.WireframeBBoxGeometry([(0, 0, 0), (1, 2, 3)]).vertices().reshape(-1, 3)
    assert corners.min(0).tolist() == [0, 0, 0] and corners.max(0).tolist() == [1, 2, 3]
    axes = gymutil.AxesGeometry(0.5)
    np.testing.assert_allclose(axes.vertices()[:, 1], 0.5 * np.eye(3))
    np.testing.assert_array_equal(axes.colors(), np.eye(3))
    sphere = gymutil.WireframeSphereGeometry(0.1, 4, 6, None, color=(1, 1, 0))
    # Six meridians of four pieces; three parallels (not the poles) of six.
    assert sphere.num_lines() == 24 + 18
    np.testing.assert_allclose(np.linalg.norm(sphere.vertices(), axis=-1), 0.1, rtol=1e-6)


def test_lines_are_drawn_at_a_pose():
    drawn = []
    gym = SimpleNamespace(add_lines=lambda *args: drawn.append(args))
    # A quarter turn about z, then 1 m along x.
    pose = gymapi.Transform(p=gymapi.Vec3(1, 0, 0), r=gymapi.Quat(0, 0, math.sqrt(0.5), math.sqrt(0.5)))
    gymutil.draw_lines(gymutil.AxesGeometry(1.0), gym, "viewer", "env", pose)
    viewer, env, count, vertices, colors = drawn.pop()
    assert (viewer, env, count) == ("viewer", "env", 3) and colors.dtype == np.float32
    np.testing.assert_allclose(vertices[:, 0], [[1, 0, 0]] * 3, atol=1e-6)
    np.testing.assert_allclose(vertices[:, 1], [[1, 1, 0], [0, 0, 0], [1, 0, 1]], atol=1e-6)
    gymutil.draw_line(gymapi.Vec3(0, 0, 1), (0, 0, 2), torch.tensor([1.0, 0.0, 0.0]), gym, "viewer", "env")
    _, _, count, vertices, colors = drawn.pop()
    assert count == 1 and vertices.tolist() == [[[0, 0, 1], [0, 0, 2]]] and colors.tolist() == [[1, 0, 0]]
