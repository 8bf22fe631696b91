"""Drives a robot over a course, in the browser, from behind the robot, with keys (I, K, J, L, X) or a gamepad.

`python legged_gym/scripts/demo.py --task=go2_parkour_teacher --use_pretrained_checkpoint`
"""

from legged_gym.cli import process
from legged_gym.cli.args import DemoArgs
from legged_gym.cli.parse import parse
from legged_gym.cli.processes import seed_everything
from legged_gym.cli.terrain import choose_terrain, has_courses
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users

DIFFICULTY = 0.7  # of a course, by default
EPISODE_S = 3600.0  # nobody wants to be put back to the start while driving


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    command = parse(DemoArgs, "play", argv)
    args, env_cfg = command.args, command.env_cfg
    if not env_cfg.viser.enable:
        raise UserError("demo.py is driven in the browser: leave out --headless; play.py --video makes films")
    env_cfg.env.episode_length_s = EPISODE_S
    terrain, difficulty = args.terrain, args.difficulty
    if has_courses(env_cfg):
        terrain = env_cfg.terrain.demo if terrain is None else terrain
        difficulty = DIFFICULTY if difficulty is None else difficulty
    choose_terrain(env_cfg, terrain, difficulty)

    from legged_gym.viewer.page.policy_tab import Source
    from legged_gym.viewer.playing.gamepad import Gamepad  # slow: after the command line has been found good
    from legged_gym.viewer.playing.loop import show
    from legged_gym.viewer.playing.player import Player
    from rsl_rl.runners.on_policy_runner import load_policy

    gamepad = None if args.gamepad is None else Gamepad(args.gamepad)
    command.check_checkpoint()
    seed_everything(args.seed)
    with value_errors_are_the_users(command.told):
        env = command.task.make_env(env_cfg, command.device)
        policy = load_policy(
            command.policy_file, command.device, env, student=command.student, task_cfg=command.train_cfg.policy
        )
    print(f"policy: {command.policy_name}")
    player = Player(env, policy, graph=not args.no_graph)
    source = Source(command.policy_file, command.task, command.export_folder, command.student)
    show(player, source, args.play_seconds, chase=True, gamepad=gamepad)
    env.close()


if __name__ == "__main__":
    main()
