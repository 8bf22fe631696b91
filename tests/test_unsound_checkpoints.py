"""A checkpoint that is whole outside and wrong inside: each fault is told in one line that names file and entry."""

import io

import pytest
import torch
from rich.console import Console
from toy_runner import ToyEnv, make_runner

from rsl_rl.runners import load_policy
from rsl_rl.utils import schema
from rsl_rl.utils.checkpoint import load_safe, save_atomic
from rsl_rl.utils.schema import ENV_STATE, read_checkpoint, read_env_state

WEIGHT = "actor.0.weight"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkpoint of one iteration, with the environments' state beside it."""
    folder = tmp_path_factory.mktemp("run")
    make_runner(folder).learn(1)
    return folder


@pytest.fixture
def file(run, tmp_path):
    """A copy of the run, and what changes an entry of one of its files: the path of the changed file."""

    def change(name, keys, value):
        for path in run.glob("*.pt"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        data = load_safe(tmp_path / name, 1)
        place = data
        for key in keys[:-1]:
            place = place[key]
        if value == "remove":
            del place[keys[-1]]
        else:
            place[keys[-1]] = value(place[keys[-1]]) if callable(value) else value
        save_atomic(data, tmp_path / name)
        return tmp_path / name

    return change


def spoil(value):
    def change(tensor):
        tensor = tensor.clone()
        tensor.view(-1)[0] = value
        return tensor

    return change


# What any reader refuses: keys, change, what is said.
OF_THE_POLICY = {
    "no networks": (("policy",), "remove", "is no checkpoint of a policy: it lacks policy"),
    "no format": (("format",), torch.ones(3), r"has format a tensor \(3,\) of float32, this version reads format 1"),
    "no config": (("policy_cfg",), None, "policy_cfg is None, not a table"),
    "no widths": (("obs_dims", "proprio"), None, "obs_dims.proprio is None, not a whole number"),
    "a width of zero": (("obs_dims", "proprio"), 0, "obs_dims.proprio is 0: it is at least 1"),
    "a text": (("num_actions",), "one", "num_actions is 'one', not a whole number"),
    "a time before": (("total_time",), -1.0, "total_time is -1.0: it is not negative"),
    "a layout of texts": (("observation_layout", "proprio", "x"), "wide", "observation_layout.proprio.x is 'wide'"),
    "a setting": (
        ("algorithm_cfg", "learning_rate"),
        torch.ones(2),
        r"learning_rate is a tensor \(2,\) of float32, which",
    ),
    "sizes that are none": (("policy_cfg", "actor_hidden_dims"), None, "policy_cfg.actor_hidden_dims is None, not"),
    "no text for a class": (("policy_cfg", "class_name"), 3, "policy_cfg.class_name is 3, not a text"),
    "a weight too few": (("policy", WEIGHT), "remove", f"policy lacks {WEIGHT}"),
    "a weight too many": (("policy",), lambda p: {**p, "gate": torch.ones(1)}, "policy has gate, which its network"),
    "a weight's shape": (("policy", WEIGHT), lambda w: w[:-1], rf"policy.{WEIGHT} is \(15, 2\), not \(16, 2\)"),
    "a weight's type": (
        ("policy", WEIGHT),
        lambda w: w.long(),
        f"policy.{WEIGHT} is of torch.int64, not torch.float32",
    ),
    "no weight": (("policy", WEIGHT), None, f"policy.{WEIGHT} is None, not a tensor"),
    "nan": (("policy", WEIGHT), spoil(float("nan")), f"policy.{WEIGHT} has 1 of 32 numbers that are nan or inf"),
    "inf": (("policy", "critic.2.bias"), spoil(float("inf")), "policy.critic.2.bias has 1 of 1 numbers"),
}
# What only a training that goes on reads.
OF_THE_TRAINING = {
    "no generators": (("rng",), "remove", "is not whole: it lacks rng"),
    "no generator": (("rng", "torch"), lambda s: s[:-1], "rng.torch is no state of that generator"),
    "a curriculum": (("curriculum",), 3, "curriculum is 3, not a table"),
    "a level": (("curriculum", "level"), "high", "curriculum.level is 'high', not a whole number"),
    "no level": (("curriculum", "level"), "remove", "curriculum lacks level"),
    "no moment": (("optimizer", WEIGHT), "remove", f"optimizer.{WEIGHT} is missing"),
    "nan moment": (("optimizer", WEIGHT, "exp_avg"), spoil(float("nan")), f"optimizer.{WEIGHT}.exp_avg has 1 of 32"),
    "negative moment": (("optimizer", WEIGHT, "exp_avg_sq"), spoil(-1.0), f"{WEIGHT}.exp_avg_sq is negative"),
    "a rate": (("learning_rate",), float("nan"), "learning_rate is nan, not a finite number"),
}


@pytest.mark.parametrize("keys, value, message", OF_THE_POLICY.values(), ids=OF_THE_POLICY)
def test_any_reader_names_file_and_entry(keys, value, message, file):
    path = file("model_1.pt", keys, value)
    for read in (make_runner(None).load, load_policy, lambda path: load_policy(path, env=ToyEnv())):
        with pytest.raises(ValueError, match=f"model_1.pt.*{message}") as found:
            read(path)
        assert "\n" not in str(found.value)


@pytest.mark.parametrize("keys, value, message", OF_THE_TRAINING.values(), ids=OF_THE_TRAINING)
def test_a_resume_names_file_and_entry(keys, value, message, file):
    path = file("model_1.pt", keys, value)
    with pytest.raises(ValueError, match=f"model_1.pt.*{message}"):
        make_runner(None).load(path)
    load_policy(path)  # whose networks are sound


def test_bytes_that_have_changed_are_told(run, tmp_path):
    """Torch reads them as other weights."""
    content = bytearray((run / "model_1.pt").read_bytes())
    weight = load_safe(run / "model_1.pt", 1)["policy"][WEIGHT].numpy().tobytes()
    content[content.index(weight) + 2] ^= 1
    path = tmp_path / "model_1.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model_1.pt is damaged or no checkpoint .*: its contents are broken"):
        read_checkpoint(path)


