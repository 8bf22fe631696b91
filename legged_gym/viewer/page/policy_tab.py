"""Checkpoints to choose from, and the export of the one in use."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import viser

from legged_gym.cli import runs
from legged_gym.registry import Task, get_task
from legged_gym.utils.errors import UserError
from legged_gym.viewer.page.requests import Requests
from legged_gym.viewer.playing.player import Player
from rsl_rl.runners.on_policy_runner import load_policy


@dataclass
class Source:
    """Where the policy that is played comes from."""

    checkpoint: Path
    task: Task
    export_folder: Path
    student: bool = False
    """of a policy that has one beside its teacher"""


class PolicyTab:
    def __init__(self, server: viser.ViserServer, player: Player, source: Source, requests: Requests):
        """Adds itself to the open tab."""
        gui = server.gui
        self._player, self.source, self._requests = player, source, requests
        self._name = gui.add_markdown("")
        self.run = gui.add_dropdown("run", self._runs(), initial_value=source.checkpoint.parent.name)
        self.run.on_update(lambda _: requests.put(self._change_run))
        self.checkpoints = gui.add_dropdown("checkpoint", self._names(), initial_value=source.checkpoint.name)
        self.checkpoints.on_update(lambda _: requests.put(self._swap))
        self.refresh = gui.add_button("look for new ones", hint="runs, and checkpoints that the run wrote since")
        self.refresh.on_click(lambda _: requests.put(self._refresh))
        self.teacher = None
        if source.task.teacher:
            hint = "the shipped policy of the task that this one learns from"
            self.teacher = gui.add_checkbox("teacher on odd robots", False, hint=hint)
            self.teacher.on_update(lambda _: requests.put(self._exchange))
        self.export = gui.add_button("export", hint="TorchScript and ONNX, to the folder `exported` of its run")
        self.export.on_click(self._ask_for_export)
        self.text = gui.add_markdown("")
        self._show_name()

    def _runs(self) -> list[str]:
        """Folders beside the run's own that have checkpoints, newest first."""
        own = self.source.checkpoint.parent
        found = sorted((p.name for p in own.parent.iterdir() if p.is_dir() and runs.checkpoints(p)), reverse=True)
        return found if own.name in found else [own.name, *found]

    def _names(self) -> list[str]:
        """Files of the run, newest first; the one in use too, whatever its name."""
        own = self.source.checkpoint
        found = [path.name for path in reversed(runs.checkpoints(own.parent).values())]
        return found if own.name in found else [own.name, *found]

    def _show_name(self) -> None:
        path = self.source.checkpoint
        self._name.content = f"**{path.parent.name} / {path.name}**"

    def _refresh(self) -> None:
        self.run.options, self.checkpoints.options = self._runs(), self._names()

    def _change_run(self) -> None:
        """The newest checkpoint of another run."""
        own, name = self.source.checkpoint.parent, self.run.value
        if name == own.name:
            return

        def play() -> None:
            if name not in self._runs():  # whoever reaches the page may send any text
                raise UserError(f"there is no run {name!r} in {own.parent}")
            self._play(runs.find_checkpoint(own.parent / name, None))

        if self._try(play, f"playing {name}"):
            self._refresh()
            self.checkpoints.value = self.source.checkpoint.name
        else:
            self.run.value = own.name

    def _swap(self) -> None:
        name = self.checkpoints.value
        if name == self.source.checkpoint.name:
            return
        if not self._try(lambda: self._play(self._found(name)), f"playing {name}"):
            self.checkpoints.value = self.source.checkpoint.name

    def _found(self, name: str) -> Path:
        """The run's checkpoint of that name. Whoever reaches the page may send any text, and is held to the list."""
        if name not in self._names():
            raise UserError(f"there is no checkpoint {name!r} in {self.source.checkpoint.parent}")
        return self.source.checkpoint.with_name(name)

    def _exchange(self) -> None:
        if not self._try(lambda: self._play(self.source.checkpoint), ""):
            self.teacher.value = False

    def _play(self, path: Path) -> None:
        """Also where its files then go: to its own run, as another's hold what that one's policy is."""
        env, beside = self._player.env, None
        if self.teacher is not None and self.teacher.value:
            teacher = get_task(self.source.task.teacher)
            beside = load_policy(
                runs.pretrained_checkpoint(teacher.name), env.device, env, task_cfg=teacher.train_cfg().policy
            )
        which = dict(student=self.source.student, task_cfg=self.source.task.train_cfg().policy)
        policy = load_policy(path, env.device, env, **which)
        self._player.use(policy, beside)
        if path.parent != self.source.checkpoint.parent:
            self.source.export_folder = path.parent / "exported"
        self.source.checkpoint = path
        self._show_name()

    def _ask_for_export(self, _: viser.GuiEvent) -> None:
        self.text.content = "exporting: the robots stand still meanwhile"
        self._requests.put(self._export)

    def _export(self) -> None:
        from legged_gym.export.files import export_as_trained  # slow

        source = self.source
        written: list[Path] = []

        def export() -> None:
            which = dict(student=source.student)
            written.extend(export_as_trained(source.checkpoint, source.export_folder, source.task, **which))

        if self._try(export, ""):
            paths = "\n".join(f"- `{path}`" for path in written)
            self.text.content = paths or f"`{source.export_folder}` has it already"

    def _try(self, action: Callable[[], None], done: str) -> bool:
        """Whether `action` succeeded; what is wrong with a file is shown on the page, and the robots go on."""
        try:
            action()
        except (UserError, ValueError, OSError) as error:
            self.text.content = f"**not done**: {error}"
            return False
        self.text.content = done
        return True
