"""A command's round trip over each back end next to a bare TCP line echo, and our INDI client next to indipyclient.

Everything runs on this machine: our simulators, Debian's indiserver and PyPI's alpaca-simulators at normal speed.
Rounds of all that is compared alternate, so that what else the machine does falls on all.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from indipyclient import IPyClient

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.indi.device import IndiDevice
from tests.instruments.back_ends import BackEnd, running

_ROUNDS, _PER_ROUND = 20, 50
_DEVICE, _VECTOR, _MEMBER = "Focuser Simulator", "SEEING_SETTINGS", "SIM_SEEING"
Once = Callable[[], object]


@contextlib.contextmanager
def _echo() -> Iterator[Once]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with link, link.makefile("rb") as lines:
                for line in lines:
                    link.sendall(line)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        with socket.create_connection(listener.getsockname()) as link, link.makefile("rb") as lines:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def once() -> None:
                link.sendall(b"TELESCOPE GET STATUS\n")
                lines.readline()

            yield once
        server.join(5)


@contextlib.contextmanager
def _state(back_end: BackEnd) -> Iterator[Once]:
    with back_end.device("focuser") as device:
        yield device.state


@contextlib.contextmanager
def _our_indi(back_end: BackEnd) -> Iterator[Once]:
    address = parse_address(back_end.address("focuser"), "indi", 7624)
    names = (_VECTOR,)
    device = IndiDevice("focuser", address, Clock(), needs=names, probes=names, make_state=lambda view: view)
    device.connect(5)
    values = iter(range(10**9))

    def once() -> None:
        wanted = 1 + next(values) % 50
        device.order("seeing", _VECTOR, {_MEMBER: wanted}, lambda seen: seen.number(_MEMBER) == wanted)

    yield once
    device.disconnect()


class _Theirs(IPyClient):
    """indipyclient, waiting for a value the shortest way that it offers: its event."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.told = asyncio.Event()
        self.wanted = -1.0

    async def rxevent(self, event: Any) -> None:
        if getattr(event, "vectorname", "") == _VECTOR and _MEMBER in event:
            with contextlib.suppress(TypeError, ValueError):
                if float(event[_MEMBER]) == self.wanted:
                    self.told.set()


@contextlib.contextmanager
def _their_indi(back_end: BackEnd) -> Iterator[Once]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(job: Awaitable[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(job, loop).result(20)  # type: ignore[arg-type]

    async def make() -> tuple[_Theirs, asyncio.Task[None]]:
        client = _Theirs(back_end.port(""))
        task = asyncio.ensure_future(client.asyncrun())
        while _DEVICE not in client or _VECTOR not in client[_DEVICE]:
            await asyncio.sleep(0.05)
        return client, task

    async def rounds(client: _Theirs, number: int) -> list[float]:
        times: list[float] = []
        for n in range(number):
            client.wanted = 1 + (n + 7) % 50
            client.told.clear()
            began = time.perf_counter()
            await client.send_newVector(_DEVICE, _VECTOR, members={_MEMBER: client.wanted})
            await asyncio.wait_for(client.told.wait(), 5)
            times.append((time.perf_counter() - began) * 1e3)
        return times

    async def end(client: _Theirs, task: asyncio.Task[None]) -> None:
        client.shutdown()
        await asyncio.wait_for(task, 10)

    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        client, task = run(make())
        try:
            # Timed inside its own loop: crossing threads is not its cost.
            yield lambda: run(rounds(client, _PER_ROUND))
        finally:
            run(end(client, task))
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)
            loop.close()


def _times_ms(once: Once, number: int = _PER_ROUND) -> list[float]:
    times: list[float] = []
    for _ in range(number):
        began = time.perf_counter()
        once()
        times.append((time.perf_counter() - began) * 1e3)
    return times


def measure() -> tuple[dict[str, list[float]], list[str]]:
    """Time everything that is installed; return name → sorted milliseconds, and what is missing."""
    times: dict[str, list[float]] = {}
    missing: list[str] = []
    with contextlib.ExitStack() as stack:
        runs: dict[str, Callable[[], list[float]]] = {}
        echo = stack.enter_context(_echo())
        runs["TCP line echo"] = lambda: _times_ms(echo)
        for name in ("pyros", "indi", "alpaca"):
            try:
                back_end = stack.enter_context(running(name, 1.0))
            except pytest.skip.Exception as skipped:
                missing.append(str(skipped))
                continue
            once = stack.enter_context(_state(back_end))
            number = 10 if name == "alpaca" else _PER_ROUND
            runs[f"{name}://, read the state"] = lambda once=once, number=number: _times_ms(once, number)
            if name == "indi":
                ours = stack.enter_context(_our_indi(back_end))
                theirs: Any = stack.enter_context(_their_indi(back_end))
                runs["INDI new to set, ours"] = lambda ours=ours: _times_ms(ours)
                runs["INDI new to set, indipyclient"] = theirs
        for run in runs.values():  # connected, and warm
            run()
        for _ in range(_ROUNDS):
            for name, run in runs.items():
                times.setdefault(name, []).extend(run())
    return {name: sorted(values) for name, values in times.items()}, missing


def run() -> list[tuple[str, str]]:
    """Return what was measured, as label and text."""
    times, missing = measure()
    bare = times["TCP line echo"]
    rows = []
    for name, values in times.items():
        p50, p99 = values[len(values) // 2], values[len(values) * 99 // 100]
        ratio = f"{p50 / bare[len(bare) // 2]:6.1f} x, {p99 / bare[len(bare) * 99 // 100]:6.1f} x the echo"
        rows.append((f"{name}: p50, p99", f"{p50:7.3f} ms, {p99:7.3f} ms; {ratio}"))
    if "INDI new to set, ours" in times:
        ours, theirs = times["INDI new to set, ours"], times["INDI new to set, indipyclient"]
        ratio = f"{ours[len(ours) // 2] / theirs[len(theirs) // 2]:.2f}, "
        ratio += f"{ours[len(ours) * 99 // 100] / theirs[len(theirs) * 99 // 100]:.2f}"
        rows.append(("our INDI client / indipyclient: p50, p99", ratio))
    return [*rows, *(("not measured", why) for why in missing)]


if __name__ == "__main__":
    for label, text in run():
        print(f"{label}: {text}")
