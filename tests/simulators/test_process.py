"""The child process: how it starts, and that it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.__main__ import main


def _start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulators", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _ready(child: subprocess.Popen[str]) -> dict[str, int]:
    assert child.stdout is not None
    return json.loads(child.stdout.readline().removeprefix("READY "))


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "stdin"])
def test_it_ends_cleanly_even_with_a_frame_and_a_link_open(end: str) -> None:
    with _start("--die-with-stdin") as child:
        port = _ready(child)["camera_vis"]
        with socket.create_connection(("127.0.0.1", port), 5) as link:
            link.sendall(b"CAMERA_VIS SET EXPOSURE 100\nCAMERA_VIS DO EXPOSE\n")
            assert link.recv(2)
            if end == "stdin":
                assert child.stdin is not None
                child.stdin.close()
            else:
                child.send_signal(getattr(signal, end))
            assert child.wait(5) == 0
        assert child.stderr is not None
        assert "Traceback" not in child.stderr.read()


def test_names_ports_and_settings_come_from_a_file(tmp_path: Path, free_port: int) -> None:
    devices = tmp_path / "devices.json"
    devices.write_text(json.dumps({"T1": {"kind": "telescope", "port": free_port}, "plc": {}}))
    with _start("--devices", str(devices), "--site", "43.9,5.7,650") as child:
        ports = _ready(child)
        assert list(ports) == ["T1", "plc", "simulator"]
        assert ports["T1"] == free_port
        with socket.create_connection(("127.0.0.1", free_port), 5) as link, link.makefile("rb") as stream:
            link.sendall(b"TELESCOPE GET SITE\n")
            assert b'"latitude":43.9' in stream.readline()
        child.terminate()
        assert child.wait(5) == 0


def test_a_taken_port_is_named(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)), _start("--port-base", str(free_port)) as child:
        assert child.wait(20) == 3
        assert child.stderr is not None
        assert "a port can't be opened" in child.stderr.read()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--devices", "{"], "not JSON"),
        (["--devices", "/nowhere/devices.json"], "neither JSON nor a readable file"),
        (["--devices", '{"x": {"kind": "balloon"}}'], "x: kind 'balloon' can't be simulated"),
        (["--devices", '{"dome": {"port": 70000}}'], "dome: port 70000"),
        (["--devices", '{"dome": {"colour": 1}}'], "dome: unknown key colour"),
        (["--devices", '{"dome": {"settings": {"colour": 1}}}'], "dome: no setting 'colour'; it has shutter_s"),
        (["--devices", '{"camera_vis": {"settings": {"width": "wide"}}}'], "setting width must be like 512"),
        (["--devices", '{"camera_vis": {"settings": {"width": 512.5}}}'], "setting width must be like 512"),
        (["--devices", '{"camera_vis": {"settings": {"filters": "gr"}}}'], "setting filters must be like"),
        (["--clock", "noon"], "could not convert"),
        (["--site", "1,2"], "a site is latitude"),
    ],
)
def test_wrong_arguments_are_refused_with_words(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert says in capsys.readouterr().err
