"""Values that no environment can work with end in one line that names the flag, before anything is written."""

import dataclasses
import math
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_lines import files, run

from legged_gym import RESOURCES_DIR, make
from legged_gym.cli.args import TrainArgs
from legged_gym.cli.names import Saved, named
from legged_gym.cli.parse import parse
from legged_gym.cli.run_config import trained_configs
from legged_gym.registry import all_tasks
from legged_gym.training import _learn
from legged_gym.utils.bounds import check_env_cfg, check_values
from legged_gym.utils.config import plain
from legged_gym.utils.errors import UserError
from rsl_rl.runners.on_policy_runner import Diverged

GO2, TEACHER, STUDENT = "go2", "go2_parkour_teacher", "go2_parkour_student"
BAD = [
    (GO2, "control.decimation=0", "at least 1"),
    (GO2, "sim.dt=0", "above 0"),
    (GO2, "sim.dt=inf", "finite"),
    (GO2, "sim.num_threads=-1", "at least 0"),
    (GO2, "sim.solver_iterations=0", "at least 1"),
    (GO2, "sim.contacts_per_env=-5", "at least 1"),
    (GO2, "env.episode_length_s=0", "above 0"),
    (GO2, "env.episode_length_s=inf", "finite"),
    (GO2, "env.episode_length_s=nan", "is nan"),
    (GO2, "domain_rand.control_delay_min=5", "at most control_delay_max, which is 1"),
    (GO2, "domain_rand.control_delay_max=-1", "at least 0"),
    (GO2, "domain_rand.friction_range=-1 1", "at least 0"),
    (GO2, "domain_rand.friction_range=1 0.5", "from low to high"),
    (GO2, "domain_rand.added_mass_range=2 1", "from low to high"),
    (GO2, "domain_rand.push_interval_s=0", "above 0"),
    (GO2, "domain_rand.max_push_vel_xy=-1", "at least 0"),
    (GO2, "commands.ranges.lin_vel_x=1 -1", "from low to high"),
    (GO2, "commands.ranges.lin_vel_x=-inf 1", "finite"),
    (GO2, "commands.standing_fraction=1.5", "in 0 .. 1"),
    (GO2, "commands.resampling_time=-1", "above 0"),
    (GO2, "control.beta=0", "above 0 and at most 1"),
    (GO2, "control.stiffness.joint=-1", "at least 0"),
    (GO2, "noise.noise_level=-0.1", "at least 0"),
    (GO2, "normalization.clip_actions=0", "above 0"),
    (GO2, "rewards.tracking_sigma=0", "above 0"),
    (GO2, "terrain.num_boxes=-1", "at least 0"),
    (GO2, "viser.port=99999", "in 0 .. 65535"),
    (TEACHER, "terrain.num_levels=0", "at least 1"),
    (TEACHER, "terrain.difficulty=0.5 1.5", "in 0 .. 1"),
    (TEACHER, "terrain.roughness=-0.1 0.1", "at least 0"),
    (TEACHER, "terrain.proportions.gap=-1", "at least 0"),
    (TEACHER, "goals.radius=0", "above 0"),
    (TEACHER, "perception.interval=0", "at least 1"),
    (TEACHER, "domain_rand.action_delay_schedule=0 -1", "at least 0"),
    (TEACHER, "domain_rand.action_delay_period=0", "at least 1"),
    (STUDENT, "camera.latency=-1", "at least 0"),
    (STUDENT, "camera.interval=0", "at least 1"),
    (STUDENT, "camera.horizontal_fov=4", "above 0 and below 3.14159"),
    (STUDENT, "camera.near=3", "below far, which is 2"),
    (STUDENT, "camera.crop=30 30 0 0", "none is left"),
    (STUDENT, "camera.dropped_frames=2", "in 0 .. 1"),
    (STUDENT, "camera.latency=-0.1", "at least 0"),
    (STUDENT, "camera.rate=0.01 8", "it has to be at least 0.1, or 0"),
    (STUDENT, "camera.range_noise=-1", "at least 0"),
    (STUDENT, "camera.edge_holes=5", "in 0 .. 1"),
    (STUDENT, "camera.crop=-5 2 4 4", "at least 0"),
    (STUDENT, "camera.horizontal_fov=87", "rad; 87 degrees are 1.518"),
    (STUDENT, "camera.pitch=10 30", "rad; 10 degrees are 0.1745"),
    (GO2, "domain_rand.friction_range=-1 0", "at least 0"),
    (GO2, "control.action_scale=inf", "finite"),
    (GO2, "commands.ranges.ang_vel_yaw=-60 60", "rad; -60 degrees are -1.047"),
    (GO2, "init_state.default_joint_angles.FL_calf_joint=-86", "rad; -86 degrees are -1.501"),
    (GO2, "rewards.scales.torques=1e40", "at most 1000000000"),
    (GO2, "env.num_envs=5000000", "at most 1000000"),
    (GO2, "asset.name=galileo", "for galileo take galileo_parkour_teacher or galileo_parkour_student"),
    (GO2, "asset.name=g3", "there is no robot 'g3'"),
    (GO2, "asset.file=nowhere.xml", "there is no file nowhere.xml"),
    (TEACHER, "rules.feet_in_pit=0", "above 0"),
]
BAD_TRAIN = [
    (GO2, "algorithm.num_mini_batches=0", "is 0: it has to be at least 1"),
    (GO2, "runner.save_interval=0", "is 0: it has to be at least 1"),
    (GO2, "runner.num_steps_per_env=-5", "is -5: it has to be at least 1"),
    (GO2, "policy.actor_hidden_dims=-3", "is -3: it has to be at least 1"),
    (GO2, "algorithm.learning_rate=inf", "is inf: it has to be finite"),
    (GO2, "algorithm.gamma=2", "is 2.0: it has to be at most 1"),
    (GO2, "algorithm.clip_param=-1", "is -1.0: it has to be above 0"),
    (GO2, "algorithm.min_learning_rate=0.1", "the adaptive schedule stays within 0.1 .. 0.01"),
    (GO2, "policy.gating.top=3", "is for actor_class_name GatedExperts"),
    (GO2, "seed=-1", "at least 0"),
    (GO2, "seed=4294967296", "at most 4294967295"),
    (GO2, "policy.actor_groups=proprio proprio", "each is there once"),
    (GO2, "policy.init_noise_std=1e-30", "at least 1e-06"),
    (TEACHER, "algorithm.dagger_interval=1", "at least 2"),
    (TEACHER, "policy.scan_encoder_dims=", "it needs at least one layer"),
    (TEACHER, "policy.estimator_groups=", "is empty: it takes one or both, once"),
    (STUDENT, "policy.teacher.gating.top=3", "is for actor_class_name GatedExperts"),
    (STUDENT, "algorithm.ppo.clip_param=0", "above 0"),
    ("g1_depth", "algorithm.student.averaging=1", "below 1"),
    ("g1_depth", "policy.student.latent_dim=0", "at least 1"),
]


