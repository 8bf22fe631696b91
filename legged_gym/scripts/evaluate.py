"""Measures a trained policy: `python legged_gym/scripts/evaluate.py --task=go2 --use_pretrained_checkpoint`."""

import json
from typing import Any

from legged_gym.cli import process
from legged_gym.cli.args import EvaluateArgs
from legged_gym.cli.parse import parse
from legged_gym.cli.processes import seed_everything
from legged_gym.evaluation.figures import policy_of, refuse_nan
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users
from legged_gym.utils.files import write_file


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    command = parse(EvaluateArgs, "evaluation", argv)
    args = command.args

    from rsl_rl.runners.on_policy_runner import load_policy  # slow: after the command line has been found good

    evaluator = command.task.evaluator()
    evaluator.prepare(command.env_cfg, args.difficulty)
    if args.chart is not None and not hasattr(evaluator, "draw_chart"):
        raise UserError("--chart is for tasks whose figures go by type of obstacle: this one has no such chart")
    command.check_checkpoint()
    seed_everything(args.seed)
    with value_errors_are_the_users(command.told):
        env = command.task.make_env(command.env_cfg, command.device)
        if args.camera is not None and "camera" not in env.parts:
            raise UserError("--camera is for tasks with a depth camera; this one has none")
        which = dict(estimated=args.estimated, student=command.student, task_cfg=command.train_cfg.policy)
        policy = load_policy(command.policy_file, command.device, env, **which)
    print(f"policy: {command.policy_name}")
    camera = recorder = None
    if args.camera is not None:
        from legged_gym.viewer.film.camera_recorder import CameraRecorder

        camera = CameraRecorder(env)
    if args.record is not None:
        from legged_gym.motion.record import MotionRecorder

        recorder = MotionRecorder()
    watch: dict[str, Any] = {} if camera is None else {"watch": camera}
    if recorder is not None and "motion" in env.parts:
        watch = {"recorder": recorder}
    elif recorder is not None:
        recorder.begin(env)
        watch = {"watch": recorder}
    figures = evaluator.evaluate(env, policy, graph=not args.no_graph, **watch)
    if recorder is not None:
        print(*recorder.save(args.record), sep="\n")
    if hasattr(evaluator, "bounds"):
        figures |= evaluator.bounds(env, graph=not args.no_graph)
    if hasattr(evaluator, "directed"):
        figures["directed"] = evaluator.directed(env, policy, graph=not args.no_graph)
    env.close()
    refuse_nan(figures, command.policy_file)
    title = f"{command.task.name}: {command.policy_name}" + (" (estimated state)" if args.estimated else "")
    evaluator.print_figures(figures, title)
    if args.json is not None:
        figures = {"policy": policy_of(command.policy_file, command.student, command.policy_name), **figures}
        write_file(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    if args.chart is not None:
        write_file(args.chart, evaluator.draw_chart(figures, title, args.chart.suffix))
    if camera is not None:
        write_file(args.camera, camera.as_gif())


if __name__ == "__main__":
    main()
