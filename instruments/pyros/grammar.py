"""The PyROS instrument language, as ``grammar.json`` writes it.

``grammar.json`` is the only place where a word of the language stands; parser, client, simulators, forms and
the reference page are made from what is loaded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

ACTIONS = ("GET", "SET", "DO")


class GrammarError(ValueError):
    """A line or an answer is not of the language.

    :param code: word of the error, one of ``errors`` in ``grammar.json``
    :param text: what is wrong, with the word and its position
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of an operation, or a field of its answer.

    :param name: key of the value
    :param type: one of ``types`` in ``grammar.json``
    :param unit: unit of the value; empty where it has none
    :param label: what a form calls it
    :param range: least and greatest value allowed
    :param choices: the words allowed, for type ``word``
    :param words: words allowed in place of a number
    :param sexagesimal: what ``12:05:17.3`` counts in, ``hours`` or ``degrees``
    :param default: value when it is left out; None if it must be given
    """

    name: str
    type: str
    unit: str = ""
    label: str = ""
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    sexagesimal: str = ""
    default: float | str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation of a device.

    :param device: the device's word
    :param action: GET, SET or DO
    :param name: the operation's word
    :param label: what a form calls it
    :param help: what it does
    :param origin: ``pyros`` where public pages of the original confirm it, else ``ours``
    :param fields: its parameters, in order
    :param answer: what an OK carries
    :param payload: whether raw bytes follow the answer
    """

    device: str
    action: str
    name: str
    label: str
    help: str
    origin: str
    fields: tuple[Field, ...]
    answer: tuple[Field, ...]
    payload: bool

    @property
    def words(self) -> str:
        """The three words that begin its line."""
        return f"{self.device} {self.action} {self.name}"


@dataclass(frozen=True, slots=True)
class Grammar:
    """The whole language.

    :param entries: operation by (device, action, operation)
    :param labels: what a form calls each device
    :param simulator_only: devices that only simulators have
    :param errors: meaning of each error code
    :param types: how a value of each type is written
    :param forms: how a command and an answer are written
    :param additions: what of the form of a line is ours
    :param max_line_bytes: longest line, without its newline
    :param max_payload_bytes: largest payload
    """

    entries: Mapping[tuple[str, str, str], Entry]
    labels: Mapping[str, str]
    simulator_only: frozenset[str]
    errors: Mapping[str, str]
    types: Mapping[str, str]
    forms: Mapping[str, str]
    additions: Mapping[str, str]
    max_line_bytes: int
    max_payload_bytes: int

    def of_device(self, device: str) -> Iterator[Entry]:
        """Give a device's operations."""
        return (entry for entry in self.entries.values() if entry.device == device)


@cache
def grammar() -> Grammar:
    """Load the language."""
    text = resources.files("instruments.pyros").joinpath("grammar.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    devices = cast("dict[str, dict[str, Any]]", document["devices"])
    entries: dict[tuple[str, str, str], Entry] = {}
    for device, section in devices.items():
        lists = document["shared"][section["uses"]] if "uses" in section else section
        for action in ACTIONS:
            for item in (*document["every_device"].get(action.lower(), ()), *lists[action.lower()]):
                entries[device, action, item["name"]] = _entry(device, action, item)
    return Grammar(
        entries=entries,
        labels={device: str(section["label"]) for device, section in devices.items()},
        simulator_only=frozenset(d for d, section in devices.items() if section.get("simulator_only", False)),
        errors=document["errors"],
        types=document["types"],
        forms={key: document["line"][key] for key in ("command", "answer", "encoding")},
        additions={key: document["line"][key]["help"] for key in ("id", "quoting")},
        max_line_bytes=int(document["line"]["max_bytes"]),
        max_payload_bytes=int(document["line"]["max_payload_bytes"]),
    )


def _entry(device: str, action: str, item: dict[str, Any]) -> Entry:
    return Entry(
        device=device,
        action=action,
        name=item["name"],
        label=item["label"],
        help=item["help"],
        origin=item["origin"],
        fields=tuple(_field(f) for f in item["fields"]),
        answer=tuple(_field(f) for f in item.get("answer", ())),
        payload=item.get("payload", False),
    )


def _field(item: dict[str, Any]) -> Field:
    low_high = item.get("range")
    return Field(
        name=item["name"],
        type=item["type"],
        unit=item.get("unit", ""),
        label=item["label"],
        range=None if low_high is None else (float(low_high[0]), float(low_high[1])),
        choices=tuple(item.get("choices", ())),
        words=tuple(item.get("words", ())),
        sexagesimal=item.get("sexagesimal", ""),
        default=item.get("default"),
    )
