"""Goals, perception, curriculum and ground of the parkour robot, against what can be worked out by hand."""

import math

import pytest
import torch
from host_sync import NoHostSync

from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.envs.go2.go2_parkour_config import Go2ParkourTeacherCfg
from legged_gym.registry import all_tasks
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.tile import render_height
from legged_gym.utils.math import quat_from_yaw, quat_rotate, wrap_to_pi

EDGE = (0.03, 0.05, 0.05)  # rim, reach and drop, m
ENGINES = ["mujoco", pytest.param("warp", marks=pytest.mark.slow)]  # Warp compiles its kernels for a minute at first


def quiet(num_envs=10, engine="mujoco", **terrain):
    """Two columns of each of five types on three levels, and nothing random but the levels."""
    cfg = Go2ParkourTeacherCfg()
    cfg.env.num_envs, cfg.sim.engine, cfg.sim.num_threads = num_envs, engine, 1
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 10, 3, 2
    cfg.init_state.yaw_noise = cfg.init_state.y_noise = cfg.init_state.joint_pos_noise = 0.0
    random = cfg.domain_rand
    random.push_robots = random.randomize_friction = random.randomize_motor_strength = False
    random.randomize_base_mass = random.randomize_base_com = False
    for name, value in terrain.items():
        setattr(cfg.terrain, name, value)
    return cfg


def still(env):
    return torch.zeros(env.num_envs, env.num_actions)


def place(env, position, yaw=0.0):
    """Put every robot at `position` (x, y, z), at rest in its default pose."""
    qpos, qvel = env.sim.qpos.clone(), torch.zeros_like(env.sim.qvel)
    qpos[:, :3] = torch.as_tensor(position, dtype=torch.float32)
    qpos[:, 3:7] = quat_from_yaw(torch.as_tensor(float(yaw)))
    qpos[:, 7:] = env.default_joint_pos
    env.sim.set_state(torch.ones_like(env.dones), qpos, qvel)


def test_columns_are_shared_out_by_type_and_kept():
    env = ParkourRobot(quiet(20))
    assert [env.course.types[k] for k in env.course.type[::4]] == list(env.course.types)
    before = env.course.column.clone()
    env.reset()
    assert torch.equal(env.course.column, before)
    assert env.course.is_flat.sum() == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_the_world_has_the_table_s_tile_after_any_reset(engine):
    env = ParkourRobot(quiet(engine=engine))
    for _ in range(3):
        env.course.level.copy_(torch.randint_like(env.course.level, 3))
        mask = torch.rand(10) < 0.7
        old = env.ground.tile.clone()
        env.reset_where(mask)
        course = env.course
        assert torch.equal(env.ground.tile.long(), torch.where(mask, course.level * 10 + course.column, old.long()))
        assert torch.equal(course.tile, env.ground.tile.long())
        robot = env.sim.robot
        for i, tile in enumerate(env.ground.tile):
            used = (env.ground.shapes.half_size[tile] > 0).all(-1)
            if engine == "mujoco":
                fields, bodies = env.sim._fields, env.sim._box_bodies
                centre, size = fields["body_pos"][i, bodies], fields["geom_size"][i, robot.boxes]
                plane = fields["body_pos"][i, env.sim._ground_body, 2]
            else:
                centre, size = env.sim._geom_pos[i, robot.boxes], env.sim._tensors["geom_size"][i, robot.boxes]
                plane = env.sim._geom_pos[i, robot.ground, 2]
            assert torch.allclose(torch.as_tensor(centre).float()[used], env.ground.shapes.centre[tile][used])
            assert torch.allclose(torch.as_tensor(size).float()[used], env.ground.shapes.half_size[tile][used])
            assert (torch.as_tensor(centre)[~used][:, 2] < -50).all()
            assert float(plane) == pytest.approx(float(env.ground.shapes.plane_z[tile]))


def test_robots_stand_on_what_the_ground_says_is_there():
    """Physics and `height` agree: after half a second at rest every foot is its radius above the ground."""
    env = ParkourRobot(quiet(roughness=(0.0, 0.0)))
    for _ in range(40):
        env.step(still(env))
    feet = env.sim.body_pos_w.index_select(1, env.feet)
    ground = env.ground.height(feet[..., :2], torch.zeros(10, 4))
    assert torch.allclose(feet[..., 2] - ground, torch.tensor(0.022), atol=0.006)


