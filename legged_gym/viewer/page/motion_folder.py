"""Which clip the picked robot follows, from which frame, and whether it is only put where the clip is."""

from collections.abc import Callable

import torch
import viser
from torch import Tensor

from legged_gym.viewer.page.requests import Requests
from legged_gym.viewer.playing.player import Player


class MotionFolder:
    """For tasks with a `motion`; adds itself to the open folder."""

    def __init__(
        self,
        server: viser.ViserServer,
        player: Player,
        requests: Requests,
        picked: Callable[[], Tensor],
        end_episode: Callable[[], None],
    ):
        """`picked`: (N,) bool, the picked robot; `end_episode`: of it."""
        self._player, self._picked, self._end_episode = player, picked, end_episode
        self._motion = player.env.parts["motion"]
        gui, library = server.gui, self._motion.library
        self.clip = gui.add_dropdown("clip", tuple(library.names))
        longest = max(1, int(library.length.max()) - 2)
        self.start = gui.add_slider("start frame", 0, longest, 1, 0)
        self.follow = gui.add_button("follow it", hint="the picked robot, in this and all coming episodes")
        self.anywhere = gui.add_button("any clip", hint="its episodes begin anywhere again")
        self.replay = gui.add_checkbox("kinematic replay", False, hint="the picked robot is put where the motion is")
        gui.add_markdown("phase")
        self.phase = gui.add_progress_bar(0.0)
        self.text = gui.add_markdown("")
        self._showing = False  # the checkbox moves because another robot was picked
        self.follow.on_click(lambda _: requests.put(self._follow))
        self.anywhere.on_click(lambda _: requests.put(self._let_go))
        self.replay.on_update(lambda _: self._showing or requests.put(self._replay))

    def _follow(self) -> None:
        motion = self._motion
        clip = motion.library.names.index(self.clip.value)
        frame = max(0, min(int(self.start.value), int(motion.library.length[clip]) - 2))
        motion.place(self._picked(), torch.full_like(motion.clip, clip), torch.full_like(motion.clip, frame))
        self._end_episode()

    def _let_go(self) -> None:
        self._motion.release(self._picked())
        self._end_episode()

    def _replay(self) -> None:
        env = self._player.env
        if env.carried is None:
            env.carried = torch.zeros_like(env.dones)
            self._player.use(self._player.policy, self._player.beside)  # whose step it is part of
        env.carried.copy_(torch.where(self._picked(), bool(self.replay.value), env.carried))

    def show_robot(self, robot: int) -> None:
        """That robot is the picked one."""
        env = self._player.env
        self._showing = True
        self.clip.value = self._motion.library.names[int(self._motion.clip[robot])]
        self.replay.value = env.carried is not None and bool(env.carried[robot])
        self._showing = False

    def report(self, robot: int) -> None:
        """Where in its clip that robot is, which feet stand and should, and how far off it is."""
        motion, env = self._motion, self._player.env
        clip, frame = int(motion.clip[robot]), int(motion.frame[robot])
        last = int(motion.library.length[clip]) - 1
        self.phase.value = 100.0 * min(max(frame / last, 0.0), 1.0)
        feet = zip(env.robot.feet, env.last_raw_contacts[robot].tolist(), motion.contacts[robot].tolist(), strict=True)
        stands = {True: "down", False: "up"}
        lines = [f"{motion.library.names[clip]}: frame {frame} of {last}, {frame * env.dt:.2f} s"]
        lines += [f"{foot}: {stands[own]} (motion: {stands[theirs]})" for foot, own, theirs in feet]
        world, anchored = (1e3 * float(error[robot].mean()) for error in (env.link_error, env.anchored_error))
        lines.append(f"links off by {world:.0f} mm, laid over each other {anchored:.0f} mm")
        self.text.content = "\n".join(f"- {line}" for line in lines)