@pytest.mark.parametrize(
    ("task", "prefix", "setting", "message"),
    [(task, "--env", *rest) for task, *rest in BAD] + [(task, "--train", *rest) for task, *rest in BAD_TRAIN],
    ids=[setting for _, setting, _ in (*BAD, *BAD_TRAIN)],
)
def test_bad_values(tmp_path: Path, task: str, prefix: str, setting: str, message: str) -> None:
    key, values = setting.split("=")
    flags = [f"--task={task}", f"--log_root={tmp_path}", "--device=cpu", f"{prefix}.{key}", *values.split()]
    with pytest.raises(UserError) as told:
        parse(TrainArgs, "train", flags)
    text = str(told.value)
    assert message in text and "\n" not in text
    assert text.startswith(f"{prefix}.{key.rpartition('.')[0] or key}")
    assert not files(tmp_path)


def test_a_script_ends_with_one_line(tmp_path: Path) -> None:
    result = run("train", "--task=go2", "--env.control.decimation=0", cwd=tmp_path)
    assert result.returncode == 2 and not files(tmp_path)
    assert result.stderr == "error: --env.control.decimation is 0: it has to be at least 1\n"


def test_make_refuses_them_too() -> None:
    with pytest.raises(UserError, match=r"^camera\.latency is -1\.0: it has to be at least 0$"):
        make(STUDENT, 1, **{"camera.latency": -1})
    with pytest.raises(UserError, match="terrain.proportions are all zero"):
        make(TEACHER, 1, cfg=lambda cfg: vars(cfg.terrain.proportions).update(dict.fromkeys(TYPES, 0.0)))


TYPES = [field.name for field in dataclasses.fields(all_tasks()[TEACHER].env_cfg().terrain.proportions)]