def test_scan_is_the_height_under_each_point_of_the_turned_grid():
    env = ParkourRobot(quiet())
    place(env, (1.2, 0.1, 0.5), yaw=0.5)
    env.episode_length.zero_()
    env.compute_observations()
    k = 0
    for x in env.cfg.perception.scan_x:
        for y in env.cfg.perception.scan_y:
            arm = quat_rotate(quat_from_yaw(torch.tensor(0.5)), torch.tensor([x, y, 0.0]))
            at = torch.tensor([1.2, 0.1]) + arm[:2]
            for i in range(0, 10, 3):
                height = env.ground.height(at.expand(10, 1, 2), torch.zeros(10, 1))[i, 0]
                expected = (0.5 - 0.3 - height).clamp(-1.0, 1.0)
                assert env.observations["scan"][i, k] == pytest.approx(float(expected), abs=1e-5)
            k += 1
    assert k == 132


def test_height_is_that_of_a_ray_from_above_and_of_brute_force():
    env = ParkourRobot(quiet(roughness=(0.06, 0.06)))
    points = torch.rand(10, 400, 2) * torch.tensor([14.0, 3.0]) - torch.tensor([1.0, 1.5])
    heights = env.ground.height(points, torch.zeros(10, 400))
    sky = torch.cat([points, torch.full((10, 400, 1), 5.0)], -1)
    down = torch.tensor([0.0, 0.0, -1.0]).expand(10, 400, 3)
    assert torch.allclose(5.0 - env.ground.cast(sky, down, 20.0), heights, atol=1e-4)
    assert len(heights.unique()) > 50
    grid = TerrainGrid(env.cfg.terrain, "cpu")
    for i, tile in enumerate(env.ground.tile):
        expected = render_height(grid.tile(*divmod(int(tile), 10)), points[i, :, 0].numpy(), points[i, :, 1].numpy())
        off = (heights[i] - torch.as_tensor(expected).float()).abs() > 1e-3
        assert off.float().mean() < 0.01  # float32 and float64 part at the very rims


def test_foot_on_edge_is_a_drop_within_five_centimetres():
    env = ParkourRobot(quiet(roughness=(0.0, 0.0)))
    everyone, z = torch.ones(10, 4, dtype=torch.bool), 0.022

    def end_of(kind, box, sign):
        """A robot on a tile of `kind`, and the x of an end of one of its boxes, and the box's y."""
        robot = int((env.course.type == env.course.types.index(kind)).nonzero()[0])
        tile = env.ground.tile[robot]
        centre, half = env.ground.shapes.centre[tile, box], env.ground.shapes.half_size[tile, box]
        return robot, float(centre[0] + sign * half[0]), float(centre[1])

    robot, rim, y = end_of("gap", 1, 1)  # the first landing; the robot's foot is its radius above it
    feet = torch.tensor([[rim - 0.045, y, z], [rim - 0.055, y, z], [rim + 0.02, y, z], [0.0, y, z]]).expand(10, 4, 3)
    assert env.ground.edge(feet, everyone, *EDGE)[robot].tolist() == [True, False, True, False]
    assert not env.ground.edge(feet, ~everyone, *EDGE).any()
    robot, foot_of_wall, y = end_of("step", 0, -1)  # a wall that goes up is no edge
    feet = torch.tensor([[foot_of_wall - 0.02, y, z], [foot_of_wall + 0.02, y, z]]).expand(10, 2, 3).clone()
    feet[:, 1, 2] += float(env.ground.height(feet[:, 1:, :2], torch.zeros(10, 1))[robot])
    assert env.ground.edge(feet, everyone[:, :2], *EDGE)[robot].tolist() == [False, True]


