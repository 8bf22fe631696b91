"""How well a policy follows motions: every clip from its first frame to its last, clean and disturbed."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from legged_gym.evaluation.motion_figures import print_clips, print_effort, print_legend, summarise
from legged_gym.evaluation.motion_judge import FIGURES, Judge
from legged_gym.evaluation.velocity import run_episodes
from legged_gym.motion.check import measure
from legged_gym.motion.clip import Clip
from legged_gym.motion.skeleton import Skeleton
from legged_gym.utils.errors import UserError

BRIEF = 64  # robots, and clips, after a training on a CPU
Policy = Callable[[Mapping[str, Tensor]], Tensor]


def prepare(env_cfg: Any, difficulty: float | None) -> None:
    """Completes the evaluation variant; here there is nothing to choose."""
    if difficulty is not None:
        raise UserError("--difficulty is for tasks with obstacle courses; this one follows motions")
    if env_cfg.deepmimic.steered > 0.0:
        raise UserError("--env.deepmimic.steered is for trainings: an evaluation steers robots as it is")


def shorten(env_cfg: Any) -> str:
    """What a CPU does in a minute or so, after a training; says what is left out."""
    env_cfg.clean()
    env_cfg.env.num_envs = min(env_cfg.env.num_envs, BRIEF)
    return f"each clip once, clean, up to {env_cfg.env.num_envs} of them"


@torch.no_grad()
def evaluate(
    env: Any,
    policy: Policy,
    graph: bool = True,
    watch: Callable[[int], None] | None = None,
    recorder: Any | None = None,
) -> dict[str, dict]:
    """Follows every clip of `env` from its first frame to its last with `policy` (groups -> actions (N, A)).

    Returns {"clean": {"clips": {name: figures}, "total": figures, …}, "hard": the same}: one robot for each clip that
    nothing disturbs, and the robots of `env`, with what disturbs these; without "hard" where nothing does. `watch`:
    called after each step of the robots of `env`. `recorder` (`MotionRecorder`): of the clean ones.

    A robot fails at the first frame in which one of `FAILS_AT` is passed, or its world blows up, or its episode ends
    before the clip; frames after the last one do not count, nor those that all episodes are too short for.
    `completion`: share of the clip before that; `success`: share of robots with all of it. `score`: mean over ALL
    frames of the clip of exp(-mean error² / 0.3²), 0 after a failure. docs/tracking.md says what the others are: means
    over frames before the failure. `reference_slide` (m/s) and `reference_sinks_mm` are the motion's own, by
    kinematics. The total is the mean over clips, `by_time` weighs them by their length, and `seen` and `unseen` are of
    those that were learnt from and of those held out, if any were.
    """
    clean_cfg = copy.deepcopy(env.cfg)
    clean_cfg.clean()
    disturbed, clips = clean_cfg != env.cfg, len(env.motion.library)
    if disturbed and env.num_envs < clips:
        raise UserError(f"--num_envs is {env.num_envs}: {clips} clips need as many robots, or more")
    clean_cfg.env.num_envs = min(env.num_envs, clips)  # more would all do the same
    clean = env if clean_cfg == env.cfg else type(env)(clean_cfg, env.device)
    figures = {"clean": _follow(clean, policy, graph, watch if clean is env else None, recorder)}
    if clean is not env:
        clean.close()
    if disturbed:
        figures["hard"] = _follow(env, policy, graph, watch)
    return figures


@torch.no_grad()
def bounds(env: Any, graph: bool = True) -> dict[str, dict]:
    """What the clips of `env`, but the mirrored ones, give without a policy, as `evaluate` has it of clean robots.

    "pd_replay": joint targets are the motion's next joint angles; "kinematic_replay": the robot is put where the motion
    is in each frame, so that what is not zero (contacts, soles that slide) is the motion's own.
    """
    cfg = copy.deepcopy(env.cfg)
    cfg.clean()
    cfg.env.num_envs = len(env.motion.library) // (1 + cfg.deepmimic.mirrored)
    cfg.deepmimic.mirrored = False  # the robot is the same on both sides
    replay = type(env)(cfg, env.device)
    found = {"pd_replay": _follow(replay, lambda _: replay.replaying_actions(), graph)}
    replay.carried = replay.everyone
    found["kinematic_replay"] = _follow(replay, lambda _: replay.replaying_actions(), graph)
    replay.close()
    return found


def _follow(
    env: Any, policy: Policy, graph: bool, watch: Callable[[int], None] | None = None, recorder: Any | None = None
) -> dict[str, Any]:
    """Robot i on clip i modulo the number of clips; where robots are fewer than clips, on the first ones."""
    motion, skeleton = env.motion, Skeleton(env.robot_spec)
    library = motion.library
    clip = torch.arange(env.num_envs, device=env.device) % len(library)
    motion.place(env.everyone, clip)
    judge = Judge(env, clip, skeleton)
    env.before_reset = judge.look
    if recorder is not None:
        recorder.begin(env, judge)
        watch = recorder
    run_episodes(env, policy, judge.count, judge.totals, graph, watch)
    env.before_reset = None
    motion.release(env.everyone)
    found, longest = {}, max(1, env.max_episode_length - env.cfg.deepmimic.n_prepend)
    for k, name in enumerate(library.names[: env.num_envs]):
        own = measure(_clip(library, k), skeleton)
        reference = {"reference_slide": own.slide_mean, "reference_sinks_mm": 1e3 * own.penetration}
        reference = {key: value if value == value else None for key, value in reference.items()}  # nan: no stance
        row = judge.figures(clip == k, min(int(library.length[k]) - 1, longest))
        found[name] = row | reference | {"held_out": library.held_out[k]}
    return summarise(found, (*FIGURES, "reference_slide", "reference_sinks_mm"))


def _clip(library: Any, k: int) -> Clip:
    rows = slice(int(library.start[k]), int(library.start[k] + library.length[k]))
    parts = (x[rows].cpu().numpy() for x in (library.qpos, library.qvel, library.contacts))
    return Clip(library.names[k], library.fps, *parts, library.joint_names, library.boxes[k])


def print_figures(figures: Mapping[str, Any], title: str) -> None:
    """Prints a table for each way of trying, with a row for each clip, and what counts as a failure."""
    heads = {"clean": "clean", "hard": "with noise, pushes and randomisation"}
    names = {"pd_replay": "PD replay", "kinematic_replay": "kinematic replay"}
    others = {name: figures[key]["total"] for key, name in names.items() if key in figures}
    for key, head in heads.items():
        if key in figures:
            print_clips(figures[key], f"{title}, {head}", others if key == "clean" else None)
            print_effort(figures[key]["total"])
    print_legend()
