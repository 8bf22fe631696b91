"""Robots that are steered over scenes while others follow motions: who is, what they are told, paid and lost for."""

from contextlib import nullcontext

import pytest
import torch
from deepmimic_envs import BOX, SHORT, WALK
from host_sync import NoHostSync

from legged_gym import make
from legged_gym.cli.args import EvaluateArgs, TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.parts.steering import NUM_SCENES, SEED, bearing_of, stick
from legged_gym.terrain.scenes.drawn import draw
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_from_yaw, quat_yaw

TASK, N = "g1_deepmimic_root_heightfield_no_history_dagger", 32


def steered(share: float, seed: int = 1, **settings):
    """An environment in which nothing is random but who is steered, and where."""
    torch.manual_seed(seed)
    own = {"deepmimic.motions": (WALK, BOX), "deepmimic.steered": share}
    env = make(TASK, N, cfg=lambda cfg: cfg.clean(), **SHORT | own | settings)
    env.reset()
    return env


def test_a_share_of_the_episodes_is_steered_and_the_others_follow_motions():
    env = steered(0.5)
    library, manual = env.motion.library, env.root_command.manual
    assert len(library) == 2 + NUM_SCENES and 5 < manual.sum() < 27
    scenes = draw(NUM_SCENES, SEED)
    for robot in range(N):
        clip, place = env.motion.clip[robot].item(), env.sim.root_pos_w[robot]
        assert (clip >= 2) == manual[robot]
        if clip >= 2:
            assert place[:2].tolist() == [0.0, 0.0]
            assert place[2] == pytest.approx(0.8 + float(scenes[clip - 2].height(0.0, 0.0)), abs=0.05)
    before = manual.clone()
    env.reset()
    assert (manual != before).any() and 5 < manual.sum() < 27
    scenes = env.motion.clip[manual] - 2
    assert scenes.unique().numel() > 1 and scenes.max() < NUM_SCENES


def test_no_scene_is_one_of_the_evaluation():
    own = {scene.path[-1, 0] for scene in draw(NUM_SCENES, SEED)}
    assert not own & {scene.path[-1, 0] for scene in draw(NUM_SCENES, 1) if "kerbs" not in scene.name}


def test_the_steered_are_told_the_way_to_the_end_of_their_scene_and_then_to_stand():
    env = steered(1.0)
    assert env.root_command.manual.all()
    torch.testing.assert_close(env.root_command.way, torch.tensor([[0.1, 0.0]]).expand(N, 2))
    qpos = env.motion.qpos.clone()
    qpos[:, 0], qpos[:, 1], qpos[:, 3:7] = 1.0, 0.3, quat_from_yaw(torch.full((N,), 0.2))
    qpos[0, 0] = 20.0
    env.sim.set_state(env.everyone, qpos, torch.zeros_like(env.motion.qvel))
    env.sim.refresh()
    env._post_physics_step()
    env.compute_observations()
    heading = quat_yaw(env.link_quat[:, env.anchor])
    told = stick(bearing_of(env.link_pos[:, env.anchor, 1], heading), 0.1)
    torch.testing.assert_close(env.root_command.way[1:], told[1:, :2])
    assert env.root_command.way[0].tolist() == [0.0, 0.0] and env.root_command.turn[0] == 0.0
    assert env.steering.arrived(env.sim.root_pos_w).tolist() == [True] + [False] * (N - 1)


def test_what_is_paid_of_hand():
    """To who goes 0.25 m/s the way that is told, 0.25 m/s back, 2 m/s ahead, is to stand and goes 0.25, is told half a
    way and goes 0.25."""
    env = steered(1.0)
    qvel = torch.zeros_like(env.motion.qvel)
    qvel[:5, 0] = torch.tensor([0.25, -0.25, 2.0, 0.25, 0.25])
    env.sim.set_state(env.everyone, env.motion.qpos, qvel)
    env.sim.refresh()
    env._post_physics_step()
    env.root_command.way[3] = 0.0
    env.root_command.way[4] = env.root_command.way[4] / 2.0
    env.steering.bearing[1], env.steering.bearing[2] = -0.2, 2.0
    assert env._reward_steered_way()[:5].tolist() == pytest.approx([0.5, -0.5, 1.0, 0.5, 0.25], abs=1e-4)
    assert env._reward_steered_turn()[:3].tolist() == pytest.approx([1.0, 0.5488, 0.0025], abs=1e-4)
    env.compute_reward()
    paid = dict(zip(env.reward_scales, env.episode_sums, strict=True))
    assert paid["steered_way"][2] == pytest.approx(150.0 * 0.02, rel=1e-3)
    for name in ("joint_pos_tracking", "root_pos_tracking", "feet_contact_matching"):
        assert not paid[name].any(), "nobody is compared with a motion"
    env.root_command.release(env.everyone)
    env.compute_reward()
    assert paid["joint_pos_tracking"].all() and not env._reward_steered_way().any()


def test_flat_scenes_stay_flat_where_clips_get_uneven_ground():
    env = steered(0.5, **{"deepmimic.amass_terrain_difficulty": 5})
    of_clip = env.footing.ground.shapes.plane_z.view(5, -1)
    assert of_clip.amin(0).nonzero()[:, 0].tolist() == [0], "under the clip on the plane alone"


