"""Values that no environment can work with end in one line that names the flag, before anything is written."""

import dataclasses
import typing
from pathlib import Path

import pytest
from test_cli import files, run

from legged_gym import make
from legged_gym.cli.args import TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.registry import all_tasks
from legged_gym.utils.bounds import Bounds, check_env_cfg
from legged_gym.utils.errors import UserError

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
]


@pytest.mark.parametrize(("task", "setting", "message"), BAD, ids=[setting for _, setting, _ in BAD])
def test_bad_values(tmp_path: Path, task: str, setting: str, message: str) -> None:
    key, values = setting.split("=")
    flags = [f"--task={task}", f"--log_root={tmp_path}", "--device=cpu", f"--env.{key}", *values.split()]
    with pytest.raises(UserError) as told:
        parse(TrainArgs, "train", flags)
    text = str(told.value)
    assert message in text and "\n" not in text
    assert text.startswith(f"--env.{key.rsplit('.', 1)[0]}.")
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


def test_inf_is_no_limit() -> None:
    cfg = all_tasks()[GO2].env_cfg()
    cfg.normalization.clip_observations = float("inf")
    check_env_cfg(cfg, "")


@pytest.mark.parametrize("task", all_tasks())
def test_every_number_of_a_size_has_bounds(task: str) -> None:
    """Whoever adds a count, a time, a noise or an interval says what it may be."""
    sizes = ("num_", "interval", "noise", "length", "iterations", "_per_env", "period", "_s.")

    def visit(config: object, key: str) -> None:
        hints = typing.get_type_hints(type(config), include_extras=True)
        for field in dataclasses.fields(config):
            value, name = getattr(config, field.name), f"{key}.{field.name}"
            if dataclasses.is_dataclass(value):
                visit(value, name)
            elif type(value) in (int, float) and (
                field.name.endswith("_s") or any(part in field.name for part in sizes)
            ):
                if name.startswith(("env.rewards.scales", "env.normalization.obs_scales")):
                    continue
                rules = getattr(hints[field.name], "__metadata__", ())
                assert any(isinstance(rule, Bounds) for rule in rules), f"{name} has no bounds"

    visit(all_tasks()[task].env_cfg(), "env")
