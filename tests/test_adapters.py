"""Environments as gymnasium's and as rsl-rl-lib's: their own checkers, hand-checked steps, and others that learn."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deepmimic_envs import BOW, BOX
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from legged_gym import make
from legged_gym.adapters.gymnasium_env import GymEnv, GymVectorEnv
from legged_gym.adapters.rsl_rl_env import RslRlVecEnv
from legged_gym.registry import all_tasks
from legged_gym.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
TASKS = list(all_tasks())


def small(task: str, num_envs: int, **settings: Any) -> Any:
    """On few tiles or after few clips, where the task has any: those of a training take up to 6 s."""
    return make(task, num_envs, cfg=few, **{"sim.num_threads": 1} | settings)


def few(cfg: Any) -> None:
    if hasattr(cfg.terrain, "num_columns"):
        cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 20, 2, 1
    if hasattr(cfg, "deepmimic"):  # a calm one on the plane, one on boxes
        cfg.deepmimic.motions, cfg.deepmimic.mirrored, cfg.deepmimic.held_out = (BOW, BOX), False, ()


def short(task: str = "go2", num_envs: int = 3) -> Any:
    """Episodes of five steps, without noise."""
    return small(task, num_envs, **{"env.episode_length_s": 0.1, "noise.add_noise": False})


def actions(envs: GymVectorEnv, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, envs.action_space.shape).astype(np.float32)


# -- gymnasium ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_gymnasiums_checker(task: str) -> None:
    env = GymEnv(small(task, 1), ("proprio",) if task == "go2" else None)
    check_env(env, skip_render_check=True)
    env.close()
    env.close()


def test_spaces() -> None:
    env = small("go2", 3)
    envs = GymVectorEnv(env)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, _ = envs.reset(seed=1)
    assert set(envs.observation_space) == {"proprio", "privileged"} and observations in envs.observation_space
    assert envs.action_space.shape == (3, 12) and envs.action_space.high.max() == env.cfg.normalization.clip_actions
    chosen = GymVectorEnv(env, ("privileged", "proprio"))
    observations, _ = chosen.reset(seed=1)
    widths = [env.observations[name].shape[1] for name in ("privileged", "proprio")]
    assert observations.shape == chosen.observation_space.shape == (3, sum(widths))
    np.testing.assert_array_equal(observations[:, : widths[0]], env.observations["privileged"].numpy())
    with pytest.raises(UserError, match="no observation group 'propio'; did you mean 'proprio'?"):
        GymVectorEnv(env, ("propio",))
    with pytest.raises(UserError, match="has one robot, not 3"):
        GymEnv(env)


@pytest.mark.parametrize("task", TASKS)
def test_seeds(task: str) -> None:
    """The same seed gives the same steps, also after others; curricula and histories start anew."""
    envs = GymVectorEnv(short(task))

    def played(seed: int) -> list[np.ndarray]:
        seen = [envs.reset(seed=seed)[0]]
        seen += [envs.step(actions(envs, k))[0] for k in range(8)]
        return [value for observations in seen for value in observations.values()]

    first, other, again = played(7), played(8), played(7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("task", TASKS)
def test_the_last_observations_are_the_ended_episodes(task: str) -> None:
    """They are those of an environment whose episodes go on; and noting them changes nothing of what follows."""
    envs, plain, longer = GymVectorEnv(short(task)), short(task), short(task)
    for env in (plain, longer):
        env.load_state_dict(envs.env.state_dict())
    envs.reset(seed=3)
    for env in (plain, longer):
        torch.manual_seed(3)
        env.reset()
    longer.max_episode_length = 1000
    generator = torch.Generator().manual_seed(4)
    for step in range(1, 8):
        chosen = 0.2 * torch.rand(3, plain.num_actions, generator=generator)
        state = torch.get_rng_state()
        observations, rewards, falls, truncated, infos = envs.step(chosen.numpy())
        torch.set_rng_state(state)
        longer.step(chosen)
        torch.set_rng_state(state)
        expected = plain.step(chosen)
        np.testing.assert_array_equal(rewards, expected[1].numpy())
        for name, value in observations.items():
            np.testing.assert_array_equal(value, expected[0][name].numpy(), err_msg=name)
        assert not falls.any() and truncated.all() == (step == 5)
        if step != 5:
            assert infos == {}
            continue
        assert infos["_final_obs"].all() and infos["_final_info"].all()
        for robot, last in enumerate(infos["final_obs"]):
            for name in last.keys() - {"depth"}:  # whose holes are drawn anew
                np.testing.assert_array_equal(last[name], longer.observations[name][robot].numpy(), err_msg=name)
            measured = "proprio" if "proprio" in last else "history_torso_real"
            assert not np.array_equal(last[measured], observations[measured][robot])
        info = infos["final_info"]
        assert list(info["episode_length"]) == [5, 5, 5] and not info["fall"].any() and info["_fall"].all()


def test_falls_terminate() -> None:
    envs = GymVectorEnv(small("go2", 2, **{"asset.terminate_after_contacts_on": ("foot",)}), ("proprio",))
    envs.reset(seed=1)
    for k in range(50):
        observations, _, falls, truncated, infos = envs.step(actions(envs, k))
        if falls.any():
            break
    assert falls.any() and not truncated.any()
    robot = int(falls.argmax())
    assert infos["final_info"]["fall"][robot] and infos["final_obs"][robot].shape == (45,)
    assert not np.array_equal(infos["final_obs"][robot], observations[robot])
    assert [value is None for value in infos["final_obs"]] == list(~falls)


def test_a_mask_of_robots_to_reset_is_refused() -> None:
    """It would begin the others' episodes too, unsaid."""
    with pytest.raises(UserError, match="reset_mask"):
        GymVectorEnv(small("go2", 2)).reset(options={"reset_mask": np.array([True, False])})


