"""What users of VideoMimic's gym type and is called otherwise here: other names, and lists in brackets."""

import re
from collections.abc import Sequence

from legged_gym.utils.errors import UserError

_OTHER_NAMES = {
    "env.rewards.collision": "env.rewards.scales.collision",
    "env.rewards.feet_contact_matching": "env.rewards.scales.feet_contact_matching",
    "env.domain_rand.max_push_vel_interval": "env.domain_rand.push_interval_s",
}
_JITTED = "train.algorithm.policy_to_clone_jitted"
_LIST = re.compile(r"--((?:env|train)\.[\w.]+)=\[(.*)\]", re.DOTALL)


def translated(argv: Sequence[str]) -> list[str]:
    """`argv` with the names that hold here; a line is printed for each that is another. UserError for what there is no
    equivalent of."""
    found: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        key = name.removeprefix("--").replace("-", "_")
        if not name.startswith("--"):
            found.append(word)
        elif key == _JITTED:
            _explain_jitted(value if equals else next(words, ""))
        elif key in _OTHER_NAMES:
            print(f"{key}: {_OTHER_NAMES[key]} here")
            found.append(f"--{_OTHER_NAMES[key]}{equals}{value}")
        elif listed := _LIST.fullmatch(word):
            items = (item.strip(" '\"") for item in listed[2].split(","))
            found += [f"--{listed[1]}", *(item for item in items if item)]
        else:
            found.append(word)
    return found


def _explain_jitted(value: str) -> None:
    if value.lower() not in ("false", "0"):
        raise UserError(
            f"--{_JITTED} is '{value}': a teacher is a checkpoint or the folder of a run, and its network is rebuilt; "
            "a jitted policy is not read"
        )
    print(f"{_JITTED}: teachers are always rebuilt from their checkpoints")
