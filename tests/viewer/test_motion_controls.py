"""The page of robots that follow motions."""

import numpy as np
import pytest
import torch
from pages import click, make

from legged_gym import make as make_env
from legged_gym.viewer.page import curves as curves_module
from legged_gym.viewer.page.training_viewer import TrainingViewer
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.clock import Clock
from legged_gym.viewer.playing.player import Player


@pytest.fixture(scope="module")
def env():
    return make("g1_deepmimic_mocap", 3)


@pytest.fixture
def viewer(env):
    env.reset()
    viewer = ViserViewer(Player(env, lambda observations: torch.zeros(3, 29)))
    viewer.pick(1)
    viewer.requests.run()
    yield viewer
    env.carried = None
    viewer.close()


def test_the_picked_robot_follows_the_clip_that_is_chosen(env, viewer) -> None:
    control, motion = viewer.control, env.parts["motion"]
    command = control.command
    assert command.from_sliders.disabled and command.vx.disabled, "nobody steers"
    command._move(command.vx, 0.1)
    command._stop()
    command.drive(1.0, 0.0, 0.02)
    assert not command.from_sliders.value and command.vx.value == 0.0
    names = motion.library.names
    assert control.motion.clip.value == names[int(motion.clip[1])]
    others = motion.clip[[0, 2]].tolist()
    control.motion.clip.value, control.motion.start.value = "squat", 40
    click(control.motion.follow)
    viewer.requests.run()
    viewer._player.step()
    assert names[int(motion.clip[1])] == "squat" and int(motion.frame[1]) == 40 and int(env.episode_length[1]) == 0
    assert motion.clip[[0, 2]].tolist() == others
    for _ in range(5):
        env.reset()
        assert names[int(motion.clip[1])] == "squat"
    viewer.report(Clock(env.dt))
    last = int(motion.library.length[names.index("squat")]) - 1
    assert f"squat: frame 40 of {last}, 0.80 s" in control.motion.text.content
    assert "left_ankle_roll_link: up (motion: down)" in control.motion.text.content, "no step was made"
    assert control.motion.phase.value == pytest.approx(100 * 40 / last)
    click(control.motion.anywhere)
    viewer.requests.run()
    seen = set()
    for _ in range(20):
        env.reset()
        seen.add(int(motion.clip[1]))
    assert len(seen) > 3


def test_kinematic_replay_of_the_picked_robot(env, viewer) -> None:
    motion = env.parts["motion"]
    viewer.control.motion.clip.value, viewer.control.motion.start.value = "walk", 0
    click(viewer.control.motion.follow)
    viewer.control.motion.replay.value = True
    viewer.requests.run()
    for _ in range(120):  # nobody who acts not at all walks for so long
        viewer._player.step()
    assert int(motion.frame[1]) > 110 and float(env.link_error[1].max()) < 1e-4
    torch.testing.assert_close(env.sim.qpos[1], motion.qpos[1])
    assert float(env.link_error[[0, 2]].max()) > 1e-3
    viewer.pick(0)
    viewer.requests.run()
    assert not viewer.control.motion.replay.value
    viewer.pick(1)
    viewer.requests.run()
    assert viewer.control.motion.replay.value
    viewer.control.motion.replay.value = False
    viewer.requests.run()
    for _ in range(5):
        viewer._player.step()
    assert float(env.link_error[1].max()) > 1e-3
    click(viewer.control.motion.anywhere)
    viewer.requests.run()


def test_ghost_and_key_points(env, viewer) -> None:
    view, motion = viewer.motion, env.parts["motion"]
    viewer._player.step()
    view.aside.value = 1.0
    view.target.value = view.current.value = view.velocity.value = view.feet.value = True
    viewer.draw()
    offset = viewer.scene.offsets[1]
    links = motion.links[1].numpy()
    np.testing.assert_allclose(view._target.points, links[:, :3] + offset, atol=1e-5)
    ahead = view._velocity.points[:, 1] - view._velocity.points[:, 0]
    np.testing.assert_allclose(ahead, 0.1 * links[:, 7:10], atol=1e-5)
    np.testing.assert_allclose(view._current.points, env.sim.body_pos_w[1, env.tracked].numpy() + offset, atol=1e-5)
    pelvis = next(handle for link, handle in view._links if view._skeleton.body_names[link] == "pelvis")
    distance = np.array(pelvis.position) - (motion.qpos[1, :3].numpy() + offset)
    assert np.linalg.norm(distance) == pytest.approx(1.0, abs=1e-5) and abs(distance[2]) < 1e-6
    if motion.contacts[1].any():
        low = view._feet.points[:, 2]
        assert len(low) == int(motion.contacts[1].sum()) and (np.abs(low) < 0.05).all(), "at the soles"
    view.ghost.value = view.target.value = False
    viewer.draw()
    assert not pelvis.visible and not view._target.visible


