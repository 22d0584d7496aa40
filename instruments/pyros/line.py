"""Commands of the PyROS language: lines read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from instruments.pyros.grammar import ACTIONS, Entry, GrammarError, grammar
from instruments.pyros.values import Value, format_value, parse_value

ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
# A word is bare, or a JSON string.
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')


@dataclass(frozen=True, slots=True)
class Command:
    """A command, checked against the grammar.

    :param device: the device's word
    :param action: GET, SET or DO
    :param operation: the operation's word
    :param values: parameters by name; angles in degrees
    :param request_id: what the answer will repeat; None for none
    """

    device: str
    action: str
    operation: str
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])
    request_id: str | None = None

    @property
    def entry(self) -> Entry:
        """Its operation in the grammar."""
        return grammar().entries[self.device, self.action, self.operation]

    def __str__(self) -> str:
        words = " ".join(format_value(f, self.values[f.name]) for f in self.entry.fields)
        return f"{self.device} {self.action} {self.operation} {words}".rstrip()


def command(device: str, action: str, operation: str, *values: Value) -> Command:
    """Make a command from its words and values, in the grammar's order.

    :raises GrammarError: if the language has no such command, or a value is out of its range
    """
    entry = _find(device, action, operation)
    given: dict[str, Value] = {}
    for i, one in enumerate(entry.fields):
        value = values[i] if i < len(values) else one.default
        if value is None:
            raise GrammarError("syntax", f"{entry.words} lacks {one.name}")
        format_value(one, value)
        given[one.name] = value if isinstance(value, str) else float(value)
    if len(values) > len(entry.fields):
        raise GrammarError("syntax", f"{entry.words} takes {len(entry.fields)} values, not {len(values)}")
    return Command(device, action, operation, given)


def parse_command(line: bytes) -> Command:
    """Read a command from a line, without its newline.

    :raises GrammarError: if it is not of the language; the text names the word and its position
    """
    limit = grammar().max_line_bytes
    if len(line) > limit:
        raise GrammarError("syntax", f"the line is longer than {limit} bytes")
    words = _split(decode(line))
    request_id = None
    if words and words[0][0].startswith("@"):
        request_id = words.pop(0)[0][1:]
        if not ID.fullmatch(request_id):
            raise GrammarError("syntax", "word 1: an id is @ and 1 to 32 letters, digits, '-' or '_'")
    if len(words) < 3:
        raise GrammarError("syntax", f"a line is DEVICE ACTION OPERATION [params]; this one has {len(words)} words")
    entry = _find(words[0][0], words[1][0], words[2][0])
    params = words[3:]
    if len(params) > len(entry.fields):
        extra, column = params[len(entry.fields)]
        needs = " ".join(f.name for f in entry.fields) or "nothing"
        raise GrammarError("syntax", f"{entry.words} takes {needs}; {extra[:40]!r} at column {column} is too much")
    values: dict[str, Value] = {}
    for i, one in enumerate(entry.fields):
        if i < len(params):
            word, column = params[i]
            values[one.name] = parse_value(one, word, f"parameter {i + 1} at column {column}")
        elif one.default is not None:
            values[one.name] = one.default
        else:
            raise GrammarError("syntax", f"{entry.words} lacks {one.name} ({one.label}), parameter {i + 1}")
    return Command(entry.device, entry.action, entry.name, values, request_id)


def format_command(asked: Command) -> bytes:
    """Write a command as a line, with its newline.

    :raises GrammarError: if a value is out of its range
    """
    return (prefix(asked.request_id) + str(asked) + "\n").encode()


def request_id_of(line: bytes) -> str | None:
    """Give the id of a line that may be otherwise broken, so that its error finds its way."""
    head = line.lstrip().split(None, 1)[:1]
    text = head[0].decode("ascii", "replace") if head else ""
    return text[1:] if text.startswith("@") and ID.fullmatch(text[1:]) else None


def prefix(request_id: str | None) -> str:
    """Write an id as a line begins with it."""
    return "" if request_id is None else f"@{request_id} "


def decode(line: bytes) -> str:
    """Turn a line into text.

    :raises GrammarError: if it is not UTF-8
    """
    try:
        return line.decode("utf-8").strip("\r\n\t ")
    except UnicodeDecodeError as error:
        raise GrammarError("syntax", f"the line is not UTF-8: byte {error.start}") from None


def _split(text: str) -> list[tuple[str, int]]:
    words: list[tuple[str, int]] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _WORD.match(text, at)
        end = 0 if found is None else found.end()
        if found is None or (end < len(text) and not text[end].isspace()):
            raise GrammarError("syntax", f"column {at + 1}: a quoted word must end with a quote and a space")
        words.append((_unquote(found[0], at), at + 1))
        at = end
    return words


def _unquote(word: str, at: int) -> str:
    if not word.startswith('"'):
        return word
    try:
        return str(json.loads(word))
    except ValueError as error:
        raise GrammarError("syntax", f"column {at + 1}: not a JSON string ({error})") from None


def _find(device: str, action: str, operation: str) -> Entry:
    known = grammar()
    entry = known.entries.get((device, action, operation))
    if entry is not None:
        return entry
    if device not in known.labels:
        raise GrammarError("unknown", f"word 1: no device {device[:40]!r}; known: {', '.join(known.labels)}")
    if action not in ACTIONS:
        raise GrammarError("unknown", f"word 2: no action {action[:40]!r}; known: {', '.join(ACTIONS)}")
    names = ", ".join(e.name for e in known.of_device(device) if e.action == action) or "none"
    raise GrammarError("unknown", f"word 3: {device} {action} knows no {operation[:40]!r}; it knows: {names}")