def test_in_place_of_a_damaged_one_the_newest_before_it_that_is_whole_is_named(run, tmp_path, monkeypatch):
    whole = (run / "model_1.pt").read_bytes()
    contents = {2: whole, 9: whole, 10: b"", 30: whole[:-500], 100: whole[: len(whole) // 2], 200: whole}
    for iteration, content in contents.items():
        (tmp_path / f"model_{iteration}.pt").write_bytes(content)
    read, load = [], schema.load_safe
    monkeypatch.setattr(schema, "load_safe", lambda path, version: read.append(path.name) or load(path, version))
    for reader in (read_checkpoint, load_policy, make_runner(None).load):
        read.clear()
        with pytest.raises(ValueError, match="model_100.pt is damaged") as found:
            reader(tmp_path / "model_100.pt")
        instead = tmp_path / "model_9.pt"
        assert f"{found.value}".endswith(f"; the newest one before it that can be used is {instead}"), found.value
        assert read == ["model_100.pt", "model_30.pt", "model_10.pt", "model_9.pt"], "and none after it"
    for iteration in (2, 9):
        (tmp_path / f"model_{iteration}.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="model_100.pt is damaged .*; nor can any of the 4 before it in that folder"):
        read_checkpoint(tmp_path / "model_100.pt")
    with pytest.raises(ValueError, match="model_2.pt is damaged .*: it is empty$"):
        read_checkpoint(tmp_path / "model_2.pt")


def test_weights_that_overflow_are_told(file):
    path = file("model_1.pt", ("policy", "actor.2.weight"), lambda w: torch.full_like(w, 3e38))
    env = ToyEnv()
    env.observations["proprio"].fill_(10.0)
    with pytest.raises(ValueError, match="model_1.pt: the policy gives nan or inf"):
        load_policy(path, env=env)


def test_the_state_beside_a_checkpoint_is_none(run):
    for read in (read_checkpoint, make_runner(None).load, load_policy):
        with pytest.raises(ValueError, match=f"{ENV_STATE} is the environments' state .* that is .*model_1.pt"):
            read(run / ENV_STATE)


STATE = {
    "changed": (("env", "x"), spoil(2.0), "env.x is not what was saved"),
    "nan": (("env", "age"), lambda a: a.double() * float("nan"), "env.age is not what was saved"),
    "missing": (("env", "age"), "remove", "env.age is missing"),
    "too many": (("env",), lambda e: {**e, "y": 1}, "env.y is too many"),
    "another kind": (("algorithm",), None, "algorithm is not what was saved"),
    "an iteration": (("iteration",), 5, "iteration is not what was saved"),
    "its sums": (("sums",), None, "sums is None, not a table"),
}


@pytest.mark.parametrize("keys, value, message", STATE.values(), ids=STATE)
def test_the_environments_state_is_what_was_saved(keys, value, message, file):
    path = file(ENV_STATE, keys, value)
    with pytest.raises(ValueError, match=f"{ENV_STATE}: {message}"):
        make_runner(None).load(path.with_name("model_1.pt"))


def test_a_damaged_state_says_how_to_go_on(run, file):
    path = file(ENV_STATE, ("sums",), None)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        ValueError, match="is damaged.*; without this file, episodes start afresh: delete it to resume so$"
    ):
        make_runner(None).load(path.with_name("model_1.pt"))


def test_a_state_of_an_older_version_starts_afresh(file):
    path = file(ENV_STATE, ("sums",), "remove")
    assert read_env_state(path) is None
    assert "episodes started afresh: env_state.pt is of an older version" in resumed(path)


def test_why_episodes_start_afresh(run, tmp_path):
    told = resumed(run / ENV_STATE, ToyEnv(num_envs=16))
    assert "episodes started afresh: env_state.pt is of 32 robots, there are 16 now" in told
    (tmp_path / "model_1.pt").write_bytes((run / "model_1.pt").read_bytes())
    assert "started afresh: there is no env_state.pt beside it" in resumed(tmp_path / ENV_STATE)
    assert "episodes continued where they were" in resumed(run / ENV_STATE)


def resumed(state, env=None) -> str:
    """What a resume from the checkpoint beside the file `state` says."""
    console = Console(file=io.StringIO(), width=500)
    runner = make_runner(None, env=env, console=console)
    runner.load(state.with_name("model_1.pt"))
    assert runner.learn(1)
    return console.file.getvalue()
