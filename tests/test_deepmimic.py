"""Robots that follow motions: the motion itself, rewards, ends, starts, sampling, figures, and what a graph needs."""

import math

import mujoco
import numpy as np
import pytest
import torch
from deepmimic_envs import BOW, BOX, SHORT, WALK, compare, config, env_of, follow
from host_sync import NoHostSync

from legged_gym import make
from legged_gym.motion.library import MotionLibrary
from legged_gym.motion.skeleton import Skeleton
from legged_gym.parts.motion_command import re_anchored
from legged_gym.robots import G1
from legged_gym.robots.spec import RobotSpec
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_angle, quat_from_roll_pitch_yaw, quat_from_yaw, quat_multiply, quat_roll_pitch


# -- rotations ---------------------------------------------------------------------------------------------------------
def test_rotations_are_mujocos():
    q = torch.nn.functional.normalize(torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    for a, b in q.double().numpy():
        product, other = np.zeros(4), np.zeros(4)
        mujoco.mju_mulQuat(product, a, b)
        found = quat_multiply(torch.as_tensor(a), torch.as_tensor(b))
        np.testing.assert_allclose(found, product, atol=1e-12)
        mujoco.mju_negQuat(other, b)
        mujoco.mju_mulQuat(product, a, other)
        angle = 2.0 * math.acos(min(1.0, abs(product[0])))
        assert quat_angle(torch.as_tensor(a), torch.as_tensor(b)).item() == pytest.approx(angle, abs=1e-6)
    roll, pitch = quat_roll_pitch(quat_from_roll_pitch_yaw(torch.tensor([[0.3, -0.4, 0.7]])))
    assert (roll.item(), pitch.item()) == pytest.approx((0.3, -0.4), abs=1e-6)


# -- the motion --------------------------------------------------------------------------------------------------------
def test_links_and_their_velocities_are_the_engines():
    """Whoever follows exactly has no error, in places, orientations and velocities."""
    env = env_of(WALK, BOW)
    follow(env)
    compare(env)
    for own, theirs in (
        (env.link_pos, env.motion.links[..., :3]),
        (env.link_lin_vel, env.motion.links[..., 7:10]),
        (env.link_ang_vel, env.motion.links[..., 10:]),
        (env.anchored_pos, env.motion.links[..., :3]),
    ):
        torch.testing.assert_close(own, theirs, atol=2e-4, rtol=1e-3)
    assert quat_angle(env.link_quat, env.motion.links[..., 3:7]).max() < 2e-3
    assert env.link_error.max() < 1e-5 and env.joint_error.max() < 1e-6


def test_time_goes_on_to_the_end_and_no_further():
    env = env_of(WALK, **{"deepmimic.n_prepend": 3})
    motion, library = env.motion, env.motion.library
    length = int(library.length[0])
    motion.place(env.everyone, torch.zeros(4, dtype=torch.long))
    env.reset()
    assert motion.frame.tolist() == [-3] * 4
    seen = []
    for _ in range(length + 13):
        seen.append((motion.frame[0].item(), motion.qpos[0].clone(), motion.qvel[0].clone(), motion.ended[0].item()))
        motion.advance()
    for frame, qpos, qvel, ended in seen:
        row = min(max(frame, 0), length - 1)
        assert torch.equal(qpos, library.qpos[row])
        assert torch.equal(qvel, library.qvel[row] if 0 <= frame < length else torch.zeros(35))
        assert ended == (frame >= length - 1 + 10)
    motion.frame.fill_(length - 4)
    motion.look()
    rows = [min(length - 4 + step, length - 1) for step in env.cfg.deepmimic.reference_steps]
    assert torch.equal(motion.ahead[1], library.qpos[rows])


def test_the_end_of_a_clip_is_a_time_out():
    env = env_of(BOW)
    env.motion.place(env.everyone, torch.zeros(4, dtype=torch.long), env.motion.last.expand(4) - 2)
    env.reset()
    follow(env)
    for due in (False, True):
        *_, dones, time_outs = env.step(torch.zeros(4, 29))
        assert dones.tolist() == time_outs.tolist() == [due] * 4
    assert env.motion.frame.tolist() == [int(env.motion.last) - 2] * 4 and env.episode_length.tolist() == [0] * 4


def test_a_motion_is_laid_over_the_robot_at_the_anchor():
    links = torch.zeros(1, 2, 13)
    links[0, :, 3] = 1.0
    links[0, 0, :3] = torch.tensor([1.0, 2.0, 0.8])  # the anchor
    links[0, 1, :3] = torch.tensor([1.5, 2.0, 0.3])  # half a metre ahead of it, half a metre below
    place, orientation = torch.tensor([[4.0, 0.0, 0.7]]), quat_from_yaw(torch.tensor([math.pi / 2]))
    position, rotation = re_anchored(links, 0, place, orientation)
    torch.testing.assert_close(position, torch.tensor([[[4.0, 0.0, 0.8], [4.0, 0.5, 0.3]]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(rotation[0, 1], orientation[0])


def test_worlds_have_the_boxes_of_their_clips():
    env = env_of(WALK, BOX, **{"terrain.num_boxes": 1})
    env.motion.place(env.everyone, torch.tensor([0, 1, 0, 1]))
    env.reset()
    half = env.ground.slots()[3]
    assert half[0].abs().sum() == 0 and torch.equal(
        half[1, 0], torch.as_tensor(env.motion.library.boxes[1][0, 7:], dtype=torch.float32)
    )
    env.motion.frame.fill_(170)
    env.motion.look()
    ankles = [env.cfg.deepmimic.tracked_links.index(f"{side}_ankle_roll_link") for side in ("left", "right")]
    assert (env.motion.links[1, ankles, 2] > 0.1).all(), "on top of it"
    follow(env)
    for _ in range(10):
        env.step(torch.zeros(4, 29))
    assert env.sim.contact_forces_w[1].index_select(0, env.feet)[:, 2].sum() > 100.0, "the box bears the robot"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"deepmimic.motions": (BOX,)}, "no clip is on the plane alone"),
        ({"deepmimic.motions": ("nowhere.npz",)}, "deepmimic.motions: nowhere.npz: there is no such file, nor"),
        ({"deepmimic.motions": ()}, "deepmimic.motions is empty"),
        ({"deepmimic.anchor_link": "head"}, "no link head"),
        ({"deepmimic.reference_steps": (2, 3)}, "begins with 1"),
        ({"commands.standing_fraction": 0.5}, "follows motions, not commands"),
        ({"control.driven_joints": ("hip", "knee")}, "^control.driven_joints is hip knee: .* leave it empty$"),
        ({"deepmimic.use_amass": False, "terrain.num_boxes": 1}, "no clip is on boxes"),
        ({"deepmimic.amass_replay_data_path": "nowhere/*.pkl"}, "deepmimic.amass_replay_data_path: there is no"),
        ({"deepmimic.amass_terrain_difficulty": 2}, "uneven ground is made of boxes"),
    ],
)
def test_one_line_for_a_mistake(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        env_of(**settings)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_rate_names_the_flag(tmp_path):
    np.savetxt(tmp_path / "stand.csv", np.tile([0, 0, 0.76, 0, 0, 0, 1, *[0] * 29], (20, 1)), delimiter=",")
    with pytest.raises(UserError, match="give --env.deepmimic.default_data_fps"):
        env_of(str(tmp_path))
    env = env_of(str(tmp_path), **{"deepmimic.default_data_fps": 25.0, "deepmimic.cut_off_import_length": 15})
    assert env.motion.library.length.tolist() == [15] and env.motion.library.names == ["stand"]
    assert env.motion.longest == 24  # and the pose is held for 10


def test_too_few_boxes_are_named():
    with pytest.raises(UserError, match=r"stairs_6cm_26cm has 3 boxes: set --env.terrain.num_boxes=3"):
        env_of("motions/g1/stairs_6cm_26cm.npz", **{"terrain.num_boxes": 1})


# -- rewards -----------------------------------------------------------------------------------------------------------
def test_perfect_tracking_earns_the_most():
    env = env_of(WALK, BOW)
    follow(env)
    compare(env)
    names = [name for name in vars(env.cfg.rewards.scales) if name.startswith("motion_") or name.endswith("_tracking")]
    assert len(names) == 16
    for name in names:
        value = getattr(env, f"_reward_{name}")()
        torch.testing.assert_close(value, torch.ones(4), atol=5e-3, rtol=0, msg=name)
    env.last_raw_contacts.copy_(env.motion.contacts)
    assert env._reward_feet_contact_matching().tolist() == [2] * 4
    env.last_raw_contacts[:, 0].logical_not_()
    assert env._reward_feet_contact_matching().tolist() == [1] * 4


def test_rewards_by_hand():
    """A robot beside its motion by 0.3 m: places in the world are off, laid over each other nothing is."""
    env = env_of(WALK)
    qpos = env.motion.qpos.clone()
    qpos[:, 1] += 0.3
    env.sim.set_state(env.everyone, qpos, env.motion.qvel)
    env.sim.refresh()
    env._update_base_state()
    compare(env)
    e = math.exp(-(0.3**2) / 0.15**2)
    assert env._reward_motion_anchor_pos().tolist() == pytest.approx([e] * 4, abs=1e-3)
    assert env._reward_motion_link_pos().tolist() == pytest.approx([1.0] * 4, abs=1e-3)
    assert env._reward_torso_pos_tracking().tolist() == pytest.approx([math.exp(-50 * 0.09)] * 4, abs=1e-3)
    assert env._reward_link_pos_tracking().tolist() == pytest.approx([math.exp(-5 * 13 * 0.09)] * 4, abs=1e-3)
    assert env.anchor_drift.tolist() == pytest.approx([0.3] * 4, abs=1e-4)
    qpos = env.motion.qpos.clone()
    qpos[:, 7] += 0.5  # a hip
    env.sim.set_state(env.everyone, qpos, env.motion.qvel)
    env.sim.refresh()
    assert env._reward_joint_pos_tracking().tolist() == pytest.approx([math.exp(-2 * 0.25)] * 4, abs=1e-4)


def test_residual_actions_are_around_the_motion():
    env = env_of(WALK)
    expected = env.motion.ahead[:, 0, 7:].clone()
    env.step(torch.zeros(4, 29))
    torch.testing.assert_close(env.drive._targets[:, 0], expected)
    torch.testing.assert_close(expected, env.motion.qpos[:, 7:]), "and that is where the motion is now"
    env = env_of(WALK, **{"deepmimic.residual_actions": False})
    env.step(torch.zeros(4, 29))
    torch.testing.assert_close(env.drive._targets[:, 0], env.default_joint_pos.expand(4, 29))


@pytest.mark.parametrize("residual", [True, False])
def test_the_past_of_an_episode_held_the_motions_pose(residual):
    """So an action that comes late is waited for there, and no first action is a jump."""
    late = {"domain_rand.control_delays": True, "domain_rand.control_delay_min": 5, "domain_rand.control_delay_max": 5}
    env = env_of(WALK, **{"deepmimic.residual_actions": residual} | late)
    env.step(torch.randn(4, 29))
    env.reset()
    pose = env.motion.qpos[:, 7:].clone()
    action = torch.zeros(4, 29) if residual else (pose - env.default_joint_pos) / env.motors.action_scale
    for past in (env.actions, env.last_actions, env.second_last_actions):
        torch.testing.assert_close(past, action)
    env.step(action + torch.randn(4, 29))
    torch.testing.assert_close(env.drive._targets[:, 0], pose)


def test_the_acceleration_of_actions_is_their_second_difference():
    env, paid = env_of(WALK), []
    env.reset()
    env.before_reset = lambda: paid.append(env._reward_action_accel())
    actions = 0.05 * torch.randn(4, 4, 29)
    for action in actions:
        env.step(action)
    for t in (2, 3):
        expected = (actions[t] - 2.0 * actions[t - 1] + actions[t - 2]).square().sum(1)
        torch.testing.assert_close(paid[t], expected)


# -- ends and starts ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("observe", "offset", "lost"),
    [
        (True, (0.0, 0.6, 0.0), True),
        (True, (0.0, 0.4, 0.0), False),
        (False, (0.0, 0.6, 0.0), False),
        (False, (0.0, 0.0, 0.35), True),
    ],
)
def test_who_is_too_far_has_failed(observe, offset, lost):
    thresholds = {"deepmimic.start_link_pos_error_threshold": 0.5, "deepmimic.observe_position": observe}
    env = env_of(WALK, **thresholds)
    assert ("root_pos_error" in env.observation_layout["proprio"]) == observe
    qpos = env.motion.qpos.clone()
    qpos[:, :3] += torch.tensor(offset)
    env.sim.set_state(env.everyone, qpos, env.motion.qvel)
    env.sim.refresh()
    env._update_base_state()
    compare(env)
    env.check_termination()
    assert env.falls.tolist() == env.dones.tolist() == [lost] * 4
    if lost:
        prefix, low = "Metrics/motion/ended_by_", float(offset[2] > 0)
        env.links_off[3] = env.base_off[3] = False
        for diverged in (False, True):  # whoever diverged is counted by Sim/non_finite
            env.statistics.pop()
            env.diverged.fill_(diverged)
            env._measure()
            causes = {key: value for key, value in env.statistics.pop().items() if "ended_by" in key}
            shares = (0.75 * low, 0.75 * (1.0 - low), 0.25)
            for cause, share in zip(("height_or_tilt", "link_pos", "contact"), shares, strict=True):
                assert causes.pop(prefix + cause) == (0.0 if diverged else share)
            assert not causes


