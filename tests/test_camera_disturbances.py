"""What is wrong with the depth camera's images: they come at a rate, late, noisy, with holes, or not at all."""

import pytest
import torch
from camera_worlds import plain, world

from legged_gym.sensors.depth_camera import DepthCamera


def run(camera, steps, fresh_at=()):
    """The image after each step, while a wall comes nearer by 1 cm each."""
    shown, sim = [], camera._sim
    for step in range(steps):
        sim.root_pos_w[:, 0] = 0.01 * step
        camera.update(torch.tensor(step), torch.tensor([step == 0 or step in fresh_at]))
        shown.append(1.5 - (camera.image[0, 1, 2].item() + 0.5) * 4.0)  # how much nearer the wall was when it was taken
    return [round(value / 0.01) for value in shown]


@pytest.mark.parametrize(
    ("latency", "ages"),
    [(0.0, [0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10]), (0.1, [0] * 10 + [5] * 5), (0.16, [0] * 10 + [2] * 5 + [7] * 5)],
)
def test_images_come_at_their_rate_and_late(latency, ages):
    ground, sim = world([((2.0, 0.0, 0.0), (0.5, 5.0, 5.0))])
    camera = DepthCamera(plain(latency=(latency, latency)), ground, sim, 0.02)
    taken = run(camera, len(ages))
    if latency == 0.16:  # 8 steps: what is handed over at 10 was taken at 2
        assert taken[10:] == ages[10:]
    else:
        assert taken == ages


def watch(camera, steps, fresh_at=()):
    """For each step, the one at which each robot's image at hand was taken: (steps, N)."""
    shown, sim, fresh = [], camera._sim, torch.zeros(camera._sim.num_envs, dtype=torch.bool)
    for step in range(steps):
        sim.root_pos_w[:, 0] = 0.005 * step
        camera.update(torch.tensor(step), fresh | (step == 0 or step in fresh_at))
        shown.append((1.5 - (camera.image[:, 1, 2] + 0.5) * 4.0) / 0.005)
    return torch.stack(shown).round().long()


WALL = [((2.0, 0.0, 0.0), (0.5, 5.0, 5.0))]


def test_every_robot_has_a_latency_of_its_own():
    ground, sim = world(WALL, num_envs=4)
    camera = DepthCamera(plain(latency=(0.0, 0.26)), ground, sim, 0.02)
    camera._draw = lambda fresh: camera.latency.copy_(torch.tensor([0.0, 0.08, 0.1, 0.26]))
    shown = watch(camera, 31)
    assert shown[20].tolist() == [20, 16, 15, 7] and shown[24].tolist() == [20, 16, 15, 7]
    assert shown[25].tolist() == [25, 21, 20, 12] and shown[30].tolist() == [30, 26, 25, 17]
    assert shown[5].tolist() == [5, 1, 0, 0], "what is older than the episode is its first image"


def test_latencies_are_drawn_anew_with_each_episode():
    ground, sim = world(WALL, num_envs=300)
    camera = DepthCamera(plain(latency=(0.04, 0.16)), ground, sim, 0.02)
    camera.update(torch.tensor(0), torch.ones(300, dtype=torch.bool))
    first = camera.latency.clone()
    assert 0.04 <= first.min() < 0.05 and 0.15 < first.max() <= 0.16
    camera.update(torch.tensor(1), torch.arange(300) < 100)
    assert (camera.latency[:100] != first[:100]).all() and torch.equal(camera.latency[100:], first[100:])


def test_jitter_is_of_each_look():
    ground, sim = world(WALL, num_envs=200)
    shown = watch(DepthCamera(plain(latency=(0.1, 0.1), latency_jitter=0.04), ground, sim, 0.02), 41)
    ages = torch.tensor([20, 25, 30])[:, None] - shown[[20, 25, 30]]
    assert set(ages.flatten().tolist()) == {3, 4, 5, 6, 7}
    assert (ages[0] != ages[1]).any() and (ages[1] != ages[2]).any()


def test_a_camera_s_rate_is_not_that_of_the_looks():
    """6.25 Hz: an image every 8 steps, from step 3 on, so in 3, 11, 19, 27, 35; looks in 5, 10, 15, …"""
    ground, sim = world(WALL, num_envs=2)
    camera = DepthCamera(plain(rate=(6.25, 20.0), latency=(0.0, 0.0)), ground, sim, 0.02)
    camera.period.copy_(torch.tensor([0.16, 0.05]))
    camera._draw = lambda fresh: camera.phase.copy_(torch.tensor([0.06, 0.0]))
    rendered, render = [], camera.render
    camera.render = lambda mask: (rendered.append(mask.clone()), render(mask))
    shown = watch(camera, 36)
    assert shown[[5, 10, 15, 20, 25, 30, 35], 0].tolist() == [3, 3, 11, 19, 19, 27, 35]
    # 20 Hz, 2.5 steps: 0, 2.5, 5, … of which the whole steps before are 0, 2, 5, 7, 10
    assert shown[[4, 5, 9, 10, 35], 1].tolist() == [0, 5, 5, 10, 35]
    assert torch.stack(rendered).sum(0).tolist() == [6, 8], "no image is rendered that nobody sees"