def test_who_is_low_or_off_the_scene_is_lost_and_nobody_else():
    env = steered(1.0)
    place, height = torch.zeros(N, 3), torch.full((N,), 0.7)
    place[:4, 1], height[4] = torch.tensor([0.9, -0.9, 1.1, -1.1]), 0.2
    env.root_command.release(torch.arange(N) == 3)
    assert env.steering.lost(place, height).nonzero()[:, 0].tolist() == [2, 4]


def test_an_episode_is_as_long_as_half_the_paid_speed_needs_and_to_stand():
    env = steered(1.0)
    lengths = [scene.path[-1, 0] for scene in draw(NUM_SCENES, SEED)]
    steps = torch.tensor([(lengths[clip - 2] / 0.25 + 3.0) * 50.0 for clip in env.motion.clip.tolist()])
    assert not env.steering.over((steps - 1.0).floor()).any() and env.steering.over(steps.ceil() + 1.0).all()
    assert steps.min() > env.max_episode_length, "no clip and no other limit ends it"
    env.episode_length.copy_(steps - 2.0)
    env.check_termination()
    assert not env.time_outs.any()
    env.episode_length.copy_(steps + 2.0)
    env.check_termination()
    assert env.time_outs.all()


def test_who_goes_on_is_paid_for_the_way_that_was_told_before():
    """The way at a step's end is what the next step is paid by."""
    env, other = steered(1.0), steered(1.0, seed=2)
    actions = 0.1 * torch.randn(3, N, env.num_actions)
    env.step(actions[0])
    env.step(actions[1])
    other.load_state_dict(env.state_dict())
    before = torch.get_rng_state()
    expected = env.step(actions[2])[1]
    torch.set_rng_state(before)
    assert torch.equal(other.step(actions[2])[1], expected)


def test_motions_are_counted_apart():
    """Steered robots that fall loosen no threshold, and are in no figure of those that follow."""
    env = steered(1.0)
    qpos = env.motion.qpos.clone()
    qpos[:, 1] = 1.5
    env.sim.set_state(env.everyone, qpos, torch.zeros_like(env.motion.qvel))
    env.step(torch.zeros(N, 23))
    assert env.dones.all() and env.falls.all()
    assert not env.episodes.any() and not env.motion.sampler.counts.any()
    figures = env.pop_statistics()
    assert figures["success/steered"] == 0.0
    for name in ("success/overall", "Metrics/motion/error_link_pos", "Metrics/base_velocity/error_vel_xy"):
        assert name not in figures


def test_a_step_never_waits_for_the_host():
    env = steered(0.5)
    for k in range(3):
        with NoHostSync() if k else nullcontext():  # what is made on first use is made before a capture
            env.step(torch.zeros(N, 23))


def test_scenes_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"^deepmimic.steered: scenes have up to \d+ boxes: set --env.terr"):
        steered(0.5, **{"terrain.num_boxes": 3})


@pytest.mark.parametrize("variant", ["play", "evaluation"])
def test_who_is_watched_is_not_steered(variant):
    def change(cfg):
        cfg.deepmimic.steered = 0.5
        getattr(cfg, variant)()

    env = make(TASK, 1, cfg=change, **SHORT | {"deepmimic.motions": (WALK,)})
    assert env.steering is None and len(env.motion.library) == 1


def test_an_evaluation_is_not_a_training():
    flags = ["--task=g1_deepmimic_proj_heightfield", "--use_pretrained_checkpoint", "--device=cpu"]
    flags += ["--env.deepmimic.steered=0.5"]
    command = parse(EvaluateArgs, "evaluation", flags)
    with pytest.raises(UserError, match=r"^--env.deepmimic.steered is for trainings"):
        command.task.evaluator().prepare(command.env_cfg, None)


@pytest.mark.parametrize("task", ["g1_deepmimic", "g1_deepmimic_mocap"])
def test_who_is_told_no_way_or_paid_for_none_is_not_steered(task):
    settings = SHORT | {"deepmimic.motions": (WALK,), "deepmimic.steered": 0.5, "terrain.num_boxes": 24}
    with pytest.raises(UserError, match=r"^deepmimic.steered: who is steered has to be told the way, and paid"):
        make(task, 1, **settings)


def test_nobody_clones_one_teacher_of_motions_where_there_is_none():
    flags = [f"--task={TASK}", "--device=cpu", "--env.deepmimic.steered=0.5"]
    with pytest.raises(UserError, match=r"^--train.algorithm.bc_loss_coef is 1.0 with --env.deepmimic.steered 0.5: "):
        parse(TrainArgs, "train", flags)
    for switch in ("bc_loss_coef=0", "use_multi_teacher=True"):
        assert parse(TrainArgs, "train", [*flags, f"--train.algorithm.{switch}"]).env_cfg.deepmimic.steered == 0.5
    motions = {"deepmimic.motions": (WALK,), "deepmimic.teacher_checkpoint_run_name": "tracker"}
    env = steered(0.5, **motions)
    assert torch.equal(env.observations["teacher_checkpoint_index"][:, 0] == -1, env.root_command.manual)