def test_starts_are_the_motions_with_noise():
    env = env_of(
        WALK, num_envs=200, **{"init_state.root_pos_noise": (0.1, 0.0, 0.02), "init_state.joint_pos_noise": 0.05}
    )
    offset = env.sim.qpos - env.motion.qpos
    assert 0.08 < offset[:, 0].abs().max() <= 0.1 and offset[:, 1].abs().max() == 0.0
    assert 0.03 < offset[:, 7:].abs().max() <= 0.0501
    torch.testing.assert_close(env.sim.qvel, env.motion.qvel)
    assert len(env.motion.frame.unique()) > 100
    assert not make("g1_deepmimic_mocap", 4, cfg=config, **SHORT, **{"deepmimic.init_velocities": False}).sim.qvel.any()
    assert (env_of(WALK, **{"deepmimic.randomize_start_offset": False}).motion.frame == 0).all()


def test_the_threshold_follows_the_episodes_survived():
    env = env_of(WALK)
    first = float(env.link_threshold)
    env.dones.fill_(True)
    env.time_outs.fill_(True)
    for _ in range(20):
        env._tighten()
    tight = float(env.link_threshold)
    assert tight < first
    env.time_outs.fill_(False)
    for _ in range(60):
        env._tighten()
    assert tight < float(env.link_threshold) <= first


