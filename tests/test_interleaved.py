"""A teacher and its student with a depth camera in one run: sizes, phases, robots of their own, resume."""

import copy
import io
import math

import pytest
import torch
from g1_depth_training import make_env, make_runner, train_cfg
from rich.console import Console

from legged_gym.envs.g1.g1_depth_config import LEGS
from legged_gym.parts.config import ControlCfg
from legged_gym.registry import get_task
from rsl_rl.config import AlgorithmCfg, TrainCfg
from rsl_rl.factory import make_policy
from rsl_rl.interleaved_config import TeacherStudentCfg
from rsl_rl.modules import TeacherStudent
from rsl_rl.modules.depth_backbone import RecurrentDepthBackbone
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.runners.checkpoints import has_student

GUIDE = ("hip", "knee", "ankle_pitch")  # the ten joints of the G1 depth guide


def equal(first, second):
    """Whether two trees of state are the same to the bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


@pytest.fixture(scope="module")
def env():
    return make_env()


# -- sizes -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("joints", "actions", "proprio"), [(GUIDE, 10, 43), (LEGS, 12, 49)])
def test_widths_follow_from_the_joints_that_are_driven(joints, actions, proprio):
    env = make_env(1, control=ControlCfg(gain_set="armature", driven_joints=joints))
    dims = {name: value.shape[1] for name, value in env.observations.items()}
    assert env.num_actions == actions
    assert dims["proprio"] == dims["student_proprio"] == proprio and dims["teacher_depth"] == dims["depth"] == 4096
    policy = make_policy(dims, env.num_actions, get_task("g1_depth").train_cfg().policy)
    assert policy.actor[0].in_features == proprio + 4096
    assert policy.student.actor[0].in_features == proprio + 32
    if actions == 10:
        assert policy.actor[0].in_features == 4139 and policy.student.actor[0].in_features == 75
        count = [sum(p.numel() for p in part.parameters()) for part in (policy.student.depth_encoder, policy.actor)]
        assert count == [7_315_040, 2_285_194]
        assert sum(p.numel() for p in policy.student.actor.parameters()) == 204_426
        terms = env.observation_layout["proprio"]
        assert list(terms.values()) == [3, 3, 3, 3, 1, 10, 10, 10], "command is 4 wide: velocity and heading"


def test_nothing_activates_what_goes_into_the_recurrence():
    sizes = (64, 64), 43, 32, 512, 0, 0.0, "extreme_parkour"
    guide, parkour = RecurrentDepthBackbone(*sizes, activated_mix=False), RecurrentDepthBackbone(*sizes)
    parkour.load_state_dict(guide.state_dict())
    images, proprio = torch.rand(4, 64, 64), 20.0 * torch.randn(4, 43)
    found = guide.features(images, proprio)
    assert found.min() < -1.0, "less than an ELU gives"
    assert torch.allclose(parkour.features(images, proprio), torch.nn.functional.elu(found), atol=1e-5)


DIMS = {"proprio": 43, "student_proprio": 43, "teacher_depth": 4096, "scan": 187, "privileged": 5}
DIMS |= {"depth": 4096, "new_image": 1, "new_episode": 1}


@pytest.mark.parametrize("teacher", ["depth", "scan"])
def test_the_student_s_actor_is_the_teacher_s_narrowed(teacher):
    policy = TeacherStudent(DIMS, 10, TeacherStudentCfg(teacher=teacher))
    before = policy.student.actor[0].weight.clone()
    policy.student.imitate(policy)
    first, own = policy.actor[0], policy.student.actor[0]
    assert own.in_features == 75 and not torch.equal(own.weight, before)
    assert torch.equal(own.weight[:, :43], first.weight[:, :43]) and torch.equal(own.bias, first.bias)
    if teacher == "depth":
        assert 0.0 < own.weight[:, 43:].abs().max() < 0.06 and first.in_features == 4139
    else:
        assert torch.equal(own.weight, first.weight), "its latent stands in for the scan's"
    for layer in (2, 4, 6):
        assert torch.equal(policy.student.actor[layer].weight, policy.actor[layer].weight)


# -- the environment ---------------------------------------------------------------------------------------------------
def test_joints_that_are_not_driven_are_held(env):
    env.reset()
    env.step(torch.full((4, 12), 0.5))
    targets = env.drive._targets[:, -1] - env.default_joint_pos
    held = [i for i in range(29) if i not in env.driven_joints.tolist()]
    assert len(held) == 17 and (targets[:, held] == 0.0).all() and (targets[:, env.driven_joints] > 0.0).all()
    index, sign = env.mirror("actions")
    assert index.tolist() == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5] and sign.tolist() == [1, -1, -1, 1, 1, -1] * 2
    picture = torch.arange(4096.0)
    index, sign = env.mirror("teacher_depth")
    assert torch.equal((picture[index] * sign).view(64, 64), picture.view(64, 64).flip(1))


def test_a_box_falls_on_the_computed_pixel():
    """Where a box's middle is seen from the torso, by hand: its column, its row and its depth."""
    env = make_env(1)
    shapes, robot = env.ground.shapes, env.sim
    torso = env.robot.body_names.index("torso_link")
    env.camera.position[:] = torch.tensor(env.cfg.camera.position)
    env.teacher_camera.position.copy_(env.camera.position)
    pitch = float(env.teacher_camera.pitch[0])
    w, x, y, z = robot.body_quat_w[0, torso].tolist()
    turn = torch.tensor([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    eye = robot.body_pos_w[0, torso] + turn @ env.teacher_camera.position[0]
    sin, cos = math.sin(pitch), math.cos(pitch)
    ahead, left, up = turn @ torch.tensor([cos, 0.0, -sin]), turn @ torch.tensor([0.0, 1.0, 0.0]), None
    up = torch.linalg.cross(ahead, left)
    tan, row, column = math.tan(math.radians(29.0)), 20, 45
    across, upwards = tan * (1 - (2 * column + 1) / 64), tan * (1 - (2 * row + 1) / 64)
    centre = eye + 1.2 * (ahead + across * left + upwards * up)
    tile = int(shapes.row[0])
    shapes.centre[tile, 0], shapes.half_size[tile, 0] = centre, torch.full((3,), 0.01)
    shapes.half_size[tile, 1:] = 0.0
    shapes.quat[tile, 0] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    depth = env.teacher_camera.render(torch.tensor([True]))[0]
    assert depth[row, column].item() == pytest.approx(1.2, abs=0.02)
    assert depth[row - 2, column] > 1.3 and depth[row, column - 2] > 1.25 and depth[row, column + 2] > 1.25


def test_the_teacher_sees_a_clean_image_without_its_own_body(env):
    env.reset()
    assert torch.equal(env.teacher_image, 0.1 * env.teacher_camera.image.flatten(1))
    assert env.teacher_camera.cfg.latency == (0.0, 0.0) and env.camera.cfg.latency == (0.1, 0.1)
    body = env.camera.render(env.everyone).clone()
    assert (env.teacher_camera.render(env.everyone) - body > 0.05).any(), "something of the robot is in its own view"
    assert torch.isfinite(env.observations["teacher_depth"]).all()
    assert (env.observations["student_proprio"][:, :3] == 0.0).all(), "no robot measures its velocity"
    assert torch.equal(env.observations["student_proprio"][:, 3:], env.observations["proprio"][:, 3:])


def test_the_heading_error_is_that_of_the_course(env):
    env.reset()
    for _ in range(3):
        env.step(torch.zeros(4, 12))
    column, led = env.groups["proprio"].columns("heading_error"), env.velocity_commands.led
    moving = env.commands[:, 0] > 0.0
    expected = torch.where(led & moving, env.course.yaw_errors[:, 0], 0.0)
    assert torch.allclose(env.observations["proprio"][:, column][:, 0], expected, atol=1e-5) and led.any()
    env.velocity_commands.steer((0.4, 0.0, 0.2))
    env.step(torch.zeros(4, 12))
    env.velocity_commands.steer(None)
    assert (env.velocity_commands.heading_error == 0.0).all()


# -- phases ------------------------------------------------------------------------------------------------------------
def test_whose_turn_it_is(env):
    runner = make_runner(env, teacher_iterations=6, interval=2, warm_up=3)
    phases = runner.algorithm.phases
    due = [[p.name for p in runner.phases if p.name in names] for names in turns(phases, 9)]
    warm, distill = ["ppo", "warm_up"], ["ppo", "distill"]
    assert due == [["ppo"], warm, ["ppo"], distill, ["ppo"], distill, ["closing"], ["closing"], ["closing"]]
    assert all(p.env is runner.apart[0] for p in phases if p.name != "ppo") and runner.apart[0].num_envs == 3
    assert {p.num_steps for p in phases if p.name != "ppo"} == {10}


def turns(phases, number):
    from rsl_rl.algorithms.phases import due

    return [{p.name for p in due(phases, iteration)} for iteration in range(number)]


def test_24_steps_are_five_images():
    cfg = train_cfg()
    cfg.algorithm.depth_steps_per_env = 24
    runner = OnPolicyRunner(make_env(2), cfg, None, "cpu", console=Console(file=io.StringIO()))
    assert runner.phases[1].num_steps == 25 and len(runner.algorithm.distillation.storage.images) == 5


def snapshot(runner):
    """Of the teacher: its weights and optimiser; and its robots with their curriculum."""
    own = {k: v.clone() for k, v in runner.algorithm.policy.state_dict().items() if not k.startswith("student.")}
    moments = copy.deepcopy(runner.algorithm.optimizer.state_dict())
    return own, moments, copy.deepcopy(runner.env.state_dict()), runner.env.curriculum_state_dict()


def student_of(runner):
    return {name: value.clone() for name, value in runner.algorithm.policy.student.state_dict().items()}


def test_a_distillation_leaves_the_teacher_and_its_robots_alone(env):
    runner = make_runner(env, teacher_iterations=1, interval=1)
    runner.learn(1)
    before, student = snapshot(runner), student_of(runner)
    steps = runner.apart[0].step_count.item()
    runner.learn(1)  # the closing one: nothing but distillation
    assert equal(snapshot(runner), before)
    assert not equal(student_of(runner), student) and runner.apart[0].step_count.item() == steps + 10


def test_ppo_leaves_the_student_and_its_robots_alone(env):
    runner = make_runner(env, teacher_iterations=9, interval=3)
    student, before = student_of(runner), copy.deepcopy(runner.apart[0].state_dict())
    teacher = snapshot(runner)[0]
    runner._start_episodes = lambda: None
    runner.learn(2)
    assert equal(student_of(runner), student) and equal(runner.apart[0].state_dict(), before)
    assert not equal(snapshot(runner)[0], teacher)


def distilled(env, **settings):
    runner = make_runner(env, teacher_iterations=1, interval=1, **settings)
    runner.learn(1)
    return runner, runner.algorithm.distillation


@pytest.mark.parametrize("teacher", ["depth", "scan"])
def test_gradients_reach_the_first_convolution_through_time(env, teacher):
    runner, distillation = distilled(env, teacher=teacher)
    student, window = distillation.policy, distillation.storage
    window.frame_start.zero_()
    window.images = window.images.float().requires_grad_()
    latents, *_ = distillation.seen(torch.arange(3))
    latents[-1].square().sum().backward()
    assert (window.images.grad.abs().amax((1, 2)) > 0.0).all(), "of both images, the first through the memory"
    runner.algorithm.policy.zero_grad()
    sum(distillation.losses(torch.arange(3)).values()).backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0.0, name
    others = {n: p for n, p in runner.algorithm.policy.named_parameters() if not n.startswith("student.")}
    assert all(p.grad is None for p in others.values()), "nothing of it teaches the teacher"


@pytest.mark.parametrize("columns", [(0, 0), (0, 2)])
def test_what_is_told_is_a_setting(env, columns):
    cfg = train_cfg(teacher_iterations=1, interval=1)
    cfg.policy.student.told_columns = columns
    runner = OnPolicyRunner(env, cfg, None, "cpu", console=Console(file=io.StringIO()))
    runner.learn(1)
    assert runner.algorithm.distillation.storage.explicit.shape[2] == columns[1]


def test_the_memory_is_empty_where_an_episode_began(env):
    runner, distillation = distilled(env)
    apart = runner.apart[0]
    assert distillation.acting.hidden.abs().min(1).values.max() > 0.0
    apart.episode_length[1] = apart.max_episode_length  # its time is up
    distillation._step(apart, torch.zeros(3, 12))
    for memory in (distillation.acting.hidden, distillation.acting.latent):
        assert (memory[1] == 0.0).all() and (memory[0] != 0.0).any()
    in_use = runner.algorithm.policy.student.in_use(3)
    in_use(apart.observations)
    assert in_use.hidden.shape == (3, 16)


def test_the_window_has_what_acted_and_what_the_teacher_would_have_done():
    runner = make_runner(make_env(), teacher_iterations=1, interval=1)
    policy, apart, seen, taken = runner.algorithm.policy, runner.apart[0], [], []
    step = apart.step

    def spy(actions):
        seen.append({name: value.clone() for name, value in apart.observations.items()})
        taken.append(actions.clone())
        return step(actions)

    apart.step = spy
    update = runner.phases[1].update
    weights = {}

    def before_update(last):
        weights.update(copy.deepcopy(policy.state_dict()))
        window = runner.algorithm.distillation.storage
        known = [{**row, "proprio": row["true_proprio"]} for row in seen[-10:]]
        labels = torch.stack([policy.act_inference(row) for row in known])
        assert torch.allclose(window.labels, labels, atol=1e-5)
        latents, *_ = runner.algorithm.distillation.seen(torch.arange(3))
        actions = policy.student.means(window.proprio, latents)
        assert torch.allclose(actions, torch.stack(taken[-10:]), atol=1e-3)
        assert torch.equal(window.explicit, torch.stack([row["true_proprio"][:, :3] for row in seen[-10:]]))
        assert torch.equal(window.frame_ground, torch.stack([row["scan"] for row in seen[-10::5]]))
        noise = torch.stack([row["true_proprio"] - row["proprio"] for row in seen])
        assert (noise[..., :3] != 0.0).any() and (noise[..., 3:] == 0.0).all(), "of the velocity alone"
        return update(last)

    phases = [p for p in runner.phases]
    object.__setattr__(phases[1], "update", before_update)
    runner.learn(1)
    assert weights


# -- saving ------------------------------------------------------------------------------------------------------------
def test_resume_is_exact_in_every_phase(tmp_path):
    settings = dict(teacher_iterations=4, interval=2, warm_up=2)
    whole = make_runner(make_env(), tmp_path, **settings)
    whole.cfg.runner.save_interval = 1
    whole._save_run = lambda: whole.save(tmp_path / str(whole.iteration) / "model.pt")
    whole.learn(6)
    expected = whole.algorithm.state_dict()
    for iteration in (1, 2, 3, 5):
        again = make_runner(make_env(), **settings)
        again.load(tmp_path / str(iteration) / "model.pt")
        assert again.iteration == iteration and again._running_episodes
        again.learn(6 - iteration)
        found = again.algorithm.state_dict()
        for key in ("policy", "optimizer", "student", "learning_rate"):
            assert equal(found[key], expected[key]), (iteration, key)
        assert equal(again.env.state_dict(), whole.env.state_dict())
        assert equal(again.apart[0].state_dict(), whole.apart[0].state_dict())


def test_with_another_number_of_the_student_s_robots_episodes_start_afresh(tmp_path):
    settings = dict(teacher_iterations=4, interval=2)
    runner = make_runner(make_env(), tmp_path, **settings)
    runner.learn(2)
    cfg = train_cfg(**settings)
    cfg.algorithm.student_envs = 5
    again = OnPolicyRunner(make_env(), cfg, None, "cpu", console=Console(file=io.StringIO()))
    again.load(tmp_path / "model_2.pt")
    assert not again._running_episodes
    again.learn(2)


def test_the_student_plays_or_there_is_an_error(env, tmp_path):
    runner = make_runner(env, tmp_path, teacher_iterations=4, interval=2)
    runner.learn(1)
    early = tmp_path / "model_1.pt"
    assert not has_student(early)
    with pytest.raises(ValueError, match="the student of .*model_1.pt has learnt nothing yet"):
        load_policy(early, "cpu", env, student=True)
    runner.learn(1)
    path = tmp_path / "model_2.pt"
    assert has_student(path)
    env.reset()
    student, teacher = load_policy(path, "cpu", env, student=True), load_policy(path, "cpu", env)
    observations = {name: value.clone() for name, value in env.observations.items()}
    observations["new_image"].fill_(1.0)
    seeing = student(observations)
    assert (seeing - teacher(observations)).abs().max() > 1e-3
    assert torch.allclose(teacher(observations), runner.algorithm.policy.act_inference(observations), atol=1e-6)
    saved = {k: v for k, v in torch.load(path, weights_only=True)["policy"].items() if k.startswith("student.actor")}
    average = runner.algorithm.distillation.average.actor.state_dict()
    assert equal({k.removeprefix("student.actor."): v for k, v in saved.items()}, average)
    blind = load_policy(path, "cpu", env, student=True)
    assert (blind({**observations, "depth": torch.full_like(observations["depth"], -0.5)}) - seeing).abs().max() > 0.0
    plain = {**observations, "teacher_depth": torch.zeros_like(observations["teacher_depth"])}
    assert torch.equal(load_policy(path, "cpu", env, student=True)(plain), seeing), "it reads nothing of its teacher's"


def test_clear_errors(env):
    cfg = train_cfg()
    cfg.algorithm.student_envs = 1
    with pytest.raises(ValueError, match="algorithm.student_envs is 1: they do not fill"):
        OnPolicyRunner(env, cfg, None, "cpu")
    cfg = train_cfg()
    cfg.policy.student.image_shape = (58, 87)
    with pytest.raises(ValueError, match="images have 4096 pixels: policy.student.image_shape is 58 x 87"):
        OnPolicyRunner(env, cfg, None, "cpu")
    go2 = get_task("go2")
    small = go2.env_cfg()
    small.env.num_envs, small.sim.num_threads = 2, 1
    with pytest.raises(ValueError, match="trains TeacherStudent, not ActorCritic"):
        wrong = TrainCfg(policy=go2.train_cfg().policy, algorithm=train_cfg().algorithm)
        OnPolicyRunner(go2.make_env(small, "cpu"), wrong, None, "cpu")
    with pytest.raises(ValueError, match="does not train the student of TeacherStudent"):
        OnPolicyRunner(env, TrainCfg(policy=train_cfg().policy, algorithm=AlgorithmCfg()), None, "cpu")