def test_images_of_another_rate_are_late_too():
    ground, sim = world(WALL)
    camera = DepthCamera(plain(rate=(6.25, 6.25), latency=(0.1, 0.1)), ground, sim, 0.02)
    camera._draw = lambda fresh: camera.phase.copy_(torch.tensor([0.06]))
    # Of the images in 3, 11, 19, 27, 35 the newest that is 5 steps old.
    assert watch(camera, 41)[[5, 10, 15, 20, 25, 30, 35, 40], 0].tolist() == [0, 3, 3, 11, 19, 19, 27, 35]


def test_a_dropped_frame_leaves_the_one_before():
    ground, sim = world(WALL, num_envs=500)
    shown = watch(DepthCamera(plain(latency=(0.1, 0.1), dropped_frames=0.2), ground, sim, 0.02), 31)
    assert (shown[30] == 25).float().mean() == pytest.approx(0.8, abs=0.06)
    assert (shown[30] == 20).float().mean() == pytest.approx(0.16, abs=0.05)
    assert (shown[30] <= 20).sum() == (shown[30] != 25).sum()


def test_mounts_differ():
    ground, sim = world(num_envs=300)
    camera = DepthCamera(plain(position=(0.2, 0.0, 0.1), mount_height=(-0.03, 0.03)), ground, sim, 0.02)
    z = camera.position[:, 2]
    assert 0.07 <= z.min() < 0.075 and 0.125 < z.max() <= 0.13 and (camera.position[:, 0] == 0.2).all()


def test_a_new_episode_sees_at_once_and_nothing_of_the_last():
    ground, sim = world([((2.0, 0.0, 0.0), (0.5, 5.0, 5.0))])
    camera = DepthCamera(plain(latency=(0.1, 0.1)), ground, sim, 0.02)
    taken = run(camera, 12, fresh_at=(7,))
    assert taken[7:10] == [7, 7, 7]
    assert taken[10] == 7, "the frame before is of this episode too"


def test_blank_and_noise_and_dropped_frames():
    ground, sim = world([((2.0, 0.0, 0.0), (0.5, 5.0, 5.0))], num_envs=400)
    step, everyone = torch.tensor(0), torch.ones(400, dtype=torch.bool)

    def taken(**changes):
        camera = DepthCamera(plain(latency=(0.0, 0.0), **changes), ground, sim, 0.02)
        camera.update(step, everyone)
        return camera.image[:, 1, 2], camera

    image, _ = taken()
    assert torch.allclose(image, torch.tensor(1.5 / 4.0 - 0.5))
    assert (taken(blank=True)[0] == 0.5).all()
    noisy = (taken(range_noise=0.01)[0] + 0.5) * 4.0
    assert noisy.mean() == pytest.approx(1.5, abs=0.01) and noisy.std() == pytest.approx(0.01 * 1.5**2, rel=0.2)
    holes = taken(far_holes=0.8)[0] == 0.5
    assert holes.float().mean() == pytest.approx(0.8 * 1.5 / 4.0, abs=0.08)
    _, camera = taken(dropped_frames=1.0)
    before = camera.image.clone()
    sim.root_pos_w[:, 0] = 0.3
    camera.update(torch.tensor(5), ~everyone)
    assert torch.equal(camera.image, before), "every frame after the first of an episode is lost"
    sim.root_pos_w[:, 0] = 0.0
    again = taken(range_noise=0.01)[0]
    assert not torch.equal(again, taken(range_noise=0.01)[0])


def test_edges_have_holes():
    ground, sim = world([((2.0, 0.0, 0.0), (0.5, 0.5, 0.5))], plane_z=-10.0)
    cfg = plain(width=40, height=20, resized=(20, 39), edge_holes=1.0, far=3.0)
    camera = DepthCamera(cfg, ground, sim, 0.02)
    camera.update(torch.tensor(0), torch.tensor([True]))
    image = camera.image[0]
    row = image[10]
    seen = (row < 0.49).nonzero().flatten()
    inside = row[seen[0] : seen[-1] + 1]
    assert torch.allclose(inside, torch.tensor(1.5 / 3.0 - 0.5), atol=1e-5), "no pixel mixes box and background"
