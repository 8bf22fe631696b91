"""Shows a trained policy in the browser: `python legged_gym/scripts/play.py --task=go2 --use_pretrained_checkpoint`.

`--video FILE` makes a film instead, `--headless` only counts. Unless it films, it exports the policy too.
"""

from legged_gym.cli import process
from legged_gym.cli.args import PlayArgs
from legged_gym.cli.parse import Command, parse
from legged_gym.cli.processes import seed_everything
from legged_gym.cli.terrain import choose_terrain
from legged_gym.evaluation.figures import refuse_nan
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    command = parse(PlayArgs, "play", argv)
    args, env_cfg = command.args, command.env_cfg
    headless = not env_cfg.viser.enable
    if headless and args.play_seconds is not None:
        env_cfg.env.episode_length_s = args.play_seconds
    choose_terrain(env_cfg, args.terrain, args.difficulty)
    if args.video is not None:
        from legged_gym.viewer.film.gl import choose_gl

        choose_gl("--video")  # before mujoco is imported

    from rsl_rl.runners.on_policy_runner import load_policy  # slow: after the command line has been found good

    evaluator = command.task.evaluator()
    command.check_checkpoint()
    seed_everything(args.seed)
    with value_errors_are_the_users(command.told):
        env = command.task.make_env(env_cfg, command.device)
        policy = load_policy(
            command.policy_file, command.device, env, student=command.student, task_cfg=command.train_cfg.policy
        )
    print(f"policy: {command.policy_name}")
    if args.video is None and not args.no_export:
        _export(command)
    graph = not args.no_graph
    if args.video is not None:
        from legged_gym.viewer.film.film import record
        from legged_gym.viewer.playing.player import Player

        frames = record(Player(env, policy, graph=graph), args.video, args.video_seconds, args.video_width)
        print(f"wrote {args.video}: {frames} frames, {args.video.stat().st_size / 1e6:.1f} MB")
    elif headless:
        figures = evaluator.evaluate(env, policy, graph=graph)
        refuse_nan(figures, command.policy_file)
        evaluator.print_figures(
            figures, f"{command.task.name}: {env_cfg.env.episode_length_s:g} s of {env.num_envs} robots"
        )
    else:
        from legged_gym.viewer.page.policy_tab import Source
        from legged_gym.viewer.playing.loop import show
        from legged_gym.viewer.playing.player import Player

        source = Source(command.policy_file, command.task, command.export_folder, command.student)
        show(Player(env, policy, graph=graph), source, args.play_seconds)
    env.close()


def _export(command: Command) -> None:
    """Files for a robot, as users of legged_gym expect; what keeps them from being made does not keep from playing."""
    from legged_gym.export.files import export_as_trained

    print(f"exporting to {command.export_folder} (not with --no_export)", flush=True)
    try:
        if not export_as_trained(command.policy_file, command.export_folder, command.task, student=command.student):
            print("exported before")
    except UserError as error:
        print(f"not exported: {error}")


if __name__ == "__main__":
    main()
