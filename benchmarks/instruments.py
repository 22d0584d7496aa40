"""A command's round trip over each back end next to a bare TCP line echo, and our INDI client next to indipyclient.

Everything runs on this machine: our simulators, Debian's indiserver and PyPI's alpaca-simulators at normal speed.
One call of each alternates with one of all the others, so that what else the machine does falls on all alike.  The two
INDI clients have a server each: a server tells every client what another one commanded.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from astropy import units as u
from indipyclient import IPyClient

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.indi.device import IndiDevice
from tests.instruments.back_ends import BackEnd, running

_TURNS = 2000
_SELDOM = 10  # of so many turns, Alpaca takes one: it is that much slower
_FRAMES = 5
_DEVICE, _VECTOR, _MEMBER = "Focuser Simulator", "SEEING_SETTINGS", "SIM_SEEING"
Once = Callable[[], object]
_R = TypeVar("_R")


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
def _their_indi(back_end: BackEnd) -> Iterator[Callable[[], float]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(job: Coroutine[Any, Any, _R]) -> _R:
        return asyncio.run_coroutine_threadsafe(job, loop).result(20)

    async def make() -> tuple[_Theirs, asyncio.Task[None]]:
        client = _Theirs(back_end.port(""))
        task = asyncio.ensure_future(client.asyncrun())
        while _DEVICE not in client or _VECTOR not in client[_DEVICE]:
            await asyncio.sleep(0.05)
        return client, task

    numbers = iter(range(10**9))

    async def once(client: _Theirs) -> float:
        client.wanted = 1 + (next(numbers) + 7) % 50
        client.told.clear()
        began = time.perf_counter()
        await client.send_newVector(_DEVICE, _VECTOR, members={_MEMBER: client.wanted})
        await asyncio.wait_for(client.told.wait(), 5)
        return (time.perf_counter() - began) * 1e3

    async def end(client: _Theirs, task: asyncio.Task[None]) -> None:
        client.shutdown()
        await asyncio.wait_for(task, 10)

    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        client, task = run(make())
        try:
            # Timed inside its own loop: crossing threads is not its cost.
            yield lambda: run(once(client))
        finally:
            run(end(client, task))
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)
            loop.close()


def _time_ms(once: Once) -> float:
    began = time.perf_counter()
    once()
    return (time.perf_counter() - began) * 1e3


def _frames_per_s(back_end: BackEnd) -> str:
    with back_end.device("camera_vis") as device:
        camera: Any = device
        camera.expose(0.01 * u.s).wait(30)
        began = time.perf_counter()
        for _ in range(_FRAMES):
            frame = camera.expose(0.01 * u.s).wait(30)
        rate = _FRAMES / (time.perf_counter() - began)
    rows, columns = frame.data.shape
    return f"{rate:.2f} frames of {columns} x {rows} per second, exposed for 10 ms, one after the other"


def measure() -> tuple[dict[str, list[float]], list[tuple[str, str]]]:
    """Time everything that is installed.

    :return: name → sorted milliseconds; and what else there is to say, as label and text
    """
    times: dict[str, list[float]] = {}
    said: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(_echo())
        runs: dict[str, Callable[[], float]] = {"TCP line echo": lambda: _time_ms(echo)}
        for name in ("pyros", "indi", "alpaca"):
            try:
                back_end = stack.enter_context(running(name, 1.0))
            except pytest.skip.Exception as skipped:
                said.append(("not measured", str(skipped)))
                continue
            said.append((f"{name}://, camera", _frames_per_s(back_end)))
            once = stack.enter_context(_state(back_end))
            runs[f"{name}://, read the state"] = lambda once=once: _time_ms(once)
            if name == "indi":
                ours = stack.enter_context(_our_indi(back_end))
                their_server = stack.enter_context(running(name, 1.0))
                with their_server.device("focuser"):
                    pass  # from now on its driver is connected, and has all its properties
                theirs = stack.enter_context(_their_indi(their_server))
                runs["INDI new to set, ours"] = lambda ours=ours: _time_ms(ours)
                runs["INDI new to set, indipyclient"] = theirs
        for turn in range(-20, _TURNS):
            order = list(runs.items())
            for name, run in order if turn % 2 else reversed(order):
                if name.startswith("alpaca") and turn % _SELDOM:
                    continue
                taken_ms = run()
                if turn >= 0:  # connected, and warm
                    times.setdefault(name, []).append(taken_ms)
    return {name: sorted(times[name]) for name in runs}, said


def run() -> list[tuple[str, str]]:
    """Return what was measured, as label and text."""
    times, said = measure()
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
    return [*rows, *said]


if __name__ == "__main__":
    for label, text in run():
        print(f"{label}: {text}")
