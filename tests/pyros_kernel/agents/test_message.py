"""Messages survive the wire, and nothing else passes for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyros_kernel.agents.message import MAX_BYTES, BadMessage, Message, Reply

words = st.text(min_size=1, max_size=200).filter(str.isprintable)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
payloads = st.dictionaries(st.text(), json_values, max_size=5)
deadlines = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(words, words, words, words, payloads, deadlines, st.booleans())
def test_a_message_comes_back_as_it_was(
    id_: str,
    sender: str,
    to: str,
    name: str,
    payload: dict[str, object],
    deadline_s: float | None,
    question: bool,
) -> None:
    message = Message(id_, sender, to, name, payload, deadline_s, question)
    assert Message.decode(message.encode()) == message


@given(words, st.booleans(), st.text(max_size=300), st.none() | payloads)
def test_a_reply_comes_back_as_it_was(id_: str, taken: bool, why: str, answer: dict[str, object] | None) -> None:
    reply = Reply(id_, taken, why, answer)
    assert Reply.decode(reply.encode()) == reply


@given(st.binary(max_size=300))
def test_bytes_are_a_message_or_a_bad_one(data: bytes) -> None:
    for kind in (Message, Reply):
        try:
            kind.decode(data)
        except BadMessage as error:
            assert str(error)


@given(st.dictionaries(st.sampled_from(["id", "sender", "to", "name", "payload", "deadline_s"]), json_values))
def test_any_json_object_is_a_message_that_can_be_logged_or_a_bad_one(content: dict[str, object]) -> None:
    try:
        message = Message.decode(json.dumps(content).encode())
    except BadMessage:
        return
    assert message.deadline_s is None or isinstance(message.deadline_s, float)
    for word in (message.id, message.sender, message.to, message.name):
        word.encode("utf-8")


GOOD = {"id": "i", "sender": "s", "to": "t", "name": "n"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": ""}, "'id' must be"),
        ({"sender": None}, "'sender' must be"),
        ({"to": "x" * 201}, "'to' must be"),
        ({"name": "line\nbreak"}, "'name' must be"),
        ({"name": "\ud800"}, "'name' must be"),
        ({"payload": None}, "'payload' must be a JSON object, not NoneType"),
        ({"deadline_s": True}, "'deadline_s' must be a number"),
        ({"deadline_s": 10**400}, "'deadline_s' must be a number"),
        ({"is_question": 1}, "'is_question' must be"),
        ({"payload": {"x": float("nan")}}, "NaN is not a JSON number"),
    ],
)
def test_the_field_at_fault_is_named(change: dict[str, object], why: str) -> None:
    assert Message.decode(json.dumps(GOOD).encode()).name == "n"
    with pytest.raises(BadMessage, match=why):
        Message.decode(json.dumps({**GOOD, **change}).encode())


def test_what_cannot_be_written_is_refused_before_it_is_sent() -> None:
    for payload in ({"x": {1, 2}}, {"x": float("inf")}, {"x": "y" * MAX_BYTES}):
        with pytest.raises(BadMessage):
            Message("i", "s", "t", "n", payload).encode()
    with pytest.raises(BadMessage, match="'name' must be"):
        Message("i", "s", "t", "").encode()
