"""Mirror images, worked out by hand and by the physics, and PPO that learns from them."""

from types import SimpleNamespace
from unittest.mock import Mock

import mujoco
import pytest
import torch
from ppo_models import OBS_DIMS, fill, make_policy

from legged_gym import make
from legged_gym.mirror import AXIAL, RobotMirror
from legged_gym.observations import Group, History, Term
from legged_gym.registry import all_tasks, get_task
from legged_gym.robots import GO2
from legged_gym.robots.spec import RobotSpec
from legged_gym.sensors.height_scan import HeightScan
from legged_gym.terrain.registry import proportions
from legged_gym.utils.errors import UserError
from rsl_rl.algorithms.ppo import MIRRORED, PPO
from rsl_rl.algorithms.symmetry import Symmetry
from rsl_rl.config import AlgorithmCfg, RmaAlgorithmCfg, RmaPolicyCfg
from rsl_rl.factory import make_algorithm
from rsl_rl.factory import make_policy as build_policy


@pytest.fixture(scope="module")
def env():
    settings = {"domain_rand.push_robots": False, "noise.add_noise": False, "sim.num_threads": 1}
    random = {f"domain_rand.randomize_{name}": False for name in ("friction", "base_mass", "base_com")}
    return make("go2", 2, "cpu", **settings, **random, **{"domain_rand.randomize_motor_strength": False})


def image(env, name, value):
    index, sign = env.mirror(name)
    return value[:, index] * sign


# -- what mirrors what -------------------------------------------------------------------------------------------------


def test_joints_of_the_go2(env):
    """FL, FR, RL, RR x (hip, thigh, calf): left and right change places, and hips their direction."""
    index, sign = env.mirror("actions")
    assert index.tolist() == [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]
    assert sign.tolist() == [-1, 1, 1] * 4


def test_groups_of_the_go2(env):
    proprio = torch.arange(1.0, 46.0)[None]
    found = image(env, "proprio", proprio)[0].tolist()
    assert found[:3] == [-1, 2, -3], "angular velocity"
    assert found[3:6] == [4, -5, 6], "gravity"
    assert found[6:9] == [7, -8, -9], "commands: forward, left, turn"
    assert found[9:15] == [-13, 14, 15, -10, 11, 12], "joint angles of the front legs"
    privileged = image(env, "privileged", torch.arange(1.0, 37.0)[None])[0].tolist()
    assert privileged[:7] == [1, -2, 3, 5, 4, 7, 6], "velocity, and contacts of FL, FR, RL, RR"
    assert privileged[7:12] == [8, 9, 10, -11, 12], "friction, mass, centre of mass"
    assert privileged[12:18] == [16, 17, 18, 13, 14, 15], "gains have no direction"


def test_twice_is_once(env):
    for name in (*env.groups, "actions"):
        index, sign = env.mirror(name)
        x = torch.randn(4, len(index))
        assert torch.equal((x[:, index] * sign)[:, index] * sign, x)


OURS, BIPEDS = "legged_gym.envs.", "legged_gym.envs.g1."
MODULES = {name: get_task(name).env_cfg_class.__module__ for name in all_tasks()}
QUADRUPEDS = [name for name, module in MODULES.items() if module.startswith(OURS) and not module.startswith(BIPEDS)]
NO_MIRROR = {"depth", "new_image", "new_episode"}


@pytest.mark.parametrize("name", QUADRUPEDS)
def test_every_quadruped_says_how_it_mirrors(name):
    """All groups; images, which nobody mirrors, are refused by name."""
    few = {"terrain.num_columns": 20} if hasattr(get_task(name).env_cfg().terrain, "num_columns") else {}
    found = make(name, 2, "cpu", **{"sim.num_threads": 1} | few)
    for group, values in found.observations.items():
        if group in NO_MIRROR:
            with pytest.raises(ValueError, match=f"^observation group {group} does not say how it mirrors$"):
                found.mirror(group)
            continue
        index, sign = found.mirror(group)
        x = torch.randn(3, values.shape[1])
        assert torch.equal((x[:, index] * sign)[:, index] * sign, x), group