@pytest.mark.parametrize("task", all_tasks())
@pytest.mark.parametrize("variant", ["cpu", "play", "evaluation"])
def test_every_tasks_own_values_are_good(task: str, variant: str) -> None:
    cfg = all_tasks()[task].env_cfg()
    check_env_cfg(cfg, "")
    getattr(cfg, variant)()
    check_env_cfg(cfg, "")
    train = all_tasks()[task].train_cfg()
    if variant == "cpu":
        train.cpu()
    check_values(train, "")
    train.check()


def test_inf_is_no_limit() -> None:
    cfg = all_tasks()[GO2].env_cfg()
    cfg.normalization.clip_observations = float("inf")
    check_env_cfg(cfg, "")


WEIGHTS = ("env.rewards.scales.", "env.normalization.obs_scales.")
"""groups of numbers of which any that is finite will do"""


@pytest.mark.parametrize("task", all_tasks())
def test_every_number_states_its_bounds(task: str) -> None:
    """Whoever adds a number says in its type what it may be; `Finite` where it may be anything."""
    found = all_tasks()[task]
    for prefix, cfg in (("env", found.env_cfg()), ("train", found.train_cfg())):
        without = [key for key, hint in numbers(cfg, prefix) if not bounded(hint) and not key.startswith(WEIGHTS)]
        assert not without, f"without bounds: {', '.join(without)}"


def numbers(cfg: object, prefix: str) -> Iterator[tuple[str, Any]]:
    """Key and type of every field of a config that holds numbers."""
    hints = typing.get_type_hints(type(cfg), include_extras=True)
    for field in dataclasses.fields(cfg):
        value, key = getattr(cfg, field.name), f"{prefix}.{field.name}"
        if dataclasses.is_dataclass(value):
            yield from numbers(value, key)
        elif re.search(r"\b(int|float)\b", str(hints[field.name])) and "Literal" not in str(hints[field.name]):
            yield key, hints[field.name]


def bounded(hint: Any) -> bool:
    """Whether a type, or all types in it, have bounds."""
    if any(hasattr(rule, "fault") for rule in getattr(hint, "__metadata__", ())):
        return True
    inside = [kind for kind in typing.get_args(hint) if kind not in (..., str, type(None))]
    inside = inside[:1] if typing.get_origin(hint) is typing.Annotated else inside
    return bool(inside) and all(map(bounded, inside))


def test_a_number_without_bounds_is_noticed_and_works() -> None:
    """In a task from outside it has to be finite, no more."""

    @dataclasses.dataclass
    class Cfg:
        wind: float = 1.0
        gusts: tuple[float, ...] = (0.5, 2.0)

    assert [key for key, hint in numbers(Cfg(), "env") if not bounded(hint)] == ["env.wind", "env.gusts"]
    check_env_cfg(Cfg(), "env")
    with pytest.raises(UserError, match=r"^env\.gusts is inf: it has to be finite$"):
        check_env_cfg(Cfg(gusts=(math.inf,)), "env")


# -- config.yaml -------------------------------------------------------------------------------------------------------

