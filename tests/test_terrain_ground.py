"""The ground's questions by hand and against each other, and that their askers ask nothing else of it."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from terrain_cfg import Cfg
from viewer.pages import page, stand, steps

from legged_gym.envs.base.depth_robot import DepthParkourRobot
from legged_gym.envs.go2.go2_parkour_config import Go2ParkourStudentCfg
from legged_gym.evaluation.course import evaluate
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.ground import Ground, Shapes
from legged_gym.terrain.registry import proportions
from legged_gym.terrain.rules import RulesCfg
from legged_gym.utils.errors import UserError


def boxes(*rows, plane_z=0.0, num_envs=2) -> BoxGround:
    """A ground of level boxes ((x, y, z), (half lengths)), the same in all environments."""
    centre, half_size = torch.tensor(rows).view(1, 1, len(rows), 2, 3).unbind(3)
    quat = torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(1, 1, len(rows), 1)
    grid = SimpleNamespace(plane_z=torch.full((1, 1), plane_z), centre=centre, quat=quat, half_size=half_size)
    return BoxGround(grid, num_envs)


def ask_layers(ground: Ground, *points) -> list[tuple[float, float]]:
    at = torch.tensor(points).expand(ground.num_envs, -1, 3)
    floor, ceiling = ground.layers(at, *torch.zeros(2, ground.num_envs, len(points)))
    return [(round(a, 5), round(b, 5)) for a, b in zip(floor[0].tolist(), ceiling[0].tolist(), strict=True)]


INF = float("inf")


def test_layers_of_a_bar_on_a_step():
    """A step of 0.1 m and a bar over it whose underside is at 0.4 m and whose top at 0.5 m."""
    step, bar = ((1.0, 0.0, 0.0), (1.0, 1.0, 0.1)), ((1.0, 0.0, 0.45), (0.1, 1.0, 0.05))
    ground = boxes(step, bar, plane_z=-0.3)
    assert ask_layers(ground, (1.0, 0.0, 0.2), (1.0, 0.0, 0.6), (0.5, 0.0, 0.2), (3.0, 0.0, 5.0)) == [
        (0.1, 0.4),  # between the two
        (0.5, INF),  # over the bar
        (0.1, INF),  # beside it
        (-0.3, INF),  # beyond both
    ]
    # In something solid its upper side is the floor, above the point; so it is under the plane.
    inside, in_bar, under = ask_layers(ground, (1.0, 0.0, 0.05), (1.0, 0.0, 0.45), (3.0, 0.0, -1.0))
    assert inside == (0.1, 0.4) and in_bar == (0.5, INF) and under == (-0.3, INF)
    height = ground.height(torch.tensor([[[1.0, 0.0]]]).repeat(2, 1, 1), torch.zeros(2, 1))
    assert torch.allclose(height, torch.tensor(0.5)), "seen from above there is only the bar's top"


def test_only_asked_environments_are_answered():
    ground, mask = boxes(((1.0, 0.0, 0.0), (1.0, 1.0, 0.1))), torch.tensor([False, True])
    points = torch.tensor([[[1.0, 0.0, 1.0]]]).repeat(2, 1, 1)
    floor, ceiling = ground.layers(points, torch.full((2, 1), 7.0), torch.full((2, 1), 7.0), mask)
    assert floor[:, 0].tolist() == pytest.approx([7.0, 0.1]) and ceiling[:, 0].tolist() == [7.0, INF]


def test_layers_are_what_rays_from_a_point_hit():
    """Up and down from free points on rough tiles, bars among them: two kernels that share no rule agree."""
    grid = TerrainGrid(Cfg(num_levels=1, num_columns=10, difficulty=(0.5, 0.5)), "cpu")
    ground = BoxGround(grid, 10)
    ground.move(torch.ones(10, dtype=torch.bool), torch.zeros(10, dtype=torch.long), torch.arange(10))
    generator = torch.Generator().manual_seed(2)
    spread, low = torch.tensor([12.0, 3.0, 0.9]), torch.tensor([0.0, -1.5, -0.3])
    points = low + spread * torch.rand(10, 10000, 3, generator=generator)
    floor, ceiling = ground.layers(points, *torch.zeros(2, 10, 10000))
    free = floor < points[..., 2] - 1e-3
    down, up = (torch.tensor([0.0, 0.0, z]).expand(10, 10000, 3) for z in (-1.0, 1.0))
    below, above = ground.cast(points, down, 50.0), ground.cast(points, up, 50.0)
    torch.testing.assert_close((points[..., 2] - below)[free], floor[free], atol=1e-4, rtol=0.0)
    expected = torch.where(ceiling.isinf(), 50.0, ceiling - points[..., 2])
    torch.testing.assert_close(above[free], expected[free], atol=1e-4, rtol=0.0)
    assert (ceiling.isfinite() & free).sum() > 20 and (~free).sum() > 1000
    assert (ground.cast(points, up, 50.0)[~free & (floor > 0.0)] == 0.0).float().mean() > 0.9


def test_rules_are_of_any_number_of_feet():
    assert RulesCfg().num_feet_in_pit(4) == 2 and RulesCfg().num_feet_in_pit(2) == 1
    assert RulesCfg(feet_in_pit=0.75).num_feet_in_pit(4) == 3 and RulesCfg(feet_in_pit=1.0).num_feet_in_pit(3) == 3
    with pytest.raises(UserError, match=r"--env\.rules\.feet_in_pit is 0"):
        RulesCfg(feet_in_pit=0.0).num_feet_in_pit(4)


# -- another kind of ground --------------------------------------------------------------------------------------------

STEP = (1.0, 9.0, 0.25)  # begin, end and height of a step across the world, m


class StepGround(Ground):
    """One step, by formulas instead of a table; only the engine, cameras and pictures get it as a box."""

    def __init__(self, num_envs: int):
        self.num_envs, self.device = num_envs, torch.device("cpu")
        begin, end, height = STEP
        middle, half = [0.5 * (begin + end), 0.0, 0.0], [0.5 * (end - begin), 20.0, height]
        quat = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
        row = torch.zeros(num_envs, dtype=torch.int32)
        self.shapes = Shapes(row, torch.zeros(1), torch.tensor([[middle]]), quat, torch.tensor([[half]]))

    def _at(self, points):
        return torch.where((points[..., 0] >= STEP[0]) & (points[..., 0] <= STEP[1]), STEP[2], 0.0)

    def height(self, points, out, mask=None):
        mask = torch.ones(self.num_envs, dtype=torch.bool) if mask is None else mask
        return out.copy_(torch.where(mask[:, None], self._at(points), out))

    def layers(self, points, floor, ceiling, mask=None):
        assert mask is None
        return floor.copy_(self._at(points)), ceiling.fill_(torch.inf)

    def lowest(self):
        return torch.zeros(self.num_envs)

    def edge(self, feet, contact, rim, reach, drop):
        x, on_top = feet[..., 0], feet[..., 2] > STEP[2]
        return contact & on_top & (STEP[2] > drop) & (x > STEP[0] - rim) & (x < STEP[0] + reach)

    def cast(self, origins, directions, max_distance):
        """Marched along the rays."""
        distance = torch.full(origins.shape[:2], max_distance)
        for t in torch.arange(0.0, max_distance, 0.005).flip(0):
            points = origins + t * directions
            distance = torch.where(points[..., 2] <= self._at(points), t, distance)
        return distance

    def move(self, mask, level, column):
        pass


class StepRobot(DepthParkourRobot):
    def _make_ground(self, grid):
        return StepGround(self.num_envs)


@pytest.fixture(scope="module")
def env():
    cfg = Go2ParkourStudentCfg()
    cfg.evaluation()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.env.episode_length_s = 4, 1, 1.0
    terrain = dict(proportions=proportions(flat=1.0), num_boxes=1, num_columns=2, roughness=(0.0, 0.0))
    cfg.terrain = dataclasses.replace(cfg.terrain, **terrain)
    cfg.domain_rand.push_robots = cfg.domain_rand.randomize_friction = False
    cfg.viser.port = 0
    cfg.camera.undisturbed()
    cfg.rewards.scales.base_height = -1.0
    torch.manual_seed(0)
    return StepRobot(cfg, "cpu")


def put(env, x: float, z: float) -> None:
    """All robots at x, z m up, at rest."""
    qpos = env.sim.qpos.clone()
    qpos[:, :3] = torch.tensor([x, 0.0, z])
    qpos[:, 3:7] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    qpos[:, 7:] = env.default_joint_pos
    env.sim.set_state(torch.ones(4, dtype=torch.bool), qpos, torch.zeros_like(env.sim.qvel))
    env.sim.refresh()


def test_another_ground_carries_and_is_measured(env):
    env.reset()
    put(env, 2.0, STEP[2] + 0.32)
    for _ in range(30):
        env.step(torch.zeros(4, 12))
    feet = env.sim.body_pos_w.index_select(1, env.feet)
    torch.testing.assert_close(feet[..., 2], torch.full((4, 4), STEP[2] + 0.022), atol=0.006, rtol=0.0)
    env.scan.measure(torch.ones(4, dtype=torch.bool), env.sim.root_pos_w, env.sim.root_quat_w)
    x = env.scan.points(env.sim.root_pos_w, env.sim.root_quat_w)[..., 0]
    assert torch.equal(env.scan.heights, torch.where(x >= STEP[0], STEP[2], 0.0)) and (x < STEP[0]).sum() == 0
    over_step = env.sim.root_pos_w[:, 2] - STEP[2] - env.cfg.rewards.base_height_target
    torch.testing.assert_close(env._reward_base_height(), over_step.square())


def test_base_height_on_level_ground_is_that_over_the_start(env):
    put(env, 0.0, 0.37)
    target = env.cfg.rewards.base_height_target
    assert torch.equal(env._reward_base_height(), (env.sim.root_pos_w[:, 2] - target).square())


def test_a_camera_sees_another_ground(env):
    """Its shapes are what its rays hit, where no leg is in the way."""
    put(env, 0.0, 0.4)
    camera = env.camera
    depth = camera.render(torch.ones(4, dtype=torch.bool))[0]
    angle, (rows, columns) = camera.pitch[0], depth.shape
    at = [(row, column) for row in range(0, rows, 6) for column in range(0, columns, 8)]
    rays = torch.tensor(
        [[1.0, camera._tan_h * (1 - (2 * c + 1) / columns), camera._tan_v * (1 - (2 * r + 1) / rows)] for r, c in at]
    )
    length = rays.norm(dim=1)
    cos, sin = angle.cos(), angle.sin()
    world = torch.stack([cos * rays[:, 0] + sin * rays[:, 2], rays[:, 1], cos * rays[:, 2] - sin * rays[:, 0]], 1)
    eye = env.sim.root_pos_w[0] + camera.position[0]
    directions = (world / length[:, None]).expand(4, -1, 3)
    expected = (env.ground.cast(eye.expand(4, len(at), 3), directions, 4.0)[0] / length).clamp(max=env.cfg.camera.far)
    seen = depth[[r for r, _ in at], [c for _, c in at]]
    same = (seen - expected).abs() < 0.02
    assert same.float().mean() > 0.9 and (seen[~same] < expected[~same]).all()
    assert (expected < 1.0).any()


def test_the_page_and_the_evaluation_have_another_ground(env):
    viewer_of = page(env)
    viewer = next(viewer_of)
    steps(viewer, 1)
    drawn = viewer.scene.ground._boxes.batched_positions.reshape(4, 2, 3)
    assert drawn[:, 1] == pytest.approx(viewer.scene.offsets + [5.0, 0.0, 0.0])
    next(viewer_of, None)
    figures = evaluate(env, lambda observations: stand(observations), graph=False)
    assert figures["types"]["flat"]["num_episodes"] == 4 and figures["types"]["flat"]["goals_reached"] == 0.0


def test_a_foot_is_on_an_edge_by_the_rules_of_the_config(env):
    put(env, 0.0, 0.4)
    feet = torch.tensor([[[STEP[0] + 0.07, 0.0, 0.3]]]).expand(4, 1, 3)
    asked = []
    edge = env.ground.edge
    env.ground.edge = lambda *question: asked.append(question[2:]) or edge(*question)
    env.cfg.rules.edge_reach = 0.1
    env.step(torch.zeros(4, 12))
    assert asked == [(0.03, 0.1, 0.05)]
    assert edge(feet, torch.ones(4, 1, dtype=torch.bool), *asked[0]).all()
