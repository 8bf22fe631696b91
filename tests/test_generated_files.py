"""Files in which one entry is another: either they are refused in one line that names the file, or all runs and stays
finite. benchmarks/generated_cases.py tries many more of them, by the scripts and with every task."""

import contextlib
import io
import math
from pathlib import Path

import hypothesis
import pytest
import torch
import yaml
from exports import hardly_checked
from hypothesis import strategies as st
from toy_runner import ToyEnv, make_runner

from benchmarks.generated.tree import changed
from legged_gym.deploy import sim2sim
from legged_gym.deploy.description import load_description
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics
from legged_gym.utils.errors import UserError
from rsl_rl.runners import load_policy

generated = hypothesis.settings(
    max_examples=34,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return hardly_checked(tmp_path_factory.mktemp("go2") / "exported")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    make_runner(folder, hidden=(4,)).learn(1)
    return folder


def one_line(error: Exception, file: str) -> None:
    assert "\n" not in str(error) and file in str(error), error


@pytest.mark.parametrize("name", ["model_1.pt", "env_state.pt"])
@generated
@hypothesis.given(data=st.data())
def test_a_checkpoint(run, name, data):
    files = {path.name: torch.load(path, weights_only=True) for path in run.glob("*.pt")}
    files[name], what = data.draw(changed(files[name]))
    hypothesis.note(what)
    folder = run / "changed"
    folder.mkdir(exist_ok=True)
    for file, tree in files.items():
        torch.save(tree, folder / file)
    env = ToyEnv(num_envs=32)
    runner = make_runner(None, env=env, hidden=(4,))
    try:
        runner.load(folder / "model_1.pt")
    except ValueError as error:
        one_line(error, name)
    else:
        assert runner.learn(1)
        assert all(torch.isfinite(tensor).all() for tensor in runner.algorithm.state_tensors())
    if name == "model_1.pt":
        try:
            policy = load_policy(folder / name, env=env)
        except ValueError as error:
            one_line(error, name)
        else:
            assert torch.isfinite(policy(env.observations)).all()


@generated
@hypothesis.given(data=st.data())
def test_a_deploy_yaml(made, data):
    whole = (made / "deploy.yaml").read_text()
    tree = yaml.safe_load(whole)
    tree["trial"]["episode_s"] = 0.04
    tree, what = data.draw(changed(tree, tensors=False))
    hypothesis.note(what)
    try:
        (made / "deploy.yaml").write_text(yaml.safe_dump(tree))
        with pytest.raises(UserError) as edited:
            load_description(made, "go2")
        one_line(edited.value, "deploy.yaml")
        description = load_description(made, "go2", force=True)
        hypothesis.assume(description["trial"]["episode_s"] < 1.0)
        policy = DeployedPolicy(made, description)
        with contextlib.redirect_stdout(io.StringIO()):
            figures = sim2sim.run(policy, description, made, Physics(), (), None, 1)
            sim2sim.print_figures(figures, description.get("figures", {}), "")
    except UserError as error:
        one_line(error, "deploy.yaml")
    else:
        assert all(math.isfinite(value) for value in figures.values() if isinstance(value, float))
    finally:
        (made / "deploy.yaml").write_text(whole)