# -- what a CUDA graph needs -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("task", ["g1_deepmimic_mocap", "g1_deepmimic_root_heightfield_no_history_dagger"])
def test_the_step_never_waits_for_the_host_and_rebinds_no_tensor(task):
    env = make(task, 6, **SHORT, **{"domain_rand.push_interval_s": 0.1, "deepmimic.motions": (WALK, BOW, BOX)})
    env.step(torch.zeros(6, env.num_actions))  # what is made on first use is made before a capture

    def addresses():
        kept = {name: value.data_ptr() for name, value in env._all_state().items()}
        own = {name: value.data_ptr() for name, value in vars(env.motion).items() if isinstance(value, torch.Tensor)}
        return kept | own | {"share": env.motion.sampler.share.data_ptr()}

    before, ended = addresses(), 0
    torch.manual_seed(0)
    for _ in range(80):
        with NoHostSync():
            dones = env.step(torch.randn(6, env.num_actions))[2]
        ended += int(dones.sum())
    assert ended >= 1 and addresses() == before


def test_the_skeletons_velocities_are_differences_of_places():
    skeleton = Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
    library = MotionLibrary.load(["resources/" + WALK], skeleton)
    links = np.arange(len(skeleton.body_names))
    states = skeleton.states(library.qpos[100:200].double().numpy(), library.qvel[100:200].double().numpy(), links)
    slow = (states[2:, :, :3] - states[:-2, :, :3]) * 25.0
    assert np.abs(slow - states[1:-1, :, 7:10]).max() < 0.06  # m/s, at speeds of up to 2
    assert np.abs(states[1:-1, :, 7:10]).max() > 1.0