BAD_IN_FILE = [
    ("env.sim.dt", None, "is None, not a float"),
    ("env.sim.dt", "fast", "is 'fast', not a float"),
    ("env.sim.dt", 0.0, "is 0.0: it has to be above 0"),
    ("env.sim", None, "is not a table"),
    ("env.control.decimation", 4.5, "is 4.5, not an int"),
    ("env.control.decimation", True, "is True, not an int"),
    ("env.control.control_type", "PID", "is 'PID': choose from P, DC"),
    ("env.commands.ranges.lin_vel_x", [1.0], "is 1.0: it takes 2 values"),
    ("env.commands.ranges.lin_vel_x", [1.0, -1.0], "a range goes from low to high"),
    ("env.commands.ranges.lin_vel_x", [1.0, "2"], "is '2', not a float"),
    ("env.asset.penalize_contacts_on", "thigh", "is 'thigh', not a list"),
    ("env.asset.name", "galileo", "for galileo take galileo_parkour_teacher or galileo_parkour_student"),
    ("env.init_state.default_joint_angles", [0.1], "not a table"),
    ("env.control.stiffness", {"joint": "soft"}, "joint is 'soft', not a float"),
    ("train.policy.actor_hidden_dims", None, "is None, not a list"),
    ("train.policy.actor_hidden_dims", [64, -3], "is -3: it has to be at least 1"),
    ("train.policy.actor_encoders", 3, "is 3, not a table"),
    ("train.algorithm.gamma", 2, "is 2.0: it has to be at most 1"),
    ("train.algorithm.learning_rate", 0.5, "the adaptive schedule stays within 1e-05 .. 0.01"),
    ("train.algorithm.num_learning_epochs", 114_826, "is 114826: it has to be at most 1000"),
    ("env.sim.solver_iterations", 1001, "is 1001: it has to be at most 1000"),
    ("train.runner.run_name", "../x", "cannot name a folder"),
    ("train.runner.run_name", "é" * 101, "is 202 bytes long: a folder's name has at most 200"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD_IN_FILE, ids=[f"{key}={v}" for key, v, _ in BAD_IN_FILE])
def test_bad_values_in_a_file(tmp_path: Path, key: str, value: Any, message: str) -> None:
    task = all_tasks()[GO2]
    tree = {"task": GO2, "env": plain(task.env_cfg()), "train": plain(task.train_cfg())}
    place = tree
    *groups, name = key.split(".")
    for group in groups:
        place = place[group]
    place[name] = value
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(UserError) as told:
        trained_configs(tmp_path / "model_1.pt", task)
    assert str(told.value).startswith(f"{path}: {key}") and message in str(told.value)


# -- what only the robot or the learner can tell -----------------------------------------------------------------------


def test_late_messages_name_the_flag_or_the_file() -> None:
    task = all_tasks()[GO2]
    env, train = task.env_cfg(), task.train_cfg()
    saved = Saved(Path("run/config.yaml"), plain(env), plain(train))
    for message, typed, in_file in (
        ("asset.name: none (asset.file)", "--env.asset.name: none (--env.asset.file)", "env.asset.name: none (env."),
        ("/go2.xml: feet (asset.foot_name)", "/go2.xml: feet (--env.asset.foot_name)", "/go2.xml: feet (env.asset.f"),
        (
            "--env.camera.link and policy.gating",
            "--env.camera.link and --train.policy.gating",
            "--env.camera.link and ",
        ),
        ("seed is 3", "--train.seed is 3", "train.seed is 3"),
        ("no env has a seed", "no env has a seed", "no env has a seed"),
    ):
        assert named(message, env, train, None) == typed
        found = named(message, env, train, saved)
        assert in_file in found and found.startswith("run/config.yaml: ") == (found != message)
    env.asset.name = "other"
    assert named("asset.name: none", env, train, saved) == "--env.asset.name: none"


def test_feet_and_hips_that_are_not_there() -> None:
    with pytest.raises(UserError, match="asset.foot_name is empty: it names links"):
        make(GO2, 1, **{"asset.foot_name": " "})
    with pytest.raises(UserError, match="asset.hip_name: no joint's name contains 'hop'; joints: FL_hip_joint"):
        make(GO2, 1, **{"asset.hip_name": "hop", "sim.num_threads": 1})
    with pytest.raises(UserError, match="control.driven_joints: no joint's name contains 'wing'; joints: FL_hip_joint"):
        make(GO2, 1, **{"control.driven_joints": ("thigh", "wing"), "sim.num_threads": 1})


def test_another_robot_is_told_in_one_line() -> None:
    """By the library too; of a file by its joints."""
    lacking, unknown = "it lacks left_hip_pitch_joint and 28 more", "the robot has no FL_hip_joint and 11 more"
    for setting, value, message in (
        (
            "name",
            "g1",
            "asset.name is g1: the task go2 has the pose, height and gains of go2; for g1 take g1 or g1_rough",
        ),
        ("file", f"{RESOURCES_DIR / 'robots/g1/g1.xml'}", f"{lacking}, and {unknown}; a robot needs a task of its own"),
    ):
        with pytest.raises(UserError, match=message) as told:
            make(GO2, 1, **{f"asset.{setting}": value, "sim.num_threads": 1})
        assert len(str(told.value)) < 220
    with pytest.raises(UserError, match="^init_state.default_joint_angles: it lacks RR_thigh_joint$"):
        make(GO2, 1, cfg=lambda cfg: cfg.init_state.default_joint_angles.pop("RR_thigh_joint"))


def test_a_training_that_diverges_is_one_line() -> None:
    class Runner:
        log_dir, iteration = None, 0

        def learn(self, num_iterations: int) -> None:
            raise Diverged("iteration 1: loss surrogate is not finite")

    with pytest.raises(UserError, match="surrogate is not finite; a smaller --train.algorithm.learning_rate may help"):
        _learn(Runner(), 1)
