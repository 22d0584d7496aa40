"""The tasks: what waits in each queue, what runs and how far it is, and taking one back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot, TaskView
from widgets.choice import Choice
from widgets.controls import Control
from widgets.tones import is_open, task_tone
from widgets.words import age_text, esc, frame, nothing, pill, table
from widgets.writing import put


def tasks_html(snapshot: Snapshot) -> str:
    """Write the table of tasks, with what waits in each queue above it."""
    if not snapshot.tasks:
        return frame("Tasks", nothing("No task was sent."))
    waiting = Counter(task.queue for task in snapshot.tasks if task.state in ("PENDING", "RETRY"))
    running = sum(task.state in ("STARTED", "PROGRESS") for task in snapshot.tasks)
    queues = "".join(
        f'<span class="chip" title="so many wait in this queue">{esc(queue)}: {count}</span>'
        for queue, count in sorted(waiting.items())
    )
    rows = (_row(task) for task in snapshot.tasks)
    heads = ("Task", "Queue", "State", "Progress", "#Since")
    return frame(
        "Tasks",
        f'<p class="chips">{queues}</p><div class="scroll">{table(heads, rows, "Tasks")}</div>',
        f"{running} running, {sum(waiting.values())} waiting",
    )


def _row(task: TaskView) -> str:
    note = f'<small class="note">{esc(task.reason)}</small>' if task.reason else ""
    bar = "–"
    if task.fraction is not None:
        bar = f'<progress value="{task.fraction:.3f}" max="1" aria-label="{esc(task.name)}"></progress>'
    return (
        f'<tr title="{esc(task.uuid)}"><th scope="row">{esc(task.name)}({esc(task.arguments[:40])})</th>'
        f"<td>{esc(task.queue)}</td><td>{pill(task_tone(task.state), task.state.lower())}{note}</td>"
        f'<td>{bar}</td><td class="num">{age_text(task.age_s)}</td></tr>'
    )


class Revoker:
    """Choose a task that waits or runs, and take it back.

    :param act: gives a control's command to the observatory and returns at once
    :param pending: names the control whose slow command is still under way, or nothing
    """

    def __init__(self, act: Callable[[Control], None], pending: Callable[[], str]) -> None:
        self._act, self._pending = act, pending
        self._choice = Choice("Task", "The task to take back")
        self._button = W.Button(description="Revoke")
        self._button.add_class("pyros-revoke")
        self._button.on_click(self._revoke)
        row = W.HBox([self._choice.widget, self._button])
        row.add_class("pyros-row")
        self.widget = W.VBox([W.HTML(frame("Revoke", "")), row])
        self.widget.add_class("pyros-card").add_class("pyros-revoker")

    def draw(self, snapshot: Snapshot) -> None:
        """Offer the tasks that have not ended."""
        here = [task for task in snapshot.tasks if is_open(task.state)]
        chosen = self._choice.offer([(f"{t.name}({t.arguments[:20]}) · {t.uuid[:6]}", t.uuid) for t in here])
        waits = self._pending() == "revoke"
        why_not = "The observatory is stopped" if not snapshot.running else "" if chosen else "No task waits or runs"
        put(
            self._button,
            description="Revoke …" if waits else "Revoke",
            disabled=waits or bool(why_not),
            tooltip=why_not or "Take this task back; one that runs is told to end and leaves the instruments safe",
        )

    def _revoke(self, _: W.Button) -> None:
        uuid = self._choice.key
        if uuid is not None:
            what = f"Revoke {uuid[:6]}"
            self._act(Control("revoke", what, True, what, lambda o: o.tasks.revoke(uuid), slow=True))
