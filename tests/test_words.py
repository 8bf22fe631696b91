"""Values that are more than a flag takes are said by the flag, in one line."""

from dataclasses import dataclass

import pytest

from legged_gym.cli import parse as cli
from legged_gym.cli.args import TrainArgs
from legged_gym.cli.words import read_flags
from legged_gym.utils.errors import UserError, script

STUDENT = ("--task=go2_parkour_student", "--use_pretrained_checkpoint", "--device=cpu")


@dataclass
class Flags:
    one: float = 0.0
    pair: tuple[int, int] = (0, 0)
    many: tuple[int, ...] = ()
    long_name: int = 0
    bare: bool = False


def read(line: str) -> Flags:
    return read_flags(Flags, line.split(), use_underscores=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("now", "now belongs to no flag"),
        ("--one 1 2.2", "--one takes 1 value: 2.2 is more than that"),
        ("--one=1 -2.2 3 --pair 1 1", "--one takes 1 value: -2.2 3 is more than that"),
        ("--one 1 --pair 1 1 1", "--pair takes 2 values: 1 is more than that"),
        ("--one 1 --long-name 1 1", "--long_name takes 1 value: 1 is more than that"),
        ("--bare False", "--bare takes no value: False is more than that"),
    ],
)
def test_surplus_values_name_their_flag(line: str, message: str) -> None:
    with pytest.raises(UserError) as told:
        read(line)
    assert str(told.value) == message


def test_the_rest_is_as_tyro_has_it(capsys: pytest.CaptureFixture) -> None:
    assert read("--pair 1 -2 --many 1 2 3 --long-name=1 --long_name=2 --one -inf") == Flags(
        float("-inf"), (1, -2), (1, 2, 3), 2
    )
    with pytest.raises(SystemExit) as end:
        read("--on 1 2")
    assert end.value.code == 2 and "--one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--env.rewards.tracking_sigma", "0.25", "2.2"), "--env.rewards.tracking_sigma takes 1 value: 2.2 is more"),
        (("--max-iterations", "1", "2", "--max_iterations=3"), "--max_iterations takes 1 value: 2 is more"),
        (
            ("--env.camera.resized", "87", "58"),
            "--env.camera.resized is 87 58, but --train.policy.image_shape 58 87: they have to be the same",
        ),
        (
            ("--env.camera.interval=7",),
            "--train.runner.num_steps_per_env is 60: it has to be a multiple of --env.camera.interval, 7",
        ),
    ],
)
def test_of_a_training(flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as told:
        cli.parse(
            TrainArgs, "train", ["--task=go2_parkour_student", "--use_pretrained_checkpoint", "--device=cpu", *flags]
        )
    assert message in str(told.value)


def test_a_message_is_one_line(capsys: pytest.CaptureFixture) -> None:
    """Whatever is in the name that it repeats."""

    @script
    def main() -> None:
        raise UserError("there is no a\x85b\n\u2028\x1b[2Jé x")

    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 2 and told == "error: there is no a\\x85b\\n\\u2028\\x1b[2Jé x\n"
    assert len(told.splitlines()) == 1


def test_groups_that_are_settings_are_told_by_the_setting() -> None:
    command = cli.parse(TrainArgs, "train", ["--task=g1_deepmimic", "--device=cpu", "--env.deepmimic.observations"])
    told = command.told("policy.actor_groups: no observation group x: the environment has none")
    assert told.startswith("--train.policy.actor_groups: no observation group x")
    assert told.endswith("(--env.deepmimic.observations says which)")
