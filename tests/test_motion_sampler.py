"""Where episodes of robots that follow motions start, what of it is saved, and what ranks share of it."""

import pytest
import torch
from deepmimic_envs import BOW, WALK, env_of

from legged_gym.motion.library import MotionLibrary
from legged_gym.parts.motion_config import SamplingCfg
from legged_gym.parts.motion_sampler import MotionSampler
from legged_gym.parts.ranks import Alone
from legged_gym.utils.errors import UserError


def library_of(*lengths: int) -> MotionLibrary:
    library = object.__new__(MotionLibrary)
    library.names = [f"clip{k}" for k in range(len(lengths))]
    library.length, library.held_out = torch.tensor(lengths), [False] * len(lengths)
    library.start = torch.cumsum(library.length, 0) - library.length
    return library


def sampler_of(*lengths: int, weighting: str = "success_rate_adaptive", **settings) -> MotionSampler:
    return MotionSampler(SamplingCfg(**settings), weighting, library_of(*lengths), 50, 0.02)


def test_shares_without_failures_are_those_of_the_frames():
    sampler = sampler_of(100, 125)
    torch.testing.assert_close(sampler.share, torch.tensor([50.0, 50.0, 50.0, 50.0, 25.0]) / 225)
    clips = sampler_of(100, 125, weighting="uniform_clip")
    torch.testing.assert_close(clips.share, torch.tensor([0.25, 0.25, 0.2, 0.2, 0.1]))
    torch.manual_seed(0)
    clip, frame = sampler.sample(20000)
    assert (frame < torch.tensor([100, 125])[clip]).all() and (frame >= 0).all()
    assert (clip == 1).float().mean().item() == pytest.approx(125 / 225, abs=0.02)


def test_failures_are_blamed_on_what_came_before():
    sampler = sampler_of(200, 100, forgetting=0.0, blame_s=2.0)
    at = lambda *values: torch.tensor(values)  # noqa: E731
    sampler.update(at(0, 1), at(160, 60), at(0, 55), at(True, True), at(True, True), Alone.sum_)
    third = 1.0 / 3.0
    # The first failed at 3.2 s: bins 3, 2 and 1. The second began in its bin 1 and cannot have erred before.
    torch.testing.assert_close(sampler.counts[1], torch.tensor([0.0, third, third, third, 0.0, 1.0]))
    torch.testing.assert_close(sampler.counts[0], torch.tensor([0.0, 0.0, 0.0, 0.02, 0.0, 0.02]))
    assert sampler.share[5] > sampler.share[3] > sampler.share[0]
    assert sampler.share.sum().item() == pytest.approx(1.0, abs=1e-6)


def test_no_bin_takes_all():
    sampler = sampler_of(*[50] * 40, uniform=0.0, max_factor=10.0)
    sampler.counts[0] = 1000.0
    sampler.counts[1, 7] = 1000.0
    sampler.weigh()
    assert sampler.share[7] == sampler.share.max()
    rest = sampler.share[:7].sum() + sampler.share[8:].sum()
    assert rest > 0.0
    sampler = sampler_of(*[50] * 40, uniform=0.15)
    sampler.counts[1, 7] = 1000.0
    sampler.weigh()
    assert sampler.share.min() >= 0.15 / 40 - 1e-6


def test_the_state_goes_through_a_checkpoint():
    env = env_of(WALK, BOW)
    env.motion.sampler.counts.copy_(torch.rand_like(env.motion.sampler.counts))
    env.link_threshold.fill_(0.7)
    saved = env.curriculum_state_dict()
    other = env_of(BOW, WALK, num_envs=2)  # other order, other number
    other.load_curriculum_state_dict(saved)
    assert float(other.link_threshold) == pytest.approx(0.7)
    walk, bow = (saved["motions"][name] for name in ("walk_slow", "bow"))
    torch.testing.assert_close(other.motion.sampler.counts, torch.cat([bow, walk], 1))
    assert other.motion.sampler.share.max() > env_of(BOW, WALK).motion.sampler.share.max()


def test_a_run_goes_on_exactly():
    """With the same starts of new episodes, which follow from the failures counted so far."""
    torch.manual_seed(0)
    env, actions = env_of(WALK, BOW), 2.0 * torch.randn(70, 4, 29)
    for k in range(35):
        env.step(actions[k])
    state, random = env.state_dict(), torch.random.get_rng_state()

    def go_on(env):
        found = [[part.clone() for part in env.step(actions[k])[1:3]] for k in range(35, 70)]
        return [*map(torch.cat, zip(*found, strict=True)), env.motion.clip, env.motion.frame, env.motion.sampler.share]

    expected = go_on(env)
    assert env.motion.sampler.counts[1].sum() > 2.0 and expected[1].sum() > 2, "episodes end and begin"
    again = env_of(WALK, BOW)
    again.load_state_dict(state)
    torch.random.set_rng_state(random)
    assert all(torch.equal(a, b) for a, b in zip(expected, go_on(again), strict=True))


def test_only_names_of_held_out_clips_that_were_typed_are_told_as_missing(capsys):
    env_of(WALK)
    assert "held_out" not in capsys.readouterr().out, "the task's own names are of other clips"
    for _ in range(2):
        env_of(WALK, **{"deepmimic.held_out": ("bwo",)})
    said = "motions: deepmimic.held_out names clips that are not here: bwo\n"
    assert capsys.readouterr().out.count(said) == 1


def test_no_episode_begins_in_clips_that_are_held_out():
    settings = {"deepmimic.held_out": ("bow",), "deepmimic.mirrored": True}
    env = env_of(WALK, BOW, num_envs=64, **settings)
    names, sampler = env.motion.library.names, env.motion.sampler
    assert env.motion.library.held_out == [name.startswith("bow") for name in names]
    sampler.counts[1] = 100.0 * torch.rand_like(sampler.counts[1])
    sampler.weigh()
    clip, _ = sampler.sample(20_000)
    assert {names[k] for k in clip.unique()} == {"walk_slow", "walk_slow_mirrored"}
    assert sampler.share.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert all(torch.isfinite(value).all() for value in sampler.figures().values())
    with pytest.raises(UserError, match="deepmimic.held_out names all clips that there are"):
        env_of(BOW, **{"deepmimic.held_out": ("bow", "walk_slow")})
