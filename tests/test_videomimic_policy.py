"""Checkpoints in the format of VideoMimic's releases: read by name, in any order of inputs, and refused in one line."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from deepmimic_envs import WALK
from torch import nn

from legged_gym.cli.run_config import trained_configs
from legged_gym.registry import Task, get_task
from legged_gym.scripts import import_policy
from rsl_rl.config import PolicyCfg
from rsl_rl.runners.checkpoints import load_network, load_policy
from rsl_rl.runners.videomimic import read_released, released_checkpoint
from rsl_rl.utils.checkpoint import save_atomic

WIDTHS = {"history_torso_real": 375, "history_torso_xy_rel": 10, "history_torso_yaw_rel": 5, "target_joints": 23}
WIDTHS |= {"target_root_roll": 1, "target_root_pitch": 1, "torso_xy_rel": 2, "torso_yaw_rel": 1}
WIDTHS |= {"upper_body_joint_targets": 11, "torso": 79, "deepmimic": 129}
WIDTHS |= {"terrain_height": 121, "terrain_height_noisy": 121}
MCPT = tuple(WIDTHS)[:6]
CRITIC = ("torso", "deepmimic", *MCPT)
SMALL, LARGE = (512, 256, 128), (1024, 512, 256, 128)
STAGES = {  # by stage: what the actor reads, as wide as they are together, the height map, hidden layers
    "stage 1": (MCPT, 415, "", SMALL),
    "stage 2": (MCPT, 415, "terrain_height", SMALL),
    "stages 3 and 4": (("history_torso_real", "torso_xy_rel", "torso_yaw_rel"), 378, "terrain_height_noisy", LARGE),
    "blind student": ((*MCPT[:3], "upper_body_joint_targets"), 401, "", SMALL),
}


def make_env():
    observations = {group: torch.randn(5, width) for group, width in WIDTHS.items()}
    layout = {group: {group: width} for group, width in WIDTHS.items()}
    return SimpleNamespace(observations=observations, observation_layout=layout, num_actions=23, num_envs=5)


def make_cfg(stage: str) -> PolicyCfg:
    actor, _, height_map, hidden = STAGES[stage]
    maps = (height_map,) if height_map else ()
    return PolicyCfg(
        actor_groups=actor,
        critic_groups=CRITIC,
        actor_projected_groups=maps,
        critic_projected_groups=maps,
        actor_hidden_dims=hidden,
        critic_hidden_dims=hidden,
        normalize_returns=True,
    )


def released(stage: str, order=sorted) -> tuple[dict, dict]:
    """A checkpoint as VideoMimic's runner saves it, its inputs in `order`, and its networks by actor and critic."""
    actor, width, height_map, hidden = STAGES[stage]
    state, policy_cfg, networks = {"std": torch.rand(23) + 0.1}, {}, {}
    for key, groups, out in (("actor", actor, 23), ("critic", CRITIC, 1)):
        groups = list(order(groups))
        dims = [sum(WIDTHS[group] for group in groups), *hidden]
        assert dims[0] == (width if key == "actor" else 623)
        layers = [layer for i, o in zip(dims, dims[1:], strict=False) for layer in (nn.Linear(i, o), nn.ELU())]
        network = nn.Sequential(*layers, nn.Linear(dims[-1], out))
        state |= {f"{key}.{name}": tensor for name, tensor in network.state_dict().items()}
        heads = {group: {"type": "flatten" if "history" in group else "identity"} for group in groups}
        gated = None
        if height_map:
            heads[height_map] = {"type": "flatten_then_embed_with_attention_to_hidden"}
            gated = (nn.Linear(121, hidden[0]), torch.randn(hidden[0]))
            stem = f"{key}_input_net.extra_proj_heads.{height_map}"
            state |= {f"{stem}.embed.embed.input_proc.{n}": t for n, t in gated[0].state_dict().items()}
            state[f"{stem}.attention"] = gated[1]
        policy_cfg |= {f"obs_proc_{key}": heads, f"{key}_hidden_dims": list(hidden)}
        networks[key] = (network, groups, height_map, gated)
    policy_cfg |= {"activation": "elu", "init_noise_std": 0.8, "re_init_std": False}
    saved = dict(
        model_state_dict=state, optimizer_state_dict={"state": {}}, iter=12000, policy_cfg=policy_cfg, infos=None
    )
    return saved, networks


def taken_over(path, stage, env):
    cfg = make_cfg(stage)
    return released_checkpoint(path, read_released(path, cfg), cfg, env)


def answer(network, groups, height_map, gated, observations):
    """What VideoMimic's network makes of the observations."""
    hidden = network[0](torch.cat([observations[group] for group in groups], 1))
    if gated is not None:
        hidden = hidden + gated[0](observations[height_map]) * gated[1]
    return network[1:](hidden)


