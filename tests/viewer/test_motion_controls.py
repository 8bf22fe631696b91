"""The page of a robot that follows motions."""

import torch
from pages import click, make

from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.player import Player


def test_the_picked_robot_follows_the_clip_that_is_chosen() -> None:
    env = make("g1_deepmimic_mocap", 3)
    viewer = ViserViewer(Player(env, lambda observations: torch.zeros(3, 29)))
    control, motion = viewer.control, env.parts["motion"]
    assert control.command.from_sliders.disabled, "nobody steers"
    viewer.pick(1)
    viewer.requests.run()
    names = motion.library.names
    assert control.clip.value == names[int(motion.clip[1])]
    others = motion.clip[[0, 2]].tolist()
    control.clip.value, control.start.value = "squat", 40
    click(control.follow)
    viewer.requests.run()
    viewer._player.step()
    assert names[int(motion.clip[1])] == "squat" and int(motion.frame[1]) == 40 and int(env.episode_length[1]) == 0
    assert motion.clip[[0, 2]].tolist() == others
    for _ in range(5):
        env.reset()
        assert names[int(motion.clip[1])] == "squat"
    click(control.anywhere)
    viewer.requests.run()
    seen = set()
    for _ in range(20):
        env.reset()
        seen.add(int(motion.clip[1]))
    assert len(seen) > 3
    viewer.close()