def test_goals_change_after_a_dwell_without_a_break():
    env = ParkourRobot(quiet())
    goals = env.course.goals

    def stay(offset, steps):
        """At the first goal's distance `offset`, in the air so that nothing else happens."""
        for _ in range(steps):
            qpos = env.sim.qpos.clone()
            qpos[:, :2] = goals[:, 0, :2] + torch.tensor([offset, 0.0])
            qpos[:, 2] = 1.5
            qpos[:, 3:7] = torch.tensor([1.0, 0.0, 0.0, 0.0])
            env.sim.set_state(torch.ones_like(env.dones), qpos, torch.zeros_like(env.sim.qvel))
            env.step(still(env))

    stay(0.15, 4)
    assert (env.course.goal_timer == 4).all() and (env.course.goal_index == 0).all()
    stay(0.25, 1)
    assert (env.course.goal_timer == 0).all()
    stay(0.15, 5)
    assert (env.course.goal_index == 1).all() and (env.course.goal_timer == 0).all()
    expected = goals[:, 1, :2] - env.sim.root_pos_w[:, :2]
    assert torch.allclose(env.course.goal_distance, expected.norm(dim=1), atol=1e-4)


def test_all_goals_reached_is_a_time_out_and_no_fall():
    env = ParkourRobot(quiet())
    env.course.goal_index.fill_(7)
    goals = env.course.goals
    env.course.goal_timer.fill_(4)
    position = torch.cat([goals[:, 7, :2], torch.full((10, 1), 1.0)], 1)
    place(env, position)
    *_, dones, time_outs = env.step(still(env))
    assert dones.all() and time_outs.all() and not env.falls.any()
    assert (env.course.measured_goals == 8).all() and (env.course.goal_index == 0).all()


def test_yaw_errors_are_wrapped():
    env = ParkourRobot(quiet())
    for yaw in (3.0, -3.0, 3.1, 2.0):
        place(env, (-0.5, 0.0, 0.5), yaw)
        env.course.aim()
        goals = env.course.goals
        to_first = torch.atan2(goals[:, 0, 1], goals[:, 0, 0] + 0.5)
        assert torch.allclose(env.course.yaw_errors[:, 0], wrap_to_pi(to_first - yaw), atol=1e-5)
        assert (env.course.yaw_errors.abs() <= math.pi + 1e-6).all()
    # The reward follows the angle, not its winding.
    place(env, (-0.5, 0.0, 0.5), 0.1)
    env.course.aim()
    near = env._reward_tracking_yaw()
    place(env, (-0.5, 0.0, 0.5), 0.1 + 2 * math.pi)
    env.course.aim()
    assert torch.allclose(env._reward_tracking_yaw(), near, atol=1e-5)


def test_perception_is_held_between_looks_and_fresh_after_a_reset():
    env = ParkourRobot(quiet())
    env.reset()
    looked = []
    for _ in range(11):
        before, yaw = env.scan.heights.clone(), env.perceived_yaw.clone()
        env.scan.heights.fill_(9.0)
        env.step(0.1 * torch.randn(10, 12))
        looked.append(bool((env.scan.heights != 9.0).all()))
        if not looked[-1]:
            assert (env.scan.heights == 9.0).all() and torch.equal(env.perceived_yaw, yaw)
            env.scan.heights.copy_(before)
    assert [k for k, look in enumerate(looked, start=1) if look] == [5, 10]
    env.episode_length[3] = env.max_episode_length - 1
    env.scan.heights.fill_(9.0)
    env.step(still(env))  # the 12th: no look, but robot 3 starts anew
    assert (env.scan.heights[3] != 9.0).all() and (env.scan.heights[:3] == 9.0).all()
    assert torch.allclose(env.perceived_yaw[3], env.course.yaw_errors[3])


def test_history_holds_the_past_frames_without_the_headings():
    env = ParkourRobot(quiet())
    first = env.reset()["proprio"].clone()
    first[:, 6:8] = 0.0
    assert torch.allclose(env.observations["history"].view(10, 10, 53), first[:, None].expand(10, 10, 53))
    frames = []
    for _ in range(3):
        frames.append((env.observations["proprio"] * env.groups["history"]._kept).clone())
        env.step(0.2 * torch.randn(10, 12))
    history = env.observations["history"].view(10, 10, 53)
    for k in range(3):
        assert torch.equal(history[:, 7 + k], frames[k])
    assert (history[..., 6:8] == 0).all()


