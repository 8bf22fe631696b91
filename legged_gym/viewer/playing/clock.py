"""Simulated time kept to the wall clock."""

import time


class Clock:
    """Keeps steps of `dt` seconds to `speed` times the wall clock, and measures how well."""

    def __init__(self, dt: float):
        self.dt, self.speed = dt, 1.0
        self.factor = 1.0  # simulated per wall-clock time
        self.restart()

    @property
    def keeps_up(self) -> bool:
        return self.factor > 0.9 * self.speed

    def restart(self) -> None:
        """After a pause, whose time is not to be made up for."""
        self._due = self._since = time.perf_counter()
        self._steps = 0

    def wait(self) -> bool:
        """Sleeps until the next step is due; True when `factor` was measured anew, which is twice a second."""
        self._due += self.dt / self.speed
        self._steps += 1
        early = self._due - time.perf_counter()
        if early > 0:
            time.sleep(early)
        elif early < -0.1:
            self._due -= early  # too slow: go on from now, or a burst would follow once it is fast again
        elapsed = time.perf_counter() - self._since
        if elapsed < 0.5:
            return False
        self.factor = self._steps * self.dt / elapsed
        self._since, self._steps = time.perf_counter(), 0
        return True