def move_alike(env, names, place, steps, tolerance):
    """Robot 1 starts as robot 0 looks in the mirror and does what robot 0 does there; the groups `names` stay alike."""
    torch.manual_seed(1)
    env.reset()
    qpos, qvel = env.sim.qpos.clone(), env.sim.qvel.clone()
    tilt, position = torch.tensor([0.99, 0.05, 0.08, 0.1]), torch.tensor(place)
    qpos[0, :7] = torch.cat([position, tilt / tilt.norm()])
    qvel[0, :6] = 0.3 * torch.randn(6)
    qpos[0, 7:] += 0.1 * torch.randn(12)
    vector, axial = torch.tensor([1.0, -1.0, 1.0]), torch.tensor(AXIAL)
    qpos[1] = torch.cat(
        [qpos[0, :3] * vector, qpos[0, 3:4], qpos[0, 4:7] * axial, image(env, "actions", qpos[:1, 7:])[0]]
    )
    joints = image(env, "actions", qvel[:1, 6:])[0]
    qvel[1] = torch.cat([qvel[0, :3] * vector, qvel[0, 3:6] * axial, joints])
    env.sim.set_state(torch.ones(2, dtype=torch.bool), qpos, qvel)
    env.commands[:] = torch.tensor([[0.5, 0.2, -0.3], [0.5, -0.2, 0.3]])[:, : env.commands.shape[1]]
    for _ in range(steps):
        action = torch.randn(1, 12)
        env.step(torch.cat([action, image(env, "actions", action)]))
    assert not env.dones.any()
    for name in names:
        values = env.observations[name]
        assert (image(env, name, values[:1]) - values[1:]).abs().max() < tolerance, name
    assert env.rewards[0].item() == pytest.approx(env.rewards[1].item(), abs=1e-3)


def test_a_robot_and_its_mirror_image_move_alike(env):
    names = ("proprio", "privileged")
    move_alike(env, names, (0.0, 0.1, 0.35), steps=25, tolerance=2e-2)
    for name in names:
        values = env.observations[name]
        assert (values[:1] - values[1:]).abs().max() > 0.5, f"{name}: the two are not the same"


def test_so_do_galileos_among_bars():
    """Before a frame across the middle of the course, with all that they observe. The centre of mass of their base,
    which the robot has 4.6 mm beside the middle, is put there; the rest of its inertia is nearly symmetric."""
    random = ("friction", "base_mass", "base_com", "motor_strength")
    still = {f"domain_rand.randomize_{name}": False for name in random}
    still |= {"domain_rand.push_robots": False, "noise.add_noise": False, "sim.num_threads": 1}
    shares = vars(proportions(competition=1.0))
    course = {f"terrain.proportions.{name}": share for name, share in shares.items()} | {"terrain.lateral": 0.0}
    galileos = make("galileo_parkour_teacher", 2, "cpu", **still, **course)
    galileos.sim.set_base_inertia(torch.zeros(2), torch.tensor([[0.0, 0.0045651, 0.0]] * 2))
    move_alike(galileos, tuple(galileos.groups), (1.0, 0.1, 0.42), steps=12, tolerance=2e-2)
    values = galileos.observations
    assert (values["priv_explicit"][:, 6:8] == torch.tensor([1.0, 0.0])).all(), "a bar to jump over is near"
    for name in ("proprio", "scan", "priv_explicit"):
        assert (values[name][:1] - values[name][1:]).abs().max() > 0.05, f"{name}: the two are not the same"