def test_the_layout_is_that_of_extreme_parkour():
    env = ParkourRobot(quiet())
    env.step(0.5 * torch.randn(10, 12))
    widths = {group: value.shape[1] for group, value in env.observations.items()}
    assert widths == {"proprio": 53, "scan": 132, "priv_explicit": 9, "priv_latent": 29, "history": 530}
    proprio = env.observations["proprio"]
    assert (proprio[:, [5, 8, 9]] == 0).all()
    assert torch.equal(proprio[:, 10], env.commands[:, 0])
    assert torch.equal(proprio[:, 12], env.course.is_flat.float()) and torch.equal(proprio[:, 11], 1 - proprio[:, 12])
    assert torch.equal(proprio[:, 37:49], env.actions)
    assert set(proprio[:, 49:53].unique().tolist()) <= {-0.5, 0.5}


def levels_after(env, *, level, goals, distance, falls=False, length=1000, command=0.5):
    """Levels after an end of the first robots' episodes in the given situation."""
    env.course.level.fill_(level)
    env.course.reset(torch.ones_like(env.dones))
    env.course.goal_index.fill_(goals)
    env.course.done.fill_(goals == 8)
    env.course.commanded_distance.fill_(distance)
    env.episode_length.fill_(length)
    env.falls.fill_(falls)
    env.commands[:, 0] = command
    env.course.change_levels(torch.ones_like(env.dones), env.falls, env.episode_length, env.max_episode_length)
    return env.course.level.clone()


def test_levels_follow_the_goals_that_could_have_been_reached():
    env = ParkourRobot(quiet())
    assert (levels_after(env, level=1, goals=8, distance=20.0) == 2).all()
    assert (levels_after(env, level=1, goals=7, distance=20.0) == 2).all()  # 7 of 8
    assert (levels_after(env, level=1, goals=6, distance=20.0) == 1).all()
    assert (levels_after(env, level=1, goals=3, distance=20.0) == 0).all()
    assert (levels_after(env, level=0, goals=0, distance=20.0) == 0).all()
    # Slow commands: two goals in reach, both reached, is a success; one of them neither; none a failure.
    env.course.level.fill_(1)
    path = TerrainGrid(env.cfg.terrain, "cpu").path_length.flatten(0, 1)[env.course.level * 10 + env.course.column]
    near = float(path[:, 1].max()) - 0.2 + 1e-3
    in_reach = (path - 0.2 <= near).sum(1)
    two = in_reach == 2
    assert two.any()
    assert (levels_after(env, level=1, goals=2, distance=near)[two] == 2).all()
    assert (levels_after(env, level=1, goals=1, distance=near)[two] == 1).all()
    assert (levels_after(env, level=1, goals=0, distance=near)[two] == 0).all()
    # A fall is measured against the whole episode: 10 s at 0.5 m/s were left.
    assert (levels_after(env, level=1, goals=2, distance=near, falls=True, length=500)[two] <= 1).all()
    # Who falls in the step that reaches the last goal has not crossed the course, as in evaluations.
    assert (levels_after(env, level=1, goals=8, distance=20.0, falls=True, length=500) == 1).all()
    # Above the highest level: anywhere; and the first reset moves nobody.
    assert (levels_after(env, level=2, goals=8, distance=20.0) <= 2).all()
    assert (levels_after(env, level=1, goals=8, distance=20.0, length=0) == 1).all()


def test_without_curriculum_levels_are_drawn():
    env = ParkourRobot(quiet(60, curriculum=False))
    seen = set()
    for _ in range(3):
        env.reset()
        seen |= set(env.course.level.tolist())
    assert seen == {0, 1, 2}