@pytest.mark.parametrize("stage", STAGES)
def test_networks_are_the_same_functions(stage, tmp_path):
    torch.manual_seed(0)
    env, (saved, networks) = make_env(), released(stage)
    torch.save(saved, tmp_path / "released.pt")
    save_atomic(taken_over(tmp_path / "released.pt", stage, env), tmp_path / "model_12000.pt")
    policy = load_network(tmp_path / "model_12000.pt", env, None)
    with torch.no_grad():
        actions = answer(*networks["actor"], env.observations)
        torch.testing.assert_close(policy.act_inference(env.observations), actions, rtol=1e-4, atol=1e-5)
        values = answer(*networks["critic"], env.observations).squeeze(1)
        torch.testing.assert_close(policy.evaluate(env.observations), values, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(policy.std, saved["model_state_dict"]["std"])


def break_it(saved, how):
    state, cfg = saved["model_state_dict"], saved["policy_cfg"]
    if how == "unknown tensor":
        state["memory_a.rnn.weight_ih_l0"] = torch.zeros(1)
    elif how == "missing tensor":
        del state["critic.2.bias"]
    elif how == "other width":
        state["actor.0.weight"] = state["actor.0.weight"][:, 1:]
    elif how == "not finite":
        state["actor.0.bias"][3] = float("nan")
    elif how == "negative noise":
        state["std"][3] = -0.1
    elif how == "layer norm":
        cfg["layer_norm"] = True
    elif how == "other head":
        cfg["obs_proc_actor"]["terrain_height"] = {"type": "flatten_then_embed_with_attention", "output_dim": 415}
    elif how == "other layers":
        cfg["actor_hidden_dims"] = [256, 128]
    elif how == "other inputs":
        cfg["obs_proc_critic"]["phase"] = {"type": "identity"}
    elif how == "no config":
        del saved["policy_cfg"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("unknown tensor", "has tensors that no network of ours has: memory_a.rnn.weight_ih_l0"),
        ("missing tensor", "policy lacks critic.2.bias"),
        ("other width", r"policy.actor.0.weight is \(512, 414\), not \(512, 415\)"),
        ("not finite", "policy.actor.0.bias has 1 of 512 numbers that are nan or inf"),
        ("negative noise", "the action noise std is -0.1 and has to be positive"),
        ("layer norm", "policy_cfg has layer_norm True, which no network of ours has"),
        ("other head", "the actor reads terrain_height as flatten_then_embed_with_attention; ours can identity"),
        ("other layers", r"policy.actor_hidden_dims is \[256, 128\], this task's is \(512, 256, 128\)"),
        ("other inputs", "is of another task: policy.critic_groups is .*phase, this task's torso, deepmimic"),
        ("no config", "is no checkpoint of VideoMimic's: these have model_state_dict, policy_cfg, iter"),
    ],
)
def test_what_is_otherwise_is_refused_in_one_line(how, message, tmp_path):
    saved, _ = released("stage 2")
    break_it(saved, how)
    torch.save(saved, tmp_path / "released.pt")
    with pytest.raises(ValueError, match=message) as found:
        taken_over(tmp_path / "released.pt", "stage 2", make_env())
    assert "\n" not in str(found.value)


def test_no_code_is_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return open, (str(tmp_path / "harm"), "w")

    saved, _ = released("stage 1")
    torch.save({**saved, "infos": Harm()}, tmp_path / "released.pt")
    with pytest.raises(ValueError, match="no checkpoint of tensors and plain data"):
        taken_over(tmp_path / "released.pt", "stage 1", make_env())
    assert not (tmp_path / "harm").exists()


def test_the_script_makes_a_run_that_is_taken_up(tmp_path, monkeypatch, capsys):
    """A run with the task's own config and a network that fits its environment; another task's is one line."""
    monkeypatch.chdir(tmp_path)
    task = get_task("g1_deepmimic_proj_heightfield")
    saved, networks = released("stage 2")
    torch.save(saved, "released.pt")

    def small():
        cfg = task.env_cfg_class()
        cfg.deepmimic.motions, cfg.deepmimic.held_out, cfg.deepmimic.mirrored = (WALK,), (), False
        cfg.deepmimic.largest_way = 0.1
        return cfg

    monkeypatch.setattr(import_policy, "get_task", lambda name: replace(get_task(name), env_cfg_class=small))
    import_policy.main([f"--task={task.name}", "--checkpoint=released.pt", "--run_name=theirs"])
    (path,) = (tmp_path / "logs" / task.name).glob("*_theirs/model_12000.pt")
    assert f"wrote {path.relative_to(tmp_path)}" in capsys.readouterr().out
    env_cfg, train_cfg, notes = trained_configs(path, task)
    assert not notes and env_cfg.deepmimic.motions == (WALK,) and train_cfg.policy.normalize_returns
    assert env_cfg.deepmimic.largest_way == 0.5, "as VideoMimic tells it"
    env = task.make_env(with_few_robots(env_cfg), "cpu")
    env.reset()
    with torch.no_grad():
        actions = load_policy(path, env=env)(env.observations)
        expected = answer(*networks["actor"], env.observations)
    torch.testing.assert_close(actions, expected, rtol=1e-4, atol=1e-4)
    env.close()
    with pytest.raises(SystemExit) as end:
        import_policy.main(["--task=g1_deepmimic", "--checkpoint=released.pt"])
    told = capsys.readouterr().err.strip()
    assert end.value.code == 2 and "\n" not in told and not (tmp_path / "logs" / "g1_deepmimic").exists()
    assert (
        "released.pt is of another task: policy.actor_projected_groups is terrain_height, this task's nothing" in told
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no checkpoint at released.pt"), (b"", "released.pt is damaged"), ({}, "is no checkpoint of VideoMimic's")],
    ids=["missing", "broken", "another"],
)
def test_a_bad_file_is_told_before_anything_slow_is_made(content, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Task, "make_env", lambda *_: pytest.fail("an environment was made"))
    if content == b"":
        Path("released.pt").touch()
    elif content is not None:
        torch.save(content, "released.pt")
    with pytest.raises(SystemExit) as end:
        import_policy.main(["--task=g1_deepmimic", "--checkpoint=released.pt"])
    told = capsys.readouterr().err.strip()
    assert end.value.code == 2 and message in told and "\n" not in told and not Path("logs").exists()


def with_few_robots(cfg):
    cfg.env.num_envs, cfg.sim.num_threads = 3, 1
    return cfg
