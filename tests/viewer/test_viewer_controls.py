"""The page's controls without a browser: each does to the robots what it says."""

import struct
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pages import click, stand, steps

from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_rotate_inverse, quat_yaw
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.clock import Clock
from legged_gym.viewer.playing.gamepad import Gamepad
from legged_gym.viewer.playing.player import Heading
from rsl_rl.config import DepthPolicyCfg
from rsl_rl.modules.depth_student import DepthStudent, StudentPolicy


def press(viewer: ViserViewer, key: str) -> None:
    """What the browser reports when a key goes down."""
    commands = viewer._server.gui._command_handle_from_uuid.values()
    (command,) = [command for command in commands if command.hotkey == key]
    for callback in command._impl.trigger_cb:
        callback(SimpleNamespace(client=None, target=command))
    viewer.requests.run()


def friction_in_the_simulator(env) -> np.ndarray:
    return env.sim._fields["geom_friction"][:, env.robot.geoms[0], 0]


# -- time --------------------------------------------------------------------------------------------------------------


def test_pause_step_and_reset(env, viewer: ViserViewer) -> None:
    control = viewer.control

    def length_after(count: int) -> int:
        steps(viewer, count)
        return int(env.episode_length[0])

    assert length_after(4) == 4
    click(control.reset_all)
    assert length_after(3) == 3
    control.pause.value = True
    for _ in range(2):
        click(control.step)
    assert length_after(2) == 2, "paused, it goes on by clicks only"
    control.pause.value = False
    click(control.step)
    assert length_after(1) == 1
    assert control.paused, "a step pauses"
    assert not control.may_step()
    press(viewer, "space")
    assert not control.paused
    press(viewer, "N")
    assert control.paused and control.may_step() and not control.may_step()


def test_reset_of_the_picked_robot(env, viewer: ViserViewer) -> None:
    for _ in range(5):
        viewer._player.step()
    viewer.pick(1)
    click(viewer.control.reset_robot)
    viewer.requests.run()
    viewer._player.step()
    assert env.episode_length.tolist() == [6, 0, 6]
    viewer.control.pause.value = True
    click(viewer.control.reset_robot)
    viewer.requests.run()
    assert viewer.control.may_step(), "a pause does not keep it waiting"


def test_speed(env, viewer: ViserViewer) -> None:
    viewer.control._speed.value = 0.5
    seen = []
    viewer.report = lambda clock: seen.append((clock.speed, clock.factor))
    steps(viewer, 20)
    assert seen and seen[-1][0] == 0.5
    assert seen[-1][1] <= 0.55
    clock = Clock(env.dt)
    clock.speed, clock.factor = 4.0, 1.1
    del viewer.report
    viewer.report(clock)
    assert "x 1.10" in viewer._text.content and "slower than asked for" in viewer._text.content


# -- commands ----------------------------------------------------------------------------------------------------------