def test_ends_by_tilt_and_in_pits():
    env = ParkourRobot(quiet())
    place(env, (0.0, 0.0, 0.8))
    env.step(still(env))
    assert not env.falls.any()
    qpos = env.sim.qpos.clone()
    qpos[:, 2] = 1.0
    qpos[:, 3:7] = torch.tensor([math.cos(0.8), math.sin(0.8), 0.0, 0.0])  # a roll of 1.6 rad
    env.sim.set_state(torch.ones_like(env.dones), qpos, torch.zeros_like(env.sim.qvel))
    env.step(still(env))
    assert env.falls.all()
    # In the pit of a gap, beside the course, on its floor.
    env.reset()
    gaps = env.course.type == env.course.types.index("gap")
    floor = env.ground.shapes.plane_z[env.ground.tile.long()]
    assert (floor[gaps] < -0.1).all()
    where = torch.stack([torch.full((10,), 3.0), torch.full((10,), 1.9), floor + 0.33], 1)
    place(env, where)
    fallen = torch.zeros(10, dtype=torch.bool)
    for _ in range(25):
        env.step(still(env))
        fallen |= env.falls
    assert fallen[gaps].all() and not fallen[env.course.is_flat].any()


def test_actions_come_late_by_the_schedule():
    cfg = quiet()
    cfg.domain_rand.action_delay_schedule, cfg.domain_rand.action_delay_period = (0, 1), 3
    env = ParkourRobot(cfg)
    delays = []
    for _ in range(5):
        env.step(still(env))
        delays.append(int(env.drive.common_delay))
    assert delays == [0, 0, 4, 4, 4]  # physics steps; the third step is the schedule's next period


def test_curriculum_survives_another_number_of_robots():
    env = ParkourRobot(quiet(10))
    env.course.level.copy_(torch.arange(10) // 4)
    env.step_count.fill_(77)
    other = ParkourRobot(quiet(20))
    other.load_curriculum_state_dict(env.curriculum_state_dict())
    assert torch.equal(other.course.level, (torch.arange(20) // 2) // 4)
    assert int(other.step_count) == 77


def test_edge_reward_counts_on_high_levels_alone():
    env = ParkourRobot(quiet())
    env.feet_on_edge.fill_(True)
    env.cfg.rewards.feet_edge_level = 2
    env.course.level.copy_(torch.arange(10) % 3)
    assert torch.equal(env._reward_feet_edge(), torch.where(env.course.level == 2, 4, 0))


def test_goal_velocity_is_paid_up_to_the_command():
    env = ParkourRobot(quiet())
    env.commands[:, 0] = 0.5
    env.course.to_goal.copy_(torch.tensor([0.6, 0.8]).expand(10, 2))
    for speed, expected in ((0.25, 0.5), (2.0, 1.0), (-0.5, -1.0)):
        env.sim.root_lin_vel_w[:, :2] = speed * torch.tensor([0.6, 0.8])
        assert torch.allclose(env._reward_tracking_goal_vel(), torch.tensor(expected), atol=1e-4)


@pytest.mark.parametrize("task", all_tasks().values(), ids=list(all_tasks()))
def test_no_task_s_step_waits_for_the_host(task):
    cfg = task.env_cfg()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.env.episode_length_s = 5, 1, 0.2
    env = task.make_env(cfg, "cpu")
    env.step(still(env))  # what is made on first use is made before a capture
    for _ in range(12):
        with NoHostSync():
            env.step(still(env))


def test_the_attitude_is_measured_with_noise_where_noise_is_asked_for():
    cfg = quiet()
    cfg.noise.add_noise = True
    noise = ParkourRobot(cfg).groups["proprio"]._noise
    assert torch.allclose(noise[3:5], torch.full((2,), cfg.noise.noise_scales.gravity))
    assert not noise[5:13].any(), "what a robot is told has none"


def test_the_flags_of_control_delays_come_on_top_of_the_schedule():
    cfg = quiet()
    random = cfg.domain_rand
    random.action_delay_schedule, random.control_delays = (1,), True
    random.control_delay_min = random.control_delay_max = 3  # physics steps
    env = ParkourRobot(cfg)
    first, second = torch.full((10, 12), 0.5), torch.full((10, 12), -0.5)
    env.step(first)
    env.step(second)
    # A step and three quarters late: of the third control step, three physics steps still follow the first action.
    env.step(second)
    targets = env.drive._targets - env.default_joint_pos
    scale = cfg.control.action_scale
    assert torch.allclose(targets[:, :3], scale * torch.full((10, 3, 12), 0.5))
    assert torch.allclose(targets[:, 3], scale * torch.full((10, 12), -0.5))