def test_nothing_is_aliased() -> None:
    envs = GymVectorEnv(small("go2", 2))
    observations, _ = envs.reset(seed=1)
    first = {name: value.copy() for name, value in observations.items()}
    _, rewards, *_ = envs.step(actions(envs, 0))
    earned = rewards.copy()
    envs.step(actions(envs, 1))
    assert all(np.array_equal(first[name], observations[name]) for name in first)
    assert np.array_equal(earned, rewards)
    observations["proprio"][:] = 0.0
    assert envs.env.observations["proprio"].abs().max() > 0.0


def test_gymnasiums_wrappers() -> None:
    envs = RecordEpisodeStatistics(GymVectorEnv(short(), ("proprio",)))
    envs.reset(seed=1)
    for k in range(5):
        *_, infos = envs.step(actions(envs, k))
    assert list(infos["episode"]["l"]) == [5, 5, 5]
    np.testing.assert_allclose(infos["episode"]["r"], infos["final_info"]["episode_return"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("skrl") is None, reason="skrl is not installed")
def test_skrl_trains(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import skrl_training; skrl_training.main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "updates: 3, networks changed: True" in done.stdout


# -- rsl-rl-lib --------------------------------------------------------------------------------------------------------


def test_rsl_rls_interface() -> None:
    """As rsl-rl-lib 5.4 describes its VecEnv."""
    env = RslRlVecEnv(short())
    observations = env.get_observations()
    assert set(observations.keys()) == {"proprio", "privileged"} and observations.batch_size == (3,)
    first = observations["proprio"].clone()
    env.episode_length_buf = torch.tensor([0, 4, 2])
    assert env.env.episode_length.tolist() == [0, 4, 2] and env.max_episode_length == 5
    after, rewards, dones, extras = env.step(torch.zeros(3, env.num_actions))
    assert torch.equal(observations["proprio"], first) and not torch.equal(after["proprio"], first)
    assert dones.tolist() == [0, 1, 0] and extras["time_outs"].tolist() == [False, True, False]
    assert extras["log"]["Train/mean_episode_length"] == 1.0  # made up lengths do not count
    earned = rewards.clone()
    env.step(torch.zeros(3, env.num_actions))
    assert torch.equal(rewards, earned)


@pytest.mark.slow
def test_rsl_rl_lib_trains(tmp_path: Path) -> None:
    """In a process where rsl-rl-lib's `rsl_rl` stands in front of this project's."""
    folder = os.environ.get("RSL_RL_LIB")
    if folder is None:
        pytest.skip("RSL_RL_LIB does not name a folder that rsl-rl-lib is installed in (pip install --target)")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, str(ROOT)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, ROOT / "tests" / "rsl_rl_lib_training.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"{folder}/rsl_rl" in done.stdout and "iterations: 3, networks changed: True" in done.stdout
