"""VideoMimic's observations, height maps, root command, biases, grounds and shares of clips, by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from deepmimic_envs import SHORT, WALK, follow

from legged_gym import make
from legged_gym.envs.g1 import g1_videomimic_config as stages
from legged_gym.motion.library import MotionLibrary
from legged_gym.parts.motion_config import OffsetScales, SamplingCfg
from legged_gym.parts.motion_sampler import MotionSampler
from legged_gym.parts.root_command import RootCommand
from legged_gym.parts.sensor_bias import SensorBias
from legged_gym.sensors.height_map import HeightMap
from legged_gym.sensors.height_map_config import HeightMapCfg
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.uneven import AMPLITUDES, plates
from legged_gym.training import _name_teachers
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_from_roll_pitch_yaw, quat_from_yaw

BOX = "motions/g1/box_8cm.npz"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def env():
    """Of stage 3, with all groups of all stages."""
    names = (*stages.CRITIC, *stages.STUDENT, *stages.BLIND_STUDENT, "terrain_height", "terrain_height_noisy")
    settings = {"deepmimic.motions": (WALK, BOX), "deepmimic.observations": (*names, stages.TEACHER_NUMBER)}
    task = "g1_deepmimic_root_heightfield_no_history_dagger"
    return make(task, 4, cfg=lambda cfg: cfg.clean(), **SHORT, **settings)


# -- observations ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("groups", "width"),
    [(stages.MCPT, 415), (stages.STUDENT, 378), (stages.BLIND_STUDENT, 401), (stages.CRITIC, 623)],
)
def test_layouts_are_as_wide_as_videomimics(env, groups, width):
    assert sum(env.observations[group].shape[1] for group in groups) == width
    assert env.num_actions == 23 and env.observations["terrain_height_noisy"].shape[1] == 121


def test_observations_of_who_follows_exactly(env):
    """Nothing is off but by what the motion does in a frame."""
    env.motion.place(env.everyone, torch.tensor([0, 1, 0, 1]), torch.tensor([100, 170, 200, 40]))
    env.reset()
    follow(env)
    env.episode_length.fill_(5)
    env.compute_observations()
    seen, motion = env.observations, env.motion
    for group in ("torso_xy_rel", "torso_yaw_rel"):
        assert seen[group].abs().max() < 1e-5
    rest = env.default_joint_pos
    torch.testing.assert_close(seen["target_joints"], motion.qpos[:, 7:] - rest)
    torch.testing.assert_close(seen["upper_body_joint_targets"], (motion.qpos[:, 7:] - rest)[:, 12:])
    real = seen["torso_real"]
    torch.testing.assert_close(real[:, :3], 0.25 * env.base_ang_vel_b)
    torch.testing.assert_close(real[:, 6:29], env.sim.joint_pos - rest)
    torch.testing.assert_close(real[:, 29:52], 0.05 * env.sim.joint_vel)
    critic, layout = seen["deepmimic"], env.observation_layout["deepmimic"]
    assert list(layout.values()) == [13, 4, 3, 23, 39, 39, 8]
    torch.testing.assert_close(critic[:, 20:43], motion.ahead[:, 0, 7:] - motion.qpos[:, 7:], atol=1e-5, rtol=0)
    assert critic[:, 13:16].norm(dim=1).max() < 0.05 and critic[:, 16].min() > 0.99, "the turn is xyzw, and small"
    pelvis = critic[:, 43:46]  # the first tracked link is the base
    torch.testing.assert_close(pelvis, critic[:, 17:20], atol=1e-4, rtol=0)
    heights = critic[:, 0]
    torch.testing.assert_close(heights, seen["torso"][:, 0])
    assert heights[0].item() == pytest.approx(env.sim.root_pos_w[0, 2].item(), abs=1e-5), "on the plane"
    assert heights[1] < env.sim.root_pos_w[1, 2] - 0.07, "on the box"


def test_histories_are_newest_first(env):
    env.reset()
    env.episode_length.zero_()
    env.compute_observations()
    first = env.observations["torso_real"].clone()
    assert torch.equal(env.observations["history_torso_real"], first.repeat(1, 5))
    env.episode_length.fill_(1)
    env.actions.fill_(0.5)
    env.compute_observations()
    frames = env.observations["history_torso_real"].view(4, 5, 75)
    assert (frames[:, 0, -23:] == 0.5).all() and torch.equal(frames[:, 1], first) and torch.equal(frames[:, 4], first)


def test_fresh_links_move_with_the_base(env):
    """What is observed right after a reset is what the engine has once it is current."""
    env.reset()
    qpos = env.motion.qpos.clone()
    qpos[:, 0] += 0.3
    qpos[:, 3:7] = quat_from_yaw(torch.full((4,), 0.4))
    env.sim.set_state(env.everyone, qpos, env.motion.qvel)
    env.episode_length.zero_()
    env._see_links()
    env.sim.refresh()
    torch.testing.assert_close(env.seen_pos, env.sim.body_pos_w.index_select(1, env.tracked), atol=1e-4, rtol=0)
    env.episode_length.fill_(1)


def test_an_unknown_group_is_named():
    with pytest.raises(UserError, match=r"there is no group terrain_heigth; did you mean 'terrain_height'"):
        make(
            "g1_deepmimic", 1, **SHORT, **{"deepmimic.motions": (WALK,), "deepmimic.observations": ("terrain_heigth",)}
        )


# -- the height map ----------------------------------------------------------------------------------------------------
def ground_of(num_envs: int) -> BoxGround:
    """A plane with a box of 0.2 m from x = 0.25 and y = -0.15 on."""
    tensors = {"centre": [[[[1.25, 0.85, 0.1]]]], "quat": [[[[1.0, 0, 0, 0]]]], "half_size": [[[[1.0, 1.0, 0.1]]]]}
    table = {name: torch.tensor(value) for name, value in tensors.items()}
    return BoxGround(SimpleNamespace(plane_z=torch.zeros(1, 1), **table), num_envs)


def map_of(num_envs: int, **settings) -> HeightMap:
    cfg = HeightMapCfg()
    cfg.undisturbed()
    for name, value in settings.items():
        setattr(cfg, name, value)
    made = HeightMap(cfg, ground_of(num_envs), num_envs)
    made.reset(torch.ones(num_envs, dtype=torch.bool))
    return made


def upright(num_envs: int, yaw: float = 0.0) -> torch.Tensor:
    return quat_from_yaw(torch.full((num_envs,), yaw))


def test_a_box_is_where_it_is():
    scan, place = map_of(2), torch.tensor([[0.0, 0.0, 0.8]]).repeat(2, 1)
    turn = torch.stack([upright(1)[0], quat_from_roll_pitch_yaw(torch.tensor([[0.2, -0.3, math.pi / 2]]))[0]])
    scan.measure(place, turn, torch.zeros(2, dtype=torch.long))
    rows = scan.clean.view(2, 11, 11)  # y from right to left, x from back to front
    expected = torch.full((11, 11), 0.8)
    expected[4:, 8:] = 0.6  # y from -0.1, x from 0.3 on
    torch.testing.assert_close(rows[0], expected)
    # Turned to the left, ahead is +y and left is -x; tilts do not count.
    expected = torch.full((11, 11), 0.8)
    expected[:3, 4:] = 0.6  # left up to -0.3, ahead from -0.1 on
    torch.testing.assert_close(rows[1], expected)
    assert torch.equal(scan.noisy, scan.clean), "undisturbed"
    points = scan.seen_points(place, turn, noisy=False)
    assert points[0, 4 * 11 + 8].tolist() == pytest.approx([0.3, -0.1, 0.2], abs=1e-6)
    scan.measure(torch.tensor([[0.0, 0.0, 9.0]]).repeat(2, 1), turn, torch.ones(2, dtype=torch.long))
    assert (scan.clean == 5.0).all(), "out of reach"


def test_noise_is_as_large_as_it_says():
    n = 2000
    still = dict(tilt_noise=(0.0, 0.0, 0.0), noise_level=1.0)
    place = torch.tensor([[-5.0, -5.0, 0.8]]).repeat(n, 1)
    torch.manual_seed(0)
    scan = map_of(n, **still, drop_outs=0.0)
    first, second = [], []
    for values in (first, second):
        scan.measure(place, upright(n), torch.zeros(n, dtype=torch.long))
        values.append(scan.noisy - 0.8)
    off = 0.5 * (first[0] + second[0]).mean(1)
    assert off.std().item() == pytest.approx(0.02, rel=0.05), "of a whole map, for an episode"
    assert (first[0] - second[0]).std().item() == pytest.approx(0.02 * math.sqrt(2.0), rel=0.02), "of each reading"
    scan = map_of(n, **still, white_noise=0.0, offset_noise=0.0)
    scan.measure(place, upright(n), torch.zeros(n, dtype=torch.long))
    wrong = scan.noisy[(scan.noisy - 0.8).abs() > 1e-5]
    assert len(wrong) / scan.noisy.numel() == pytest.approx(0.01, rel=0.05)
    assert wrong.min() >= 0.0 and wrong.max() <= 1.6 and wrong.mean().item() == pytest.approx(0.8, rel=0.05)
    scan = map_of(n, noise_level=2.0, white_noise=0.0, offset_noise=0.0, drop_outs=0.0)
    scan.measure(place, upright(n), torch.zeros(n, dtype=torch.long))
    # A map that is tilted forward by t sees the ground x sin t further, and all of it 1 / cos t as far.
    rows = scan.noisy.view(n, 11, 11)
    pitch = (rows[:, 5, 10] - rows[:, 5, 0]) / 1.0
    assert pitch.std().item() == pytest.approx(0.08, rel=0.1)


def test_maps_are_late_and_are_held():
    n = 500
    torch.manual_seed(0)
    scan = map_of(n, delay=(0, 2), refresh=(1, 4))
    heights = []
    for step in range(30):
        scan.measure(torch.tensor([[-5.0, -5.0, 1.0 + 0.1 * step]]).repeat(n, 1), upright(n), torch.full((n,), step))
        heights.append(scan.noisy[:, 0].clone())
    steps = ((torch.stack(heights) - 1.0) / 0.1).round().long()  # in which the pose was that is seen
    assert (steps[0] == 0).all(), "at once when an episode begins"
    now = torch.arange(30)[:, None]
    age = now - steps
    assert (age[2:] >= 0).all() and age.max() == 2 + 3
    assert sorted(scan.delay.unique().tolist()) == [0, 1, 2] and sorted(scan.period.unique().tolist()) == [1, 2, 3, 4]
    changed = (steps[11:] != steps[10:-1]).float().mean(0)
    for period in (1, 2, 3, 4):
        own = changed[scan.period == period].mean().item()
        assert own == pytest.approx(1.0 / period, abs=0.06)
    youngest = age[10:].amin(0)
    assert torch.equal(youngest, scan.delay), "the newest map is as late as the robot's delay"
    before = scan.delay.clone()
    scan.reset(torch.arange(n) < n // 2)
    assert (scan.delay != before)[: n // 2].any() and torch.equal(scan.delay[n // 2 :], before[n // 2 :])


def test_a_blank_map_tells_of_the_beginning_alone():
    scan = map_of(2, blank=True, noise_level=1.0)
    places = torch.tensor([[0.0, 0.0, 0.8], [1.0, 0.5, 1.1]])  # on the plane, with the box ahead; on the box
    scan.measure(places, upright(2), torch.zeros(2, dtype=torch.long))
    told = torch.tensor([[0.8], [0.9]]).expand(2, 121)
    torch.testing.assert_close(scan.noisy, told)
    scan.measure(places + 0.3, upright(2), torch.tensor([1, 0]))
    told = torch.tensor([[0.8], [1.2]]).expand(2, 121)
    torch.testing.assert_close(scan.noisy, told)
    assert scan.clean[0].unique().numel() > 1, "who has the clean one still sees"


def test_blank_is_refused_where_nobody_sees_the_noisy_map():
    settings = {"deepmimic.motions": (WALK,), "height_map.blank": True}
    with pytest.raises(UserError, match="^height_map.blank is for policies that see the noisy map"):
        make("g1_deepmimic_proj_heightfield", 1, **SHORT, **settings)


# -- the root command --------------------------------------------------------------------------------------------------
def test_the_way_and_the_turn_are_the_torsos():
    command = RootCommand(2, CPU, 10.0)
    place, target = torch.zeros(2, 3), torch.tensor([[1.0, 2.0, 0.5]]).repeat(2, 1)
    turn = quat_from_roll_pitch_yaw(torch.tensor([[0.0, 0.0, 0.0], [0.3, -0.2, math.pi / 2]]))
    command.update(place, turn, target, upright(2, math.pi))
    torch.testing.assert_close(command.way, torch.tensor([[1.0, 2.0], [2.0, -1.0]]), atol=1e-5, rtol=0)
    assert command.turn[:, 0].abs().tolist() == pytest.approx([math.pi, math.pi / 2], abs=1e-5)
    command.steer(torch.tensor([True, False]), (0.5, -0.2), 0.3)
    command.update(place, turn, target, upright(2, math.pi))
    assert command.way.flatten().tolist() == pytest.approx([0.5, -0.2, 2.0, -1.0], abs=1e-5)
    assert command.turn[0].item() == pytest.approx(0.3)
    short = RootCommand(2, CPU, 0.5)
    short.update(place, turn, target * 0.1, upright(2, math.pi))
    torch.testing.assert_close(short.way, torch.tensor([[0.1, 0.2], [0.2, -0.1]]), atol=1e-5, rtol=0)
    short.update(place, turn, target * 2.0, upright(2, math.pi))
    torch.testing.assert_close(short.way[0], 0.5 * torch.tensor([1.0, 2.0]) / 5**0.5, atol=1e-5, rtol=0)
    nothing = RootCommand(2, CPU, 0.5, zero_way=True, zero_turn=True)
    nothing.update(place, turn, target, upright(2, 1.0))
    assert not nothing.way.any() and not nothing.turn.any()


def test_who_is_driven_by_hand_follows_no_motion(env):
    env.motion.place(env.everyone, torch.zeros(4, dtype=torch.long), env.motion.last[:1].expand(4) - 3)
    env.reset()
    env.root_command.steer(torch.tensor([True, True, False, False]), (0.5, 0.0), 0.0)
    follow(env)
    qpos = env.motion.qpos.clone()
    qpos[0, 0] += 3.0  # far from the motion
    env.sim.set_state(env.everyone, qpos, env.motion.qvel)
    dones = torch.zeros(4, dtype=torch.bool)
    for _ in range(4):
        dones |= env.step(torch.zeros(4, 23))[2]
    assert dones.tolist() == [False, False, True, True], "the end of the clip is none of theirs"
    assert env.observations["torso_xy_rel"][:2].flatten().tolist() == pytest.approx([0.1, 0.0] * 2), "at most"
    env.root_command.release(env.everyone)
    env.motion.release(env.everyone)


# -- biases ------------------------------------------------------------------------------------------------------------
def test_biases_are_drawn_with_every_episode():
    bias = SensorBias(OffsetScales(gravity=0.02, dof_pos=0.005), 3000, 23, 23, CPU, (1.0, 1.0))
    torch.manual_seed(0)
    bias.reset(torch.ones(3000, dtype=torch.bool))
    assert bias.gravity.std().item() == pytest.approx(0.02, rel=0.05)
    assert bias.joint_pos.std().item() == pytest.approx(0.005, rel=0.05) and not bias.action.any()
    kept = bias.gravity.clone()
    bias.reset(torch.arange(3000) < 5)
    assert (bias.gravity != kept).any(1).tolist() == [True] * 5 + [False] * 2995


def test_noise_is_as_strong_as_is_drawn_with_every_episode():
    """Of all sensors and the map; and evaluations draw nothing."""
    n = 512
    sizes = dict(SHORT, **{"deepmimic.motions": (WALK,), "domain_rand.push_robots": False})
    still = {"noise.offset_scales.gravity": 0.0, "height_map.offset_noise": 0.0, "height_map.drop_outs": 0.0}
    still |= {"height_map.tilt_noise": (0.0, 0.0, 0.0)}
    torch.manual_seed(0)
    env = make(
        "g1_deepmimic_root_heightfield_no_history_dagger", n, **sizes, **still, **{"noise.episode_levels": (0.5, 2.0)}
    )
    env.reset()
    level = env.sensor_bias.level[:, 0]
    assert (
        0.5 <= level.min() < 0.6 and 1.9 < level.max() <= 2.0 and level.mean().item() == pytest.approx(1.25, abs=0.05)
    )
    group, gravity = env.groups["torso_real"], env.groups["torso_real"].columns("gravity")
    off = torch.stack([group.update(env.everyone) or group.values[:, gravity] - env.gravity_b for _ in range(100)])
    torch.testing.assert_close(off.abs().amax((0, 2)), 0.05 * level, rtol=0.1, atol=0.0)
    plane = env.height_map.noisy - env.height_map.clean
    torch.testing.assert_close(plane.std(1), 0.02 * level, rtol=0.3, atol=0.0)
    before = level.clone()
    env.reset_where(torch.arange(n) < 5)
    assert (env.sensor_bias.level[:, 0] != before).tolist() == [True] * 5 + [False] * (n - 5)
    env.cfg.evaluation()
    assert env.cfg.noise.episode_levels == (1.0, 1.0)


# -- ground ------------------------------------------------------------------------------------------------------------
def test_plates_cover_the_way():
    way = np.stack([np.linspace(0.0, 4.0, 50), np.zeros(50)], 1)
    for level in range(1, 5):
        plane, boxes = plates(way, level, 24, np.random.default_rng(0))
        top = boxes[:, 2] + boxes[:, 9]
        assert plane == -AMPLITUDES[level] and np.abs(top).max() <= AMPLITUDES[level] and len(boxes) <= 24
        ground = BoxGround(
            SimpleNamespace(
                plane_z=torch.full((1, 1), plane),
                centre=torch.tensor(boxes[None, None, :, :3], dtype=torch.float32),
                quat=torch.tensor(boxes[None, None, :, 3:7], dtype=torch.float32),
                half_size=torch.tensor(boxes[None, None, :, 7:], dtype=torch.float32),
            ),
            1,
        )
        points = torch.tensor(way[None], dtype=torch.float32)
        heights = ground.height(points, torch.empty(1, 50))
        assert (heights > plane).all() and len(heights.unique()) > 5
    assert len(plates(way, 0, 24, np.random.default_rng(0))[1]) == 0


def test_episodes_on_uneven_ground_start_on_it():
    settings = {"deepmimic.motions": (WALK, BOX), "deepmimic.amass_terrain_difficulty": 5}
    task = make("g1_deepmimic", 40, **SHORT, **settings, **{"noise.add_noise": False})
    plane = task.ground.lowest()
    on_boxes = task.motion.clip == 1
    assert (plane[on_boxes] == 0.0).all(), "their ground is their own"
    assert set((-plane[~on_boxes]).mul(1000).round().int().tolist()) >= {0, 10, 35}
    rise = task.footing.rise(task.motion.links[..., :2])
    assert (rise[on_boxes] == 0.0).all() and rise.max() > 0.05
    height = task.sim.root_pos_w[:, 2] - task.motion.qpos[:, 2]
    torch.testing.assert_close(height, rise, atol=0.036, rtol=0)


# -- how often clips are followed, and who teaches them ----------------------------------------------------------------
def test_clips_with_a_terrain_can_be_oversampled_and_have_teachers():
    settings = {"deepmimic.human_video_oversample_factor": 10, "deepmimic.teacher_checkpoint_run_name": "best"}
    settings |= {"deepmimic.motions": (WALK, BOX), "deepmimic.clip_weighting_strategy": "uniform_clip"}
    task = make("g1_deepmimic_dagger", 6, **SHORT, **settings)
    shares = [part.sum().item() for part in task.motion.sampler.share.split(task.motion.sampler._sizes)]
    assert shares[1] / shares[0] == pytest.approx(10.0)
    assert task.motion.teachers == ["best"] and (task.observations["teacher_checkpoint_index"] == 0).all()


def test_the_clips_teachers_are_found_by_their_names(tmp_path):
    (tmp_path / "g1_deepmimic" / "best").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    named = ["runs/best", str(tmp_path / "elsewhere")]
    env = SimpleNamespace(parts={"motion": SimpleNamespace(teachers=named)})
    algorithm = SimpleNamespace(use_multi_teacher=True, policy_to_clone=())
    _name_teachers(env, algorithm, tmp_path)
    assert algorithm.policy_to_clone == (str(tmp_path / "g1_deepmimic" / "best"), named[1])
    _name_teachers(env, algorithm, tmp_path)  # as a resumed run has them
    algorithm.policy_to_clone = ("other",)
    with pytest.raises(UserError, match="the clips name their teachers. runs/best"):
        _name_teachers(env, algorithm, tmp_path)
    algorithm.policy_to_clone, named[0] = (), "worst"
    with pytest.raises(UserError, match="there is no run worst"):
        _name_teachers(env, algorithm, tmp_path)
    named.clear()
    algorithm.bc_loss_coef, algorithm.multi_teacher_select_obs_var = 0.0, "teacher_checkpoint_index"
    _name_teachers(env, algorithm, tmp_path)
    algorithm.bc_loss_coef = 0.5
    with pytest.raises(UserError, match="no clip names a teacher, so nobody would be cloned"):
        _name_teachers(env, algorithm, tmp_path)
    algorithm.multi_teacher_select_obs_var = "numbers_of_ones_own"
    _name_teachers(env, algorithm, tmp_path)


def test_linear_starts_are_early():
    library = object.__new__(MotionLibrary)
    library.names, library.length, library.held_out = ["a"], torch.tensor([175]), [False]
    sampler = MotionSampler(SamplingCfg(), "uniform_step", library, 50, 0.02, linear=True)
    torch.manual_seed(0)
    frame = sampler.sample(200_000)[1]
    seen = torch.histc(frame.float(), bins=7, min=0, max=175) / 200_000
    left = 175.0 - 25.0 * torch.arange(8.0)
    expected = (left[:-1] ** 2 - left[1:] ** 2) / 175.0**2
    torch.testing.assert_close(seen, expected, atol=4e-3, rtol=0)
