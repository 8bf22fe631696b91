"""What VideoMimic's users type: every option of the table in docs/videomimic.md, and the commands of its guide."""

import operator
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from legged_gym.cli.args import TrainArgs
from legged_gym.cli.old_names import translated
from legged_gym.cli.parse import parse
from legged_gym.utils.errors import UserError

DOCS = Path(__file__).resolve().parents[1] / "docs" / "videomimic.md"
OPTIONS = dict(re.findall(r"^\| `(--[^`]+)` \| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
EXPLAINED = ("is_csv_joint_only", "n_rows", "use_alt_files")  # when the environment is made
OTHER_PLACES = {"rewards.collision": "rewards.scales.collision"}
OTHER_PLACES |= {"rewards.feet_contact_matching": "rewards.scales.feet_contact_matching"}
OTHER_PLACES |= {"domain_rand.max_push_vel_interval": "domain_rand.push_interval_s"}


def test_the_table_has_the_options_of_the_guide():
    assert len(OPTIONS) > 50
    kinds = ("env.deepmimic", "env.terrain", "env.asset", "env.rewards", "env.domain_rand", "train.algorithm")
    for kind in kinds:
        assert any(option.startswith(f"--{kind}.") for option in OPTIONS)


def test_every_option_of_the_table_arrives(capsys):
    """All on one command line, as each takes the parser half a second."""
    command = parse(TrainArgs, "train", ["--task=g1_deepmimic_dagger", "--device=cpu", *OPTIONS])
    said = capsys.readouterr().out
    for option, meaning in OPTIONS.items():
        key, typed = option.removeprefix("--").split("=", 1)
        if "a line says" in meaning and not any(name in key for name in EXPLAINED):
            assert key in said
        if key in ("wandb_note", "train.algorithm.policy_to_clone_jitted"):
            continue
        side, _, path = key.partition(".")
        value = operator.attrgetter(OTHER_PLACES.get(path, path))(getattr(command, f"{side}_cfg"))
        if isinstance(value, tuple):
            assert value == tuple(typed.strip("[]").split(",")), key
        elif isinstance(value, str | bool):
            assert value == yaml.safe_load(typed), key
        else:
            assert value == float(typed), key


def test_what_changes_nothing_is_explained():
    from legged_gym.envs.base.deepmimic_robot import DeepMimicRobot

    flags = ["--env.deepmimic.is_csv_joint_only=True", "--env.terrain.n_rows=6", "--env.asset.use_alt_files=True"]
    command = parse(TrainArgs, "train", ["--task=g1_deepmimic", "--device=cpu", *flags])
    lines = DeepMimicRobot._explained(SimpleNamespace(cfg=command.env_cfg))
    assert len(lines) == 3 and all("\n" not in line for line in lines)
    assert [any(name in line for line in lines) for name in EXPLAINED] == [True] * 3


def test_other_names_and_lists(capsys):
    assert translated(["--env.rewards.collision", "-3", "--x=[1]"]) == [
        "--env.rewards.scales.collision",
        "-3",
        "--x=[1]",
    ]
    assert translated(["--env.deepmimic.human_video_folders=['a', b]"])[1:] == ["a", "b"]
    assert translated(["--train.algorithm.policy_to_clone_jitted", "False", "--seed=1"]) == ["--seed=1"]
    assert len(capsys.readouterr().out.splitlines()) == 2
    with pytest.raises(UserError, match="a jitted policy is not read"):
        translated(["--train.algorithm.policy_to_clone_jitted=True"])
