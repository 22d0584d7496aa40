"""Answers of the PyROS language: lines read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from instruments.pyros.grammar import GrammarError
from instruments.pyros.line import ID, decode, prefix


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer line.

    :param ok: whether the device took the command
    :param values: what an OK carries
    :param code: error code
    :param text: error text
    :param request_id: the command's
    """

    ok: bool
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    code: str = ""
    text: str = ""
    request_id: str | None = None


def parse_answer(line: bytes) -> Answer:
    """Read an answer from a line, without its newline.

    :raises GrammarError: if it is neither OK nor ERROR
    """
    text = decode(line)
    request_id = None
    if text.startswith("@"):
        head, _, text = text.partition(" ")
        request_id = head[1:]
        if not ID.fullmatch(request_id):
            raise GrammarError("syntax", f"an answer with a broken id: {head[:40]!r}")
    word, _, rest = text.partition(" ")
    if word == "OK":
        return Answer(True, _object(rest), request_id=request_id)
    if word == "ERROR":
        code, _, what = rest.partition(" ")
        return Answer(False, code=code, text=what, request_id=request_id)
    raise GrammarError("syntax", f"an answer begins with OK or ERROR, not {word[:40]!r}")


def format_ok(request_id: str | None, values: Mapping[str, object] | None = None) -> bytes:
    """Write an OK as a line, with its newline."""
    body = "" if not values else " " + json.dumps(values, separators=(",", ":"), allow_nan=False)
    return f"{prefix(request_id)}OK{body}\n".encode()


def format_error(request_id: str | None, code: str, text: str) -> bytes:
    """Write an ERROR as a line, with its newline."""
    clean = " ".join(text.split()).encode("utf-8", "replace").decode()
    return f"{prefix(request_id)}ERROR {code} {clean}\n".encode()


def _object(text: str) -> dict[str, object]:
    if not text.strip():
        return {}
    try:
        values: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GrammarError("syntax", f"the answer is not JSON ({error}): {text[:60]!r}") from None
    if not isinstance(values, dict):
        raise GrammarError("syntax", f"the answer is not a JSON object: {text[:60]!r}")
    return cast("dict[str, object]", values)