def test_what_cannot_be_mirrored(env):
    mirror = RobotMirror(env.robot_spec)
    zeros = torch.zeros(2, 3)

    def group(**term):
        return Group("g", [Term("t", lambda: zeros, "measured", **term)], clip=1.0)

    with pytest.raises(UserError, match=r"^term t of observation group g does not say how it mirrors \(Term.mirror\)$"):
        group().mirror(mirror)
    with pytest.raises(UserError, match="its offset is not the same on the left and the right"):
        group(mirror=(1, -1, 1), offset=0.5).mirror(mirror)
    with pytest.raises(UserError, match="t of observation group g is 3 wide, its mirroring 'joints' is for 12 numbers"):
        group(mirror="joints").mirror(mirror)
    found = History("h", group(mirror=AXIAL, scale=(2.0, 1.0, 2.0)), 2).mirror(mirror)
    assert found.index.tolist() == [0, 1, 2, 3, 4, 5] and found.sign.tolist() == [-1, 1, -1, -1, 1, -1]
    lame = mujoco.MjSpec.from_file(str(GO2.source))
    lame.body("FL_calf").pos[2] += 0.05
    with pytest.raises(UserError, match="joint FL_calf_joint has no counterpart on the other side"):
        RobotMirror(RobotSpec.load(lame, GO2.feet.split()))


# -- learning ----------------------------------------------------------------------------------------------------------


class Mirrored:
    """Five numbers of which the first two change places, three that change signs; two actions that change places."""

    def __init__(self):
        self.images = {
            "proprio": (torch.tensor([1, 0, 2, 3, 4]), torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])),
            "privileged": (torch.tensor([0, 1, 2]), torch.tensor([-1.0, -1.0, -1.0])),
            "actions": (torch.tensor([1, 0]), torch.tensor([1.0, 1.0])),
        }

    def mirror(self, name):
        return self.images[name]


def mirrored_ppo(**cfg):
    torch.manual_seed(0)
    cfg = AlgorithmCfg(num_mini_batches=2, num_learning_epochs=2, **cfg)
    dims = OBS_DIMS | {"teacher_only": 4}
    return PPO(make_policy(), dims, 8, 6, cfg, symmetry=Symmetry(Mirrored(), OBS_DIMS))


def a_batch(ppo):
    ppo.begin(None, 0)
    ppo.prepare(fill(ppo))
    ppo.storage.indices.copy_(torch.randperm(ppo.storage.num_samples)[: ppo.storage.mini_batch_size])
    return ppo.storage.gather(ppo.step_groups)


def test_a_doubled_minibatch():
    ppo = mirrored_ppo(mirror_augmentation=True)
    batch = a_batch(ppo)
    doubled, rows = ppo.symmetry.doubled(batch), ppo.storage.mini_batch_size
    assert all(len(value) == 2 * rows for value in (*doubled.decisions(), *doubled.observations.values()))
    o, p = batch.observations["proprio"], doubled.observations["proprio"]
    assert torch.equal(p[:rows], o)
    assert torch.equal(p[rows:], torch.stack([o[:, 1], o[:, 0], o[:, 2], -o[:, 3], -o[:, 4]], 1))
    assert torch.equal(doubled.observations["privileged"][rows:], -batch.observations["privileged"])
    assert torch.equal(doubled.actions[rows:], batch.actions.flip(1))
    assert torch.equal(doubled.means[rows:], batch.means.flip(1))
    for name in ("log_probs", "values", "returns", "advantages"):
        assert torch.equal(getattr(doubled, name), getattr(batch, name).repeat(2)), name