def test_sliders_command_the_robots_and_their_policy(env, viewer: ViserViewer) -> None:
    seen = []

    def policy(observations: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append(observations["proprio"][:, 6:9] / env.groups["proprio"]._scale[6:9])
        return stand(observations)

    viewer._player.use(policy)
    command = viewer.control.command
    for slider, value in zip((command.vx, command.vy, command.yaw_rate), (0.5, -0.2, 0.4), strict=True):
        slider.value = value
    steps(viewer, 2)
    wanted = torch.tensor([0.5, -0.2, 0.4]).expand(3, 3)
    assert not torch.isclose(env.measured_commands, wanted).all(1).any(), "the checkbox is off"
    command.from_sliders.value = True
    seen.clear()
    steps(viewer, 2)  # it starts with a reset, which draws commands
    torch.testing.assert_close(env.measured_commands, wanted)
    torch.testing.assert_close(seen[0], wanted)
    viewer.report(Clock(env.dt))
    assert "vx" in viewer._text.content and "(+0.50) m/s" in viewer._text.content


def test_keys_move_the_sliders(env, viewer: ViserViewer) -> None:
    command = viewer.control.command
    for key in "IIIKJUO":
        press(viewer, key)
    press(viewer, "U")
    assert command.from_sliders.value
    values = (command.vx.value, command.vy.value, command.yaw_rate.value)
    assert values == pytest.approx((0.2, 0.1, 0.1))
    for _ in range(20):
        press(viewer, "I")
    assert command.vx.value == command.vx.max
    press(viewer, "X")
    assert (command.vx.value, command.vy.value, command.yaw_rate.value) == (0.0, 0.0, 0.0)


def test_keys_leave_alone_what_the_task_never_uses(env, viewer: ViserViewer) -> None:
    command = viewer.control.command
    command.vy.disabled = True
    press(viewer, "U")
    assert not command.from_sliders.value and command.vy.value == 0.0


def test_a_heading_takes_the_place_of_the_goals(courses, course_viewer: ViserViewer) -> None:
    seen = []
    command = course_viewer.control.command
    course_viewer._player.use(lambda groups: seen.append(groups["proprio"].clone()) or stand(groups))
    steps(course_viewer, 1)
    torch.testing.assert_close(seen[-1][:, 6:8], courses.perceived_yaw, msg="to the goals")
    press(course_viewer, "J")
    assert command.own_heading.value and command.heading.value == pytest.approx(0.15)
    yaw = quat_yaw(courses.sim.root_quat_w)
    before = courses.observations["proprio"].clone()
    command.steer()
    course_viewer._player.step()
    torch.testing.assert_close(seen[-1][:, 6:8], (0.15 - yaw)[:, None].expand(3, 2), atol=1e-5, rtol=0.0)
    others = [i for i in range(53) if i not in (6, 7)]
    torch.testing.assert_close(seen[-1][:, others], before[:, others])
    for _ in range(25):
        press(course_viewer, "J")  # past half a turn
    assert -3.15 <= command.heading.value <= 3.15
    command.steer()
    course_viewer._player.step()
    assert seen[-1][:, 6:8].abs().max() == pytest.approx(0.8)


def test_a_heading_steers_a_student_too(courses, course_viewer: ViserViewer) -> None:
    dims = {name: value.shape[1] for name, value in courses.observations.items()}
    policy = StudentPolicy(DepthStudent(dims, 12, DepthPolicyCfg()), 3)
    heading = Heading(courses)
    steered = heading.steer(policy)
    courses.reset()
    with torch.no_grad():
        torch.testing.assert_close(steered(courses.observations), policy(courses.observations))
        heading.set(0.3)
        differs = steered(courses.observations)
        torch.testing.assert_close(steered.yaw, heading.errors().expand(3, 2))
        assert (differs - policy(courses.observations)).abs().max() > 1e-6


def test_gamepad(env, courses, viewer: ViserViewer, course_viewer: ViserViewer, tmp_path, monkeypatch) -> None:
    device = tmp_path / "js0"
    axis, initial, button = 2, 0x80, 1
    events = [(32767, button, 0), (0, initial | axis, 0), (-16384, axis, 1), (16384, axis, 0)]
    device.write_bytes(b"".join(struct.pack("IhBB", 0, *event) for event in events))
    with pytest.raises(UserError, match=f"{device} is no gamepad"):
        Gamepad(device)
    monkeypatch.setattr("legged_gym.viewer.playing.gamepad.is_joystick", lambda file: True)
    gamepad = Gamepad(device)
    command = viewer.control.command
    gamepad.drive(command, env.dt)
    assert command.from_sliders.value
    assert command.vx.value == pytest.approx(0.5 * command.vx.max, abs=1e-3)
    assert command.yaw_rate.value == pytest.approx(-0.8, abs=1e-3)
    command = course_viewer.control.command
    for _ in range(10):
        gamepad.drive(command, 0.02)
    assert command.heading.value == pytest.approx(-0.16, abs=1e-3)
    gamepad.close()
    with pytest.raises(UserError, match="cannot read"):
        Gamepad(tmp_path / "none")


# -- the picked robot --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("towards", "expected"), [("forward", (0.7, 0.0)), ("left", (0.0, 0.7)), ("back", (-0.7, 0.0))]
)
def test_push(env, viewer: ViserViewer, towards: str, expected: tuple[float, float]) -> None:
    viewer.pick(2)
    viewer.control.push_speed.value = 0.7
    before = env.sim.root_lin_vel_w.clone()
    for callback in viewer.control.push._impl.update_cb:  # what a click calls; the first option is set from the start
        callback(SimpleNamespace(target=SimpleNamespace(value=towards)))
    viewer.requests.run()
    change = quat_rotate_inverse(env.sim.root_quat_w, env.sim.root_lin_vel_w - before)
    assert change[:2].abs().max() < 1e-5, "only the picked one"
    assert change[2, :2].tolist() == pytest.approx(expected, abs=1e-4)


def test_body(env, viewer: ViserViewer) -> None:
    viewer.pick(1)
    viewer.requests.run()
    friction, mass = env.randomization.friction.clone(), env.randomization.added_mass.clone()
    control = viewer.control
    assert control.friction.value == pytest.approx(float(friction[1]), abs=0.01)
    assert control.added_mass.value == pytest.approx(float(mass[1]), abs=0.01)
    qpos = env.sim.qpos.clone()
    control.friction.value, control.added_mass.value = 0.1, 4.0
    viewer.requests.run()
    friction[1], mass[1] = 0.1, 4.0
    torch.testing.assert_close(env.randomization.friction, friction)
    torch.testing.assert_close(env.randomization.added_mass, mass)
    assert friction_in_the_simulator(env) == pytest.approx(friction.numpy())
    total = env.sim._batch.expanded("body_mass")[:, env.robot.bodies.start]
    assert total == pytest.approx(env.robot.base_mass + mass.numpy(), abs=1e-5)
    torch.testing.assert_close(env.sim.qpos, qpos)
    viewer.pick(0)
    viewer.requests.run()
    torch.testing.assert_close(env.randomization.friction, friction, msg="to look at a robot does not change it")


def test_terrain(courses, course_viewer: ViserViewer) -> None:
    control, kinds = course_viewer.control, courses.course.types
    course_viewer.pick(1)
    course_viewer.requests.run()
    assert control.terrain.value == kinds[int(courses.course.type[1])]
    others = courses.ground.tile[[0, 2]].tolist()
    control.terrain.value, control.level.value = "gap", 2
    click(control.place)
    course_viewer.requests.run()
    course_viewer._player.step()

    def tile() -> tuple[str, int]:
        level, column = divmod(int(courses.ground.tile[1]), courses.cfg.terrain.num_columns)
        return next(kind for kind, own in courses.course.columns.items() if column in own), level

    assert tile() == ("gap", 2)
    assert int(courses.episode_length[1]) == 0 and int(courses.episode_length[0]) > 0
    assert courses.ground.tile[[0, 2]].tolist() == others
    for _ in range(6):
        courses.reset()
        assert tile() == ("gap", 2)
    click(control.release)
    levels = set()
    for _ in range(20):
        course_viewer.requests.run()
        courses.reset()
        levels.add(tile())
    assert {kind for kind, _ in levels} == {"gap"} and len(levels) > 1
