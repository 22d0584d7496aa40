"""Alerts by hand: what an archived one would do now, and sending one again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ipywidgets as W

from pyros_kernel.snapshot import AlertView, Snapshot
from widgets.card import Calm
from widgets.choice import Choice
from widgets.controls import Control
from widgets.observed import Observed
from widgets.tones import alert_tone
from widgets.words import clock_text, esc, fields, frame, nothing, pill
from widgets.writing import put

_FROM_DISK = "<h4>A packet, directory or tar from disk</h4>"
_BURST = "swift_bat_grb_1125809.xml"


class Desk:
    """Choose an alert, see what it became; send it again, or send a packet from a file.

    :param act: gives a control's command to the observatory and returns at once
    """

    def __init__(self, act: Callable[[Control], None]) -> None:
        self._act = act
        self._choice = Choice("Alert", "The alert that is shown and sent again")
        self._text, self._said = W.HTML(), W.HTML()
        self._calm = Calm(self._text)
        self._again = W.Button(description="Send again")
        self._again.on_click(self._send_again)
        self._again.add_class("pyros-again")
        self._file = W.Text(value=_BURST, description="File", tooltip="A file, or the name of one of PyROS's fixtures")
        self._file.add_class("pyros-choice")
        self._send = W.Button(description="Send", tooltip="Send this packet to our own port, as a broker would")
        self._send.on_click(self._send_file)
        self._send.add_class("pyros-send")
        self._ask = W.Button(
            description="What would it do now?", tooltip="Say what would become of this packet now; nothing moves"
        )
        self._ask.on_click(self._explain_chosen)
        self._ask.add_class("pyros-explain")
        self._ask_file = W.Button(description="Explain", tooltip="Say what would become of this packet; nothing moves")
        self._ask_file.on_click(self._explain_file)
        self._ask_file.add_class("pyros-explain-file")
        self._when = W.Text(
            description="At (UTC)", placeholder="2022-09-30T09:12:25, or now", tooltip="When the packet is replayed"
        )
        self._when.add_class("pyros-choice")
        self._replay = W.Button(
            description="Replay",
            tooltip="Send this packet, or a directory or tar of packets, by the observatory's clock",
        )
        self._replay.on_click(self._replay_file)
        self._replay.add_class("pyros-replay")
        row = W.HBox([self._file, self._send, self._ask_file])
        later = W.HBox([self._when, self._replay])
        later.add_class("pyros-row")
        chosen = W.HBox([self._again, self._ask])
        chosen.add_class("pyros-row")
        row.add_class("pyros-row")
        head, disk = W.HTML(frame("By hand", "")), W.HTML(_FROM_DISK)
        self.widget = W.VBox([head, self._choice.widget, self._text, chosen, disk, row, later, self._said])
        self.widget.add_class("pyros-card").add_class("pyros-desk")
        self._files: dict[str, str] = {}
        self._answer = ""

    def draw(self, snapshot: Snapshot) -> None:
        """Offer the alerts and write about the chosen one."""
        alerts = {str(a.id): a for a in sorted(snapshot.alerts, key=lambda a: -a.received_s)}
        self._files = {key: a.file for key, a in alerts.items()}
        chosen = alerts.get(self._choice.offer([(_line(a), key) for key, a in alerts.items()]) or "")
        put(self._choice.widget.layout, display="" if alerts else "none")
        self._calm.write(nothing("No alert has come yet.") if chosen is None else _about(chosen))
        kept = chosen is not None and bool(chosen.file)
        why_not = "The observatory is stopped" if not snapshot.running else "Its packet was not kept"
        again = "Send the archived packet once more: a copy is acknowledged, and nothing is done twice"
        put(self._again, disabled=not (kept and snapshot.running), tooltip=again if kept else why_not)
        put(self._again.layout, display="" if alerts else "none")
        put(self._ask, disabled=not (kept and snapshot.running))
        put(self._ask.layout, display="" if alerts else "none")
        for button in (self._send, self._ask_file, self._replay):
            put(button, disabled=not snapshot.running)
        put(self._said, value=self._answer)

    def _send_again(self, _: W.Button) -> None:
        self._give(self._files.get(self._choice.key or "", ""))

    def _send_file(self, _: W.Button) -> None:
        self._give(str(self._file.value).strip())

    def _explain_chosen(self, _: W.Button) -> None:
        self._explain(self._files.get(self._choice.key or "", ""))

    def _explain_file(self, _: W.Button) -> None:
        self._explain(str(self._file.value).strip())

    def _explain(self, path: str) -> None:
        def ask(observatory: Observed) -> None:
            told = observatory.alerts.explain(path)
            reasons = "".join(f"<li>{esc(reason)}</li>" for reason in told.reasons)
            self._answer = (
                f'<div role="status"><p><b>{esc(Path(path).name)}</b> would now be: {esc(told.outcome)}</p>'
                f"<ul>{reasons}</ul></div>"
            )

        self._act(Control("explain", "Explain alert", True, "What would it do now?", ask, slow=True))

    def _replay_file(self, _: W.Button) -> None:
        path, when = str(self._file.value).strip(), str(self._when.value).strip()

        def replay(observatory: Observed) -> None:
            observatory.alerts.replay(path, when or None)
            said = f"replayed at {esc(when)}" if when else "replayed now"
            self._answer = f'<p role="status">{pill("ok", "planned")} {esc(Path(path).name)}: {said}</p>'

        self._act(Control("replay", "Replay alert", True, "Send it by the observatory's clock", replay, slow=True))

    def _give(self, path: str) -> None:
        def send(observatory: Observed) -> None:
            answer = observatory.alerts.send(path)
            word = pill("ok", "acknowledged") if answer.ack else pill("bad", "refused")
            said = f": {esc(answer.text)}" if answer.text else ""
            self._answer = f'<p role="status">{word} {esc(Path(path).name)}{said}</p>'

        tooltip = "Send a packet"
        self._act(Control("send", "Send alert", True, tooltip, send, slow=True))


def _line(alert: AlertView) -> str:
    return f"{clock_text(alert.received_s, '%H:%M')} {alert.title} · {alert.status}"


def _about(alert: AlertView) -> str:
    where = "" if alert.ra_deg is None or alert.dec_deg is None else f"{alert.ra_deg:.4f}° {alert.dec_deg:+.4f}°"
    told = {
        "received": f"{clock_text(alert.received_s)} UTC",
        "position": where.replace("-", "−") or "none in the packet",
        "became": alert.became or "no request",
    }
    reason = f'<p class="why">{esc(alert.reason)}</p>' if alert.reason else ""
    return (
        f"<p><b>{esc(alert.title)}</b> {pill(alert_tone(alert.status), alert.status)}</p>{reason}{fields(told)}"
        f"<p><small>{esc(alert.ivorn)}</small></p>"
    )