def test_curves(env, viewer, monkeypatch) -> None:
    monkeypatch.setattr(curves_module, "INTERVAL", 0.0)
    monkeypatch.setattr(curves_module, "REFRESH", 0.0)
    viewer.curves._next_sample = viewer.curves._next_refresh = 0.0
    joint = env.robot.joint_names.index("left_knee_joint")
    for what in viewer.curves._readers:
        viewer.curves.what.value = what
        viewer.draw()
        for _ in range(3):
            viewer._player.step()
            viewer.draw()
        names, read = viewer.curves._readers[what]
        plotted = [series.get("label") for series in viewer.curves.plot.series]
        assert plotted == ["s", *names] and len(viewer.curves.plot.data) == 1 + len(names)
        last = [values[-1] for values in viewer.curves.plot.data[1:]]
        np.testing.assert_allclose(last, read(1).numpy(), atol=1e-6)
        assert viewer.curves.plot.data[0][-1] == 0.0
    names, read = viewer.curves._readers["errors of joint angles, rad"]
    off = env.sim.joint_pos[1, joint] - env.parts["motion"].qpos[1, 7 + joint]
    assert float(read(1)[names.index("left_knee")]) == pytest.approx(float(off))
    places = viewer.curves._readers["errors of places, mm"][1](1)
    assert float(places[0]) == pytest.approx(1e3 * float(env.link_error[1].mean()), rel=1e-5)


def test_disturbances(env, viewer) -> None:
    folder, random = viewer.control.disturbances, env.randomization
    assert not random.torque_offset.any() and (random.kp_factor == random.kp_strength).all()
    folder.torque.value = folder.p_gain.value = True
    folder.torque_scale.value, folder.p_gain_scale.value = 0.2, 0.3
    folder.push.value, folder.push_speed.value = True, 0.7
    viewer.requests.run()
    assert 0.1 < float(random.torque_offset.std()) < 0.3 and 0.2 < float(random.kp_factor.std()) < 0.4
    assert env.cfg.domain_rand.push_robots and env.cfg.domain_rand.max_push_vel_xy == 0.7
    folder.torque.value = folder.p_gain.value = folder.push.value = False
    viewer.requests.run()
    assert (random.kp_factor == random.kp_strength).all() and not env.cfg.domain_rand.torque_rfi_rand


def test_boxes_of_clips_are_drawn() -> None:
    files = ("motions/g1/walk_slow.npz", "motions/g1/box_8cm.npz")
    few = {"deepmimic.motions": files, "deepmimic.mirrored": False, "sim.num_threads": 1, "viser.port": 0}
    env = make_env("g1_deepmimic", 2, cfg=lambda cfg: cfg.play(), **few)
    env.motion.place(env.everyone, torch.tensor([1, 0]))
    env.reset()
    viewer = ViserViewer(Player(env, lambda observations: torch.zeros(2, 29)))
    scales = viewer.scene.ground._boxes.batched_scales.reshape(2, -1, 3)
    np.testing.assert_allclose(scales[0, 0], 2.0 * env.motion.library.boxes[1][0, 7:], atol=1e-5)
    assert not scales[1].any()
    viewer.ground.value = viewer.robots.value = False
    viewer.requests.run()
    assert not viewer.scene.ground._boxes.visible and not viewer.scene.handles[0][1].visible
    viewer.close()
    training = TrainingViewer(env, lambda: "learning")
    np.testing.assert_allclose(training._scene.ground._boxes.batched_scales.reshape(2, -1, 3), scales)
    training.close()
