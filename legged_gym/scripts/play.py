"""Shows a trained policy in the browser: `python legged_gym/scripts/play.py --task=go2 --use_pretrained_checkpoint`."""

import time
from typing import Any

from legged_gym.utils import runs
from legged_gym.utils.cli import PlayArgs, parse
from legged_gym.utils.errors import script, value_errors_are_the_users

FRAME_S = 1 / 30  # the page is drawn no more often


@script
def main(argv: list[str] | None = None) -> None:
    command = parse(PlayArgs, "play", argv)
    args, env_cfg = command.args, command.env_cfg
    headless = not env_cfg.viser.enable
    if headless and args.play_seconds is not None:
        env_cfg.env.episode_length_s = args.play_seconds

    from rsl_rl.runners.on_policy_runner import load_policy  # slow: after the command line has been found good

    evaluator = command.task.evaluator()
    runs.seed_everything(args.seed)
    with value_errors_are_the_users():
        env = command.task.make_env(env_cfg, command.device)
        policy = load_policy(command.checkpoint, command.device, env)
    print(f"policy: {command.checkpoint}")
    if headless:
        figures = evaluator.evaluate(env, policy, graph=not args.no_graph)
        evaluator.print_figures(
            figures, f"{command.task.name}: {env_cfg.env.episode_length_s:g} s of {env.num_envs} robots"
        )
    else:
        from legged_gym.viewer import ViserViewer

        viewer = ViserViewer(env)
        try:
            watch(env, policy, viewer, args.play_seconds, graph=not args.no_graph)
            print("finished")
        except KeyboardInterrupt:
            print("stopped")
        finally:
            viewer.close()
    env.close()


def watch(env: Any, policy: Any, viewer: Any, seconds: float | None = None, graph: bool = True) -> None:
    """Plays `policy` (observation groups -> actions (N, A)) in real time, for simulated `seconds` or until Ctrl-C."""
    import torch

    @torch.no_grad()
    def step() -> None:
        env.step(policy(env.observations))
        env.sim.refresh()  # robots that fell are drawn where they start anew

    step = env.capture(step) if graph else step
    env.velocity_commands.steer(viewer.commands)
    env.reset()
    viewer.draw()
    print(f"viewer: {viewer.url} (Ctrl-C ends)", flush=True)
    clock = Clock(env.dt)
    left = None if seconds is None else max(1, round(seconds / env.dt))
    next_frame = 0.0
    while left is None or left > 0:
        event = viewer.next_event()
        if event == "reset":
            env.reset()
        elif event == "step":
            viewer.paused = True
        if viewer.paused and event is None:
            time.sleep(FRAME_S)
            clock.restart()
            continue
        if event != "reset":
            env.velocity_commands.steer(viewer.commands)
            step()
            left = None if left is None else left - 1
        if event is not None or time.perf_counter() >= next_frame:
            viewer.draw()
            next_frame = time.perf_counter() + FRAME_S
        if clock.wait() or event is not None:
            viewer.report(clock.factor)


class Clock:
    """Keeps steps of `dt` seconds to the wall clock, and measures how well."""

    def __init__(self, dt: float):
        self.dt, self.factor = dt, 1.0  # simulated per wall-clock time
        self.restart()

    def restart(self) -> None:
        """After a pause, whose time is not to be made up for."""
        self._due = self._since = time.perf_counter()
        self._steps = 0

    def wait(self) -> bool:
        """Sleeps until the next step is due; True when `factor` was measured anew, which is twice a second."""
        self._due += self.dt
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


if __name__ == "__main__":
    main()
