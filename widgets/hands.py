"""Change the schedule by hand: pin a sequence to a time, drop it, release it, give it another priority."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from pyros_kernel.snapshot import SequenceView, Snapshot
from widgets.controls import Control
from widgets.observed import Observed
from widgets.words import clock_text, esc
from widgets.writing import put

Act = Callable[[Control], None]

_STEP = 5.0  # of priority, for each press
_WAITING = ("planned", "observable")


def pin(act: Act, sequence_id: int, when: float | str) -> None:
    """Ask for a sequence at a time, and nowhere else."""
    act(Control("pin", "Pin", True, "", lambda o: o.schedule.pin(sequence_id, when), slow=True))


def drop(act: Act, sequence_id: int) -> None:
    """Ask not to observe a sequence tonight."""
    act(Control("drop", "Drop", True, "", lambda o: o.schedule.drop(sequence_id, "in the panel"), slow=True))


class Hands:
    """Buttons for one sequence; what can't be pressed says why.

    :param act: gives a control's command to the observatory and returns at once
    """

    def __init__(self, act: Act) -> None:
        self._act = act
        self._chosen: SequenceView | None = None
        self._said_of: int | None = None
        self._said = ""
        self._when = W.Text(description="Start (UTC)", placeholder="03:15", tooltip="When it is to start, UTC")
        self._when.add_class("pyros-choice").add_class("pyros-when")
        self._pin = self._button("pin", "Pin", self._press_pin)
        self._drop = self._button("drop", "Drop", self._press_drop)
        self._release = self._button("release", "Release", self._press_release)
        self._less = self._button("less", "Priority −", lambda: self._prioritise(-_STEP))
        self._more = self._button("more", "Priority +", lambda: self._prioritise(_STEP))
        self._why = self._button("ask", "What would change it?", self._ask)
        self._answer = W.HTML()
        first = W.HBox([self._when, self._pin, self._drop, self._release])
        second = W.HBox([self._less, self._more, self._why])
        for row in (first, second):
            row.add_class("pyros-row")
        self.widget = W.VBox([first, second, self._answer])
        self.widget.add_class("pyros-hands")

    def draw(self, chosen: SequenceView | None, snapshot: Snapshot) -> None:
        """Say what can be done with the chosen sequence."""
        new = chosen is not None and (self._chosen is None or self._chosen.id != chosen.id)
        self._chosen = chosen
        put(self.widget.layout, display="" if chosen is not None else "none")
        if chosen is None:
            return
        if new:
            put(self._when, value="" if chosen.start_s is None else clock_text(chosen.start_s, "%H:%M"))
        stopped = "" if snapshot.running else "The observatory is stopped"
        waits = stopped or ("" if chosen.status in _WAITING else f"It does not wait to be observed: {chosen.status}")
        changed = chosen.pinned or chosen.dropped
        self._offer(self._pin, waits, "Observe it from this time, and at no other")
        self._offer(self._drop, waits or ("Dropped already" if chosen.dropped else ""), "Don't observe it tonight")
        free = stopped or ("" if changed else "It is neither pinned nor dropped")
        self._offer(self._release, free, "Take the pin or the drop back")
        now = f"it has {chosen.priority:g}"
        self._offer(self._less, waits, f"Make it less important by {_STEP:g}: {now}")
        self._offer(self._more, waits, f"Make it more important by {_STEP:g}: {now}")
        self._offer(self._why, stopped, "Look for the smallest change that would place it; takes a second")
        put(self._answer, value=self._said if self._said_of == chosen.id else "")

    def _button(self, name: str, word: str, press: Callable[[], None]) -> W.Button:
        button = W.Button(description=word)
        button.add_class(f"pyros-{name}")

        def pressed(_: W.Button) -> None:
            press()

        button.on_click(pressed)
        return button

    @staticmethod
    def _offer(button: W.Button, why_not: str, tooltip: str) -> None:
        put(button, disabled=bool(why_not), tooltip=why_not or tooltip)

    def _press_pin(self) -> None:
        if self._chosen is not None:
            pin(self._act, self._chosen.id, str(self._when.value).strip())

    def _press_drop(self) -> None:
        if self._chosen is not None:
            drop(self._act, self._chosen.id)

    def _press_release(self) -> None:
        if (chosen := self._chosen) is not None:
            self._act(Control("release", "Release", True, "", lambda o: o.schedule.release(chosen.id), slow=True))

    def _prioritise(self, by: float) -> None:
        if (chosen := self._chosen) is not None:
            wanted = max(0.0, chosen.priority + by)
            self._act(
                Control(
                    "priority", "Priority", True, "", lambda o: o.schedule.reprioritise(chosen.id, wanted), slow=True
                )
            )

    def _ask(self) -> None:
        if (chosen := self._chosen) is None:
            return

        def ask(observatory: Observed) -> None:
            found = observatory.schedule.explain(chosen.id)
            rivals = f"<br>Its time is held by {esc(', '.join(map(str, found.rivals)))}." if found.rivals else ""
            change = f"<br>{esc(found.change[0].upper() + found.change[1:])}." if found.change else ""
            self._said_of = chosen.id
            self._said = f'<p role="status">{esc(found.reason)}{rivals}{change}</p>'

        self._act(Control("explain", "Explain", True, "", ask, slow=True))
