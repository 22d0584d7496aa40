"""Who commands: ask for the control lease, hand it over, take it, or break the glass."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets as W

from pyros_kernel.lease import LeaseView
from pyros_kernel.snapshot import Snapshot
from widgets.controls import Control
from widgets.observed import Lease, Observed
from widgets.words import esc, frame
from widgets.writing import put

_NOBODY = LeaseView("", None, None, "", "")
_COMMANDS: Mapping[str, tuple[str, Callable[[Observed, str], object]]] = {
    "lease-ask": ("Ask for it", lambda o, why: o.lease.ask(why)),
    "lease-give": ("Hand over", lambda o, _: o.lease.hand_over()),
    "lease-take": ("Take over", lambda o, why: o.take_over(why)),
    "lease-break": ("Break the glass", lambda o, why: o.take_over(why)),
}


class CommandDesk:
    """Buttons for the control lease; what can't be pressed says why.

    :param act: gives a control's command to the observatory and returns at once
    :param pending: names the control whose slow command is still under way, or nothing
    :param lease: gives the lease of the observatory that is shown
    """

    def __init__(self, act: Callable[[Control], None], pending: Callable[[], str], lease: Callable[[], Lease]) -> None:
        self._act, self._pending, self._lease = act, pending, lease
        self._state = W.HTML()
        self._why = W.Text(description="Reason", placeholder="recorded, and shown to the other", tooltip="Why you ask")
        self._why.add_class("pyros-choice").add_class("pyros-lease-why")
        self._buttons = {name: self._button(name, *told) for name, told in _COMMANDS.items()}
        row = W.HBox(list(self._buttons.values()))
        row.add_class("pyros-row")
        self.widget = W.VBox([W.HTML(frame("Command", "")), self._state, self._why, row])
        self.widget.add_class("pyros-card").add_class("pyros-command")

    def draw(self, snapshot: Snapshot) -> None:
        """Say who commands, and what can be done about it."""
        if not snapshot.running:
            return  # its card is out of the way
        lease, view = self._lease(), snapshot.lease or _NOBODY
        ours = view.holder == lease.me
        who = "This kernel commands" if lease.held else "It was handed to this kernel" if ours else esc(view)
        asked = f'<br><b role="alert">{esc(view.asked_by)} asks for it: {esc(view.asked_for)}</b>' if ours else ""
        put(self._state, value=f'<p class="lease">{who}.{asked if view.asked_by else ""}</p>')
        mine = "This kernel commands already" if lease.held else ""
        nobody = "" if view.holder else "Nobody commands: take over"
        other = "" if ours or not view.holder else "Another kernel commands: ask for it, or break the glass"
        self._offer("lease-ask", mine or nobody, "Ask who commands to hand over; the reason is shown there")
        give = "" if lease.held else "This kernel does not command"
        give = give or ("" if view.asked_by else "Nobody asked for it")
        self._offer("lease-give", give, f"Give command to {view.asked_by}; this kernel watches from then on")
        self._offer("lease-take", mine or other, "Command from here: start the agents in this kernel")
        glass = "Take command from whoever has it, in an emergency; give the reason, it is recorded"
        self._offer("lease-break", mine or ("" if other else "Nobody else commands"), glass)

    def _offer(self, name: str, why_not: str, tooltip: str) -> None:
        waits = self._pending() == name
        put(self._buttons[name], disabled=waits or bool(why_not), tooltip=why_not or tooltip)

    def _button(self, name: str, word: str, command: Callable[[Observed, str], object]) -> W.Button:
        button = W.Button(description=word)
        button.add_class(f"pyros-{name}")

        def pressed(_: W.Button) -> None:
            why = str(self._why.value).strip()
            self._act(Control(name, word, True, "", lambda o: command(o, why), slow=True))

        button.on_click(pressed)
        return button
