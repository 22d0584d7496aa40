"""Simulators as a child process, reached by bare sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from astropy.time import Time

from instruments.clock import Clock


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Run the default simulators for a module of tests; give their ports by name."""
    clock = Clock(Time("2026-11-23T04:00:00"), 100)
    child = subprocess.Popen(
        [sys.executable, "-m", "simulators", "--clock", clock.to_words(), "--die-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield json.loads(child.stdout.readline().removeprefix("READY "))
    finally:
        child.stdin.close()
        child.stdout.close()
        assert child.wait(10) == 0


class Line:
    """A bare connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.stream = self.socket.makefile("rb")

    def say(self, data: bytes) -> bytes:
        self.socket.sendall(data)
        return self.stream.readline()

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture
def line(ports: dict[str, int]) -> Iterator[object]:
    """Open bare connections to devices by name, closed at the end."""
    opened: list[Line] = []

    def connect(name: str) -> Line:
        opened.append(Line(ports[name]))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
