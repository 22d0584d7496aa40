"""Our PLC as an INDI client sees it: raw XML over TCP."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("indipyserver", reason="pip install 'pyros-observatory[indi]'")

Connect = Callable[[str], Any]


def vectors(link: socket.socket, parser: ElementTree.XMLPullParser, enough: Callable[[Any], bool]) -> Any:
    """Read vectors until one is the one that is looked for."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            parser.feed(link.recv(65536))
        for _, element in parser.read_events():
            if enough(element):
                return element
    pytest.fail("it did not come within 20 s")


def test_an_indi_client_reads_our_plc(ports: dict[str, int], line: Connect, free_port: int) -> None:
    address = f"pyros://127.0.0.1:{ports['plc']}/PLC"
    words = [sys.executable, "-m", "simulators.indi_face", "--plc", address, "--port", str(free_port)]
    # The simulators run a hundred times faster, on another night: ages say nothing here.
    child = subprocess.Popen([*words, "--period", "0.1", "--max-age", "1e12"], start_new_session=True)
    link = None
    try:
        deadline = time.monotonic() + 30
        while link is None:
            assert time.monotonic() < deadline and child.poll() is None
            with contextlib.suppress(OSError):
                link = socket.create_connection(("127.0.0.1", free_port), 0.5)
        link.sendall(b"<getProperties version='1.7'/>\n")
        parser = ElementTree.XMLPullParser(["end"])
        parser.feed("<stream>")
        info = vectors(link, parser, lambda e: e.tag == "defTextVector" and e.get("name") == "DRIVER_INFO")
        assert info.get("device") == "PyROS PLC"
        bits = next(int(m.text) for m in info if m.get("name") == "DRIVER_INTERFACE")
        assert bits & 128  # the weather interface

        def numbers(element: Any) -> dict[str, float]:
            right = element.tag == "setNumberVector" and element.get("name") == "WEATHER_PARAMETERS"
            return {m.get("name"): float(m.text) for m in element} if right else {}

        control = line("simulator")
        assert control.say(b"SIMULATOR SET WEATHER wind_speed 10\n") == b"OK\n"
        vectors(link, parser, lambda e: numbers(e).get("WEATHER_WIND_SPEED") == pytest.approx(36))

        def rain(element: Any, state: str) -> bool:
            return element.get("name") == "WEATHER_STATUS" and any(
                m.get("name") == "RAIN" and m.text.strip() == state for m in element
            )

        vectors(link, parser, lambda e: rain(e, "Ok"))
        assert control.say(b"SIMULATOR SET WEATHER rain true\n") == b"OK\n"
        alert = vectors(link, parser, lambda e: rain(e, "Alert"))
        assert alert.get("state") == "Alert"
        for name in (b"rain", b"wind_speed"):
            control.say(b"SIMULATOR SET WEATHER " + name + b" auto\n")
    finally:
        if link is not None:
            link.close()
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
