"""What disturbs all robots while they play: pushes, gains and torques that are off."""

import viser

from legged_gym.viewer.page.requests import Requests
from legged_gym.viewer.playing.player import Player


class DisturbanceFolder:
    """The switches of `domain_rand` and their sizes. A change holds at once: what is drawn for each episode is drawn
    anew for all robots."""

    def __init__(self, server: viser.ViserServer, player: Player, requests: Requests):
        """Adds itself to the open folder."""
        self._player, random = player, player.env.cfg.domain_rand
        gui, every = server.gui, random.push_interval_s
        self.push = gui.add_checkbox("random pushes", random.push_robots, hint=f"every {every:g} s")
        self.push_speed = gui.add_slider("pushes, m/s", 0.0, 3.0, 0.05, min(random.max_push_vel_xy, 3.0))
        self.torque = gui.add_checkbox("torque offsets", random.torque_rfi_rand, hint="random force injection")
        self.torque_scale = self._share(gui, "of the torque limit", random.rfi_scale)
        self.p_gain = gui.add_checkbox("kp off", random.p_gain_rand)
        self.p_gain_scale = self._share(gui, "of kp", random.p_gain_rand_scale)
        self.d_gain = gui.add_checkbox("kd off", random.d_gain_rand)
        self.d_gain_scale = self._share(gui, "of kd", random.d_gain_rand_scale)
        sizes = (self.push_speed, self.torque_scale, self.p_gain_scale, self.d_gain_scale)
        for control in (self.push, self.torque, self.p_gain, self.d_gain, *sizes):
            control.on_update(lambda _: requests.put(self._set))

    @staticmethod
    def _share(gui: viser.GuiApi, label: str, value: float) -> viser.GuiSliderHandle[float]:
        return gui.add_slider(label, 0.0, 1.0, 0.01, min(value, 1.0), hint="standard deviation")

    def _set(self) -> None:
        env = self._player.env
        random = env.cfg.domain_rand
        random.push_robots, random.max_push_vel_xy = bool(self.push.value), self.push_speed.value
        random.torque_rfi_rand, random.rfi_scale = bool(self.torque.value), self.torque_scale.value
        random.p_gain_rand, random.p_gain_rand_scale = bool(self.p_gain.value), self.p_gain_scale.value
        random.d_gain_rand, random.d_gain_rand_scale = bool(self.d_gain.value), self.d_gain_scale.value
        env.randomization.reset(env.everyone)
        self._player.use(self._player.policy, self._player.beside)  # whose step has these numbers