def test_the_mirror_loss():
    """Of a quarter of the rows."""
    ppo = mirrored_ppo(mirror_loss_coef=0.5)
    batch = a_batch(ppo)
    means = ppo.means(batch)
    other = {**batch.observations, **ppo.symmetry.observations(batch.observations)}
    expected = (
        (ppo.policy.act_inference(other) - means.flip(1))[: ppo.storage.mini_batch_size // MIRRORED].square().mean()
    )
    ppo.ppo_loss(batch, means)
    assert ppo.losses[ppo.loss_names.index("mirror")].item() == pytest.approx(expected.item(), rel=1e-5)
    without = ppo.cfg.mirror_loss_coef * expected
    plain = mirrored_ppo()
    plain.old_log_std.copy_(ppo.old_log_std)
    assert ppo.ppo_loss(batch, means).item() == pytest.approx((plain.ppo_loss(batch, means) + without).item(), rel=1e-5)
    assert ppo.update(fill(ppo))["mirror"] > 0.0


@pytest.mark.parametrize("setting", [{"mirror_augmentation": True}, {"mirror_loss_coef": 1.0}])
def test_policies_become_symmetric(setting):
    def asymmetry(ppo):
        observations = {name: torch.randn(500, width) for name, width in OBS_DIMS.items()}
        there = ppo.policy.act_inference(ppo.symmetry.observations(observations))
        means = ppo.policy.act_inference(observations)
        return ((there - means.flip(1)).norm() / means.norm()).item()

    def trained(**cfg):
        """Paid for its first action alone, which is to be the first observation; the mirror image says the rest."""
        ppo = mirrored_ppo(schedule="fixed", learning_rate=3e-3, entropy_coef=0.0, **cfg)
        for iteration in range(25):
            ppo.begin(None, iteration)
            for _ in range(ppo.storage.num_steps):
                with torch.no_grad():
                    seen = {name: torch.randn(6, width) for name, width in (OBS_DIMS | {"teacher_only": 4}).items()}
                    actions = ppo.act(seen)
                    reward = -(actions[:, 0] - seen["proprio"][:, 0]).square()
                    ppo.record(reward, torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool))
            ppo.update(seen)
        return asymmetry(ppo)

    assert trained(**setting) < 0.6 * trained()


def test_who_cannot_learn_so():
    with pytest.raises(ValueError, match="need to know what mirrors what"):
        PPO(make_policy(), OBS_DIMS, 8, 6, AlgorithmCfg(mirror_augmentation=True))
    with pytest.raises(ValueError, match="the environment does not say how it looks in a mirror"):
        Symmetry(SimpleNamespace(), OBS_DIMS)
    env = make("go2_parkour_teacher", 2, "cpu", **{"sim.num_threads": 1, "terrain.num_columns": 20})
    for setting, value in (("mirror_augmentation", True), ("mirror_loss_coef", 0.5)):
        wrong = "scan_of_nobody does not say how it mirrors"
        env_without = SimpleNamespace(mirror=Mock(side_effect=ValueError(wrong)))
        with pytest.raises(ValueError, match=f"^algorithm.{setting} is {value}: {wrong}$"):
            Symmetry.wanted(env_without, OBS_DIMS, AlgorithmCfg(**{setting: value}))
    assert Symmetry.wanted(SimpleNamespace(), OBS_DIMS, AlgorithmCfg()) is None
    scan, env.scan = env.scan, HeightScan(env.ground, (0.0,), (-0.2, 0.0, 0.1, 0.4), 2)
    with pytest.raises(ValueError, match="^algorithm.mirror_loss_coef is 0.5: perception.scan_y: lines that are not"):
        Symmetry.wanted(env, ["scan"], AlgorithmCfg(mirror_loss_coef=0.5))
    env.scan = scan
    dims = {group: value.shape[1] for group, value in env.observations.items()}
    policy = build_policy(dims, 12, RmaPolicyCfg())
    with pytest.raises(ValueError, match="RmaPPO works out .* once per rollout, which have no mirror images"):
        make_algorithm(policy, env, 4, RmaAlgorithmCfg(mirror_augmentation=True, num_mini_batches=1), graph=False)
    found = make_algorithm(policy, env, 4, RmaAlgorithmCfg(mirror_loss_coef=0.1, num_mini_batches=1), graph=False)
    assert "mirror" in found.loss_names


def test_the_divergence_that_is_aimed_at_falls_in_the_second_half():
    ppo = mirrored_ppo(desired_kl=0.01, final_desired_kl=0.0001)
    ppo.begin_training(200)
    found = []
    for iteration in (0, 100, 150, 200, 300):
        ppo.begin(None, iteration)
        found.append(ppo.desired_kl.item())
    assert found == pytest.approx([0.01, 0.01, 0.001, 0.0001, 0.0001])
    steady = mirrored_ppo()
    steady.begin_training(200)
    steady.begin(None, 199)
    assert steady.desired_kl.item() == pytest.approx(0.01)
