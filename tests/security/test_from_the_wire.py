"""Nothing that comes over a wire is run, and no address of an instrument comes from anywhere but the store."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from pyros_kernel.agents.message import BadMessage, Message, Reply
from pyros_kernel.settings import ROOT
from pyros_kernel.tasks.application import app

ROOMS = ("instruments", "simulators", "pyros_kernel", "widgets")
# They make objects of what they read, or run it.
RUN_WHAT_THEY_READ = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml", "jsonpickle"}
RUN_CALLS = {"recv_pyobj", "send_pyobj", "eval", "exec"}
# Writes a notebook's own values into the source of the child process that it starts; see docs/explanation/security.md.
CARRIES = "pyros_kernel/recipes/carry.py"


def sources() -> Iterator[tuple[str, ast.AST]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_no_room_reads_what_could_run() -> None:
    found: set[tuple[str, str]] = set()
    for path, tree in sources():
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").split(".")[0]]
            elif isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in RUN_CALLS and not (isinstance(node.func, ast.Attribute) and called in ("eval", "exec")):
                    found.add((path, called))
                if any(k.arg == "allow_pickle" and getattr(k.value, "value", True) for k in node.keywords):
                    found.add((path, "allow_pickle"))
            found |= {(path, name) for name in names if name in RUN_WHAT_THEY_READ}
    assert found == {(CARRIES, "pickle")}


def test_addresses_of_instruments_come_from_the_store_alone() -> None:
    users = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "open_instrument" for alias in node.names)
    }
    assert users == {"pyros_kernel/devices.py", "pyros_kernel/doctor/instruments.py"}  # both read rows of the store


@pytest.mark.parametrize("content_type", ["application/x-python-serialize", "application/x-yaml"])
def test_a_task_s_message_that_is_no_json_is_refused(content_type: str) -> None:
    encoding = "binary" if "python" in content_type else "utf-8"
    with pytest.raises(ContentDisallowed):
        loads(b"\x80\x05.", content_type, encoding, accept=app.conf.accept_content)
    assert {app.conf.task_serializer, app.conf.result_serializer, app.conf.event_serializer} == {"json"}


def test_an_agent_does_not_unpickle() -> None:
    for decode in (Message.decode, Reply.decode):
        with pytest.raises(BadMessage):
            decode(pickle.dumps({"id": "a"}))
