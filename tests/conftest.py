"""What holds for every test: nothing may leak, nothing may reach beyond loopback."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

ME = psutil.Process()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's job in the background ignores Ctrl-C, and so would every program that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _children() -> set[int]:
    return {p.pid for p in ME.children(recursive=True) if p.is_running() and p.status() != psutil.STATUS_ZOMBIE}


def _sockets() -> set[tuple[object, ...]]:
    return {(c.fd, c.type, c.laddr) for c in ME.net_connections(kind="inet")}


def _close_idle_connections() -> None:
    """Close what senders keep for their next message: agents that live longer than a test make some when they like."""
    agents = sys.modules.get("pyros_kernel.agents")
    if agents is not None:
        agents.Sender.close()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process or a socket behind.

    Fixtures of a wider scope (a server for a whole module) are set up before this one looks.
    """
    before = set(threading.enumerate()), _children(), _sockets()
    yield
    deadline = time.monotonic() + 3
    while True:
        _close_idle_connections()
        threads = set(threading.enumerate()) - before[0]
        children = _children() - before[1]
        sockets = _sockets() - before[2]
        if not (threads or children or sockets) or time.monotonic() > deadline:
            break
        gc.collect()
        time.sleep(0.05)
    assert not threads, f"threads left behind: {sorted(t.name for t in threads)}"
    assert not children, f"processes left behind: {[psutil.Process(p).cmdline() for p in children]}"
    assert not sockets, f"sockets left behind: {sorted(map(str, sockets))}"


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that connects anywhere but to this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost", "0.0.0.0"}:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def free_port() -> int:
    """Give a TCP port of the loopback that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def require(program: str, install: str) -> str:
    """Skip the test where a system program is missing; fail instead under PYROS_REQUIRE=all.

    :return: the program's path
    """
    path = shutil.which(program)
    if path is not None:
        return path
    message = f"{program} is missing: {install}"
    if os.environ.get("PYROS_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)
