"""Manual commands: a form for each line of the instruments' language, made from its grammar."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping

import ipywidgets as W

from instruments.pyros.reference import Form, FormField, forms
from pyros_kernel.snapshot import Snapshot
from widgets.choice import Choice
from widgets.controls import Control
from widgets.observed import Observed
from widgets.words import esc, frame, nothing, pill
from widgets.writing import close_tree, put

_LINES = 6
_TEXT = 400
_PAYLOAD = "IMAGE"  # an answer that no form can show


class Commands:
    """Choose a device and a command, fill in its form, send it, and see the answer.

    :param act: gives a control's command to the observatory and returns at once
    :param devices: names the devices that speak the language, and their words in it
    """

    def __init__(self, act: Callable[[Control], None], devices: Callable[[], Mapping[str, str]]) -> None:
        self._act, self._devices = act, devices
        self._device = Choice("Device", "The device that is commanded")
        self._command = Choice("Command", "The command, as the language has it")
        self._help, self._said = W.HTML(), W.HTML()
        self._fields = W.VBox()
        self._send = W.Button(description="Send", tooltip="Send this line to the device")
        self._send.add_class("pyros-send-line")
        self._send.on_click(self._pressed)
        self.widget = W.VBox(
            [
                W.HTML(frame("Manual commands", "")),
                self._device.widget,
                self._command.widget,
                self._help,
                self._fields,
                self._send,
                self._said,
            ]
        )
        self.widget.add_class("pyros-card").add_class("pyros-commands")
        self._form: Form | None = None
        self._answers: deque[str] = deque(maxlen=_LINES)

    def draw(self, snapshot: Snapshot) -> None:
        """Offer devices and commands, and show the form of the chosen one."""
        known = self._devices() if snapshot.running else {}
        there = {d.name: d.connected for d in snapshot.devices}
        device = self._device.offer([(name if there.get(name) else f"{name} · absent", name) for name in known])
        offered = {} if device is None else _forms(known[device])
        key = self._command.offer(
            [(f"{f.action} {f.operation} · {f.title.partition(': ')[2]}", k) for k, f in offered.items()]
        )
        form = offered.get(key or "")
        if form != self._form:
            self._form = form
            self._show(form)
        put(self._send, disabled=form is None, description=f"Send {form.action}" if form else "Send")
        none = "The observatory is stopped." if not snapshot.running else "No device here speaks the language."
        put(self._help, value=f"<p>{esc(form.help)}</p>" if form else nothing(none))
        lines = "".join(f"<li>{line}</li>" for line in reversed(self._answers))
        put(self._said, value=f'<ul role="log" aria-label="Answers">{lines}</ul>' if lines else "")

    def _show(self, form: Form | None) -> None:
        former = self._fields.children
        self._fields.children = () if form is None else tuple(_input(field) for field in form.fields)
        for each in former:
            close_tree(each)

    def _pressed(self, _: W.Button) -> None:
        form, device = self._form, self._device.key
        if form is None or device is None:
            return
        # Read here: what is typed while the command is under way belongs to the next one.
        values = [each.value for each in self._fields.children if isinstance(each, W.Text | W.Dropdown)]
        line = " ".join([form.device, form.action, form.operation, *map(str, values)])

        def send(observatory: Observed) -> None:
            try:
                answer = observatory.by_hand.send(device, form.action, form.operation, *_typed(form, values))
            except Exception:
                self._answers.append(f"{pill('bad', 'refused')} <code>{esc(line)}</code>")
                raise
            told = json.dumps(dict(answer), default=str, ensure_ascii=False) if answer else ""
            self._answers.append(f"{pill('ok', 'done')} <code>{esc(line)}</code> {esc(told[:_TEXT])}")

        self._act(Control("line", line, True, form.help, send, slow=True))


def _forms(word: str) -> dict[str, Form]:
    return {f"{form.action} {form.operation}": form for form in forms(word) if form.operation != _PAYLOAD}


def _input(field: FormField) -> W.Text | W.Dropdown:
    """Make an input whose label is seen and read aloud."""
    unit = f" ({field.unit})" if field.unit else ""
    limits = "" if field.low is None and field.high is None else f", {field.low:g} to {field.high:g}"
    tooltip = f"{field.label}{unit}{limits}. {field.hint}".strip()
    start = "" if field.default is None else str(field.default)
    if field.kind == "choice":
        chosen = start if start in field.choices else field.choices[0]
        made: W.Text | W.Dropdown = W.Dropdown(
            options=field.choices, value=chosen, description=f"{field.name}{unit}", tooltip=tooltip
        )
    else:
        made = W.Text(value=start, description=f"{field.name}{unit}", tooltip=tooltip, placeholder=field.hint)
    made.add_class("pyros-choice")
    return made


def _typed(form: Form, values: list[object]) -> list[float | str]:
    """Make the command's values of what was filled in.

    :raises ValueError: naming the input that is empty, or no number
    """
    typed: list[float | str] = []
    for field, value in zip(form.fields, values, strict=True):
        text = str(value).strip()
        if not text:
            raise ValueError(f"{field.name} is needed: {field.label}")
        try:
            typed.append(float(text) if field.kind in ("number", "angle") else text)
        except ValueError:
            if field.kind == "number" and text not in field.choices:
                raise ValueError(f"{field.name}: {text!r} is no number") from None
            typed.append(text)
    return typed
