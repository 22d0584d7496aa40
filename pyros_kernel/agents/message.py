"""What agents say to each other: one JSON object a message, one a reply, checked on arrival."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

MAX_BYTES = 1 << 20
_MAX_WORD = 200


class BadMessage(ValueError):
    """Bytes that are no message; the text says what is wrong with them."""


def _no_constant(word: str) -> NoReturn:
    raise BadMessage(f"{word} is not a JSON number")


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise BadMessage(f"{len(data)} bytes are more than the {MAX_BYTES} a message may have")
    try:
        loaded: object = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise BadMessage("nested too deeply") from None
    except ValueError as error:  # BadMessage, JSONDecodeError, UnicodeDecodeError, an int of too many digits
        raise BadMessage(f"not JSON: {error}") from None
    if not isinstance(loaded, dict):
        raise BadMessage(f"not a JSON object but {type(loaded).__name__}")
    return cast("dict[str, Any]", loaded)


def _dump(content: dict[str, Any]) -> bytes:
    try:
        data = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadMessage(f"the payload can't be written as JSON: {error}") from None
    if len(data) > MAX_BYTES:
        raise BadMessage(f"{len(data)} bytes are more than the {MAX_BYTES} a message may have")
    return data


def _word(content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    # isprintable also keeps out lone surrogates, which no log file could be written with.
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_WORD or not value.isprintable():
        raise BadMessage(f"{key!r} must be a printable text of 1 to {_MAX_WORD} characters")
    return value


def new_id() -> str:
    """Make an id that no other message has."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Message:
    """A message from somebody to an agent.

    :param id: unique; a message that arrives twice is done once
    :param sender: the sending agent's name, or the process that sent it
    :param to: name of the agent it is for
    :param name: which message it is: a key of that agent's ``actions_by_message``
    :param payload: what it carries: JSON values only
    :param deadline_s: observatory time (unix seconds UTC) after which its action must not begin any more
    :param is_question: whether it wants an answer at once, and is no message for the inbox
    """

    id: str
    sender: str
    to: str
    name: str
    payload: dict[str, Any] = field(default_factory=dict[str, Any])
    deadline_s: float | None = None
    is_question: bool = False

    def encode(self) -> bytes:
        """Write the message for the wire.

        :raises BadMessage: if the payload is not JSON, or the whole longer than 1 MiB
        """
        content: dict[str, Any] = {key: getattr(self, key) for key in ("id", "sender", "to", "name", "payload")}
        for key in ("id", "sender", "to", "name"):
            _word(content, key)
        if self.deadline_s is not None:
            content["deadline_s"] = self.deadline_s
        if self.is_question:
            content["is_question"] = True
        return _dump(content)

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Read a message from the wire.

        :raises BadMessage: if it is none, naming the field at fault
        """
        content = _load(data)
        id_, sender, to, name = (_word(content, key) for key in ("id", "sender", "to", "name"))
        payload = content.get("payload", {})
        if not isinstance(payload, dict):
            raise BadMessage(f"'payload' must be a JSON object, not {type(payload).__name__}")
        deadline_s = content.get("deadline_s")
        if deadline_s is not None and (isinstance(deadline_s, bool) or not isinstance(deadline_s, (int, float))):
            raise BadMessage("'deadline_s' must be a number of unix seconds")
        is_question = content.get("is_question", False)
        if not isinstance(is_question, bool):
            raise BadMessage("'is_question' must be true or false")
        return cls(id_, sender, to, name, cast("dict[str, Any]", payload), _as_float(deadline_s), is_question)


def _as_float(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        raise BadMessage("'deadline_s' must be a number of unix seconds") from None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiving side answers at once.

    :param id: id of the message it answers; empty if that could not be read
    :param taken: whether the message is in the agent's inbox, or answered
    :param why: the reason for a refusal
    :param answer: the answer to a question
    """

    id: str
    taken: bool
    why: str = ""
    answer: dict[str, Any] | None = None

    def encode(self) -> bytes:
        """Write the reply for the wire."""
        return _dump({"id": self.id, "taken": self.taken, "why": self.why, "answer": self.answer})

    @classmethod
    def decode(cls, data: bytes) -> Reply:
        """Read a reply from the wire.

        :raises BadMessage: if it is none, naming the field at fault
        """
        content = _load(data)
        id_, taken, why = content.get("id"), content.get("taken"), content.get("why", "")
        answer = content.get("answer")
        if not isinstance(id_, str) or not isinstance(taken, bool) or not isinstance(why, str):
            raise BadMessage("'id' and 'why' of a reply must be texts, 'taken' true or false")
        if answer is not None and not isinstance(answer, dict):
            raise BadMessage("'answer' of a reply must be a JSON object")
        return cls(id_, taken, why, cast("dict[str, Any] | None", answer))
