"""What is made from the grammar for people: the reference page, and forms for manual commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from instruments.pyros.grammar import ACTIONS, Entry, Field, Grammar, grammar

_INTRODUCTION = """\
# The PyROS instrument language

<!-- Made from instruments/pyros/grammar.json by `python -m instruments.pyros.reference`; a test holds it. -->

A command is one line, `DEVICE ACTION OPERATION [params]`; the answer is one line. **GET** reads, **SET** uploads
(nothing moves), **DO** acts. What is marked *pyros* is confirmed by public pages of the original; what is marked *ours*
is an addition.
"""


@dataclass(frozen=True, slots=True)
class FormField:
    """An input of a form.

    :param name: key of the value
    :param label: what stands before it
    :param kind: ``number``, ``choice``, ``text``, ``angle`` or ``date``
    :param unit: unit of the value; empty where it has none
    :param low: least value; None without a limit
    :param high: greatest value; None without a limit
    :param choices: the words to choose from; for a number, those allowed in its place
    :param default: value at the start; None if it must be given
    :param hint: how it is written
    """

    name: str
    label: str
    kind: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    default: float | str | None
    hint: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form for one manual command: everything that a widget needs, and no widget.

    :param device: the device's word
    :param action: GET, SET or DO
    :param operation: the operation's word
    :param title: what stands above it
    :param help: what the command does
    :param ours: whether it is our addition to the language
    :param fields: its inputs, in the order of the command's parameters
    """

    device: str
    action: str
    operation: str
    title: str
    help: str
    ours: bool
    fields: tuple[FormField, ...]


def forms(device: str) -> tuple[Form, ...]:
    """Describe a form for each command of a device; ``command(*words, *values)`` makes the line of what was filled in.

    :param device: the device's word, e.g. ``TELESCOPE``
    :raises ValueError: if the language has no such device
    """
    known = grammar()
    if device not in known.labels:
        raise ValueError(f"no device {device!r} in the language; it has {', '.join(known.labels)}")
    return tuple(
        Form(
            device,
            entry.action,
            entry.name,
            f"{known.labels[device]}: {entry.label}",
            entry.help,
            entry.origin == "ours",
            tuple(_form_field(field, known) for field in entry.fields),
        )
        for entry in known.of_device(device)
    )


def _form_field(field: Field, known: Grammar) -> FormField:
    low, high = field.range or (None, None)
    kind = "choice" if field.type == "word" else field.type
    choices = field.choices or field.words
    return FormField(
        field.name, field.label, kind, field.unit, low, high, choices, field.default, known.types[field.type]
    )


def page() -> str:
    """Write the reference page, Markdown."""
    known = grammar()
    parts = [_INTRODUCTION, "## Lines\n", *_lines(known), "\n## Devices\n"]
    for device, label in known.labels.items():
        only = "; only simulators have it" if device in known.simulator_only else ""
        parts.append(f"### {device}\n\n{label}{only}.\n")
        parts.append("| command | parameters | answer | | |\n|---|---|---|---|---|")
        entries = [e for action in ACTIONS for e in known.of_device(device) if e.action == action]
        parts.extend(_row(entry) for entry in entries)
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _lines(known: Grammar) -> list[str]:
    lines = [f"- {what}: `{form}`" for what, form in known.forms.items()]
    lines += [f"- {word} (ours): {text}" for word, text in known.additions.items()]
    lines += ["", "| type | written as |", "|---|---|"]
    lines += [f"| {name} | {_cell(text)} |" for name, text in known.types.items()]
    lines += ["", "| error | meaning |", "|---|---|"]
    return lines + [f"| {code} | {_cell(text)} |" for code, text in known.errors.items()]


def _row(entry: Entry) -> str:
    fields = "<br>".join(_described(field) for field in entry.fields)
    answer = "<br>".join(_described(field) for field in entry.answer) + ("<br>then raw bytes" if entry.payload else "")
    return f"| `{entry.action} {entry.name}` | {fields} | {answer} | {_cell(entry.help)} | {entry.origin} |"


def _described(field: Field) -> str:
    words = [f"`{field.name}`", field.type, field.unit]
    if field.range is not None:
        words.append(f"{field.range[0]:g} … {field.range[1]:g}")
    words += [f"`{word}`" for word in (*field.choices, *field.words)]
    if field.default is not None:
        words.append(f"(default {field.default})")
    return _cell(" ".join(word for word in words if word) + f": {field.label}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
