"""What an Alpaca device may answer: its errors, nonsense, silence; and images that are none."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time

from instruments import Failed, InstrumentError, NotConnected, OperationState, ProtocolError, Rejected, Timeout
from instruments.alpaca import AlpacaCamera, AlpacaDome, AlpacaFocuser, AlpacaTelescope, AlpacaWeatherStation
from instruments.clock import Clock

FAST = 100.0
VALUES: dict[str, Any] = {
    "connected": True,
    "ismoving": False,
    "position": 50,
    "maxstep": 1000,
    "temperature": 7.5,
    "slewing": False,
    "shutterstatus": 1,
    "azimuth": 10.0,
    "camerastate": 0,
    "imageready": False,
    "ccdtemperature": -10.0,
    "exposuremin": 0.001,
    "exposuremax": 3600.0,
    "tracking": True,
    "atpark": False,
    "rightascension": 1.0,
    "declination": 2.0,
    "equatorialsystem": 2,
    "sitelatitude": 31.0,
    "sitelongitude": -115.0,
}


class Server:
    """An Alpaca server whose answers a test sets: a value, bytes, an error number, or a function of the request."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = dict(VALUES)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        answers, asked, woken = self.answers, self.asked, threading.Event()
        self.wake = woken.set

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(urlsplit(self.path).query)

            def do_PUT(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

            def _answer(self, query: str) -> None:
                name = urlsplit(self.path).path.rsplit("/", 1)[-1]
                asked.append((self.command, name, {k: v[0] for k, v in parse_qs(query).items()}))
                answer = answers.get(f"{self.command} {name}", answers.get(name) if self.command == "GET" else None)
                status, body = 200, b""
                if callable(answer):
                    answer = answer()
                if answer == "mute":
                    woken.wait(20)
                    return
                if answer == "drop":
                    self.close_connection = True
                    return
                if answer == "trickle":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000000")
                    self.end_headers()
                    while not woken.wait(0.1):
                        self.wfile.write(b" ")
                    return
                if isinstance(answer, tuple):
                    status, body = answer
                elif isinstance(answer, bytes):
                    body = answer
                else:
                    number, text = (answer, "because") if isinstance(answer, Error) else (0, "")
                    body = json.dumps({"Value": answer, "ErrorNumber": number, "ErrorMessage": text}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is what is tested here."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def address(self, device: str) -> str:
        return f"alpaca://127.0.0.1:{self.port}/{device}"

    def close(self) -> None:
        self.wake()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Error(int):
    """An Alpaca error number to answer with."""


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()
    yield it
    it.close()


@pytest.fixture
def focuser(server: Server) -> Iterator[AlpacaFocuser]:
    with AlpacaFocuser("F1", server.address("focuser/0"), Clock(Time("2026-11-23T04:00:00"), FAST)) as device:
        yield device
        server.wake()


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Error(0x400), Rejected, "because"),
        (Error(0x401), Rejected, r"because \(error 0x401\)"),
        (Error(0x407), NotConnected, r"because \(error 0x407\)"),
        (Error(0x408), Rejected, "because"),
        (Error(0x40B), Rejected, "because"),
        (Error(0x500), Failed, r"because \(error 0x500\)"),
        ((400, b"no such thing"), ProtocolError, "HTTP 400: no such thing"),
        ((500, b"boom"), ProtocolError, "HTTP 500: boom"),
        ((302, b""), ProtocolError, "HTTP 302"),
        (b"<html>", ProtocolError, "not Alpaca's"),
        (b"[1]", ProtocolError, "not Alpaca's"),
        (b'{"ErrorNumber": "x"}', ProtocolError, "not Alpaca's"),
        ("drop", NotConnected, "nobody answers"),
        ("mute", Timeout, "no answer in time"),
        ("trickle", Timeout, "answer has no end|stopped half way|no answer in time"),
    ],
)
def test_each_answer_to_a_command_is_the_error_of_its_reaction(
    server: Server, focuser: AlpacaFocuser, answer: object, kind: type[InstrumentError], says: str
) -> None:
    server.answers["PUT move"] = answer
    began = time.monotonic()
    with pytest.raises(kind, match=rf"F1: move_to 60 \(move\): .*({says}).* \(last known state: moving False"):
        focuser.move_to(60)
    assert time.monotonic() - began < 5
    assert [name for method, name, _ in server.asked if method == "PUT" and name != "connected"] == ["move"]


@pytest.mark.parametrize(
    "answer", [b"{}", b'{"Value": "no number"}', b'{"Value": null}', b'{"Value": NaN}', b"\xff\xfe"]
)
def test_nonsense_instead_of_a_value_is_named(server: Server, focuser: AlpacaFocuser, answer: bytes) -> None:
    server.answers["position"] = answer
    with pytest.raises(ProtocolError, match="F1: read its state"):
        focuser.state()
    server.answers["position"] = 60
    assert focuser.state().position.value == 60


def test_reading_is_tried_again_where_a_connection_broke(server: Server, focuser: AlpacaFocuser) -> None:
    drops = iter(["drop"])
    server.answers["position"] = lambda: next(drops, 70)
    assert focuser.state().position.value == 70


def test_a_mute_device_holds_up_no_other(server: Server, focuser: AlpacaFocuser) -> None:
    server.answers["GET maxstep"] = "mute"
    server.answers["PUT halt"] = None
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            focuser.state(timeout_s=3)
        except InstrumentError as error:
            caught.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    with AlpacaDome("D1", server.address("dome/0"), Clock()) as dome:
        began = time.monotonic()
        dome.state()
        focuser.abort()
        assert time.monotonic() - began < 2
        assert waiting.is_alive()
    waiting.join(10)
    assert isinstance(caught[0], Timeout)


def test_a_device_that_falls_silent_or_is_disconnected_is_lost(server: Server, focuser: AlpacaFocuser) -> None:
    server.answers["connected"] = "mute"
    _wait_until(lambda: not focuser.connected, 2.5)
    with pytest.raises(NotConnected, match="no sign of life"):
        focuser.state()
    server.answers["connected"] = True
    focuser.connect()
    server.answers["connected"] = False
    _wait_until(lambda: not focuser.connected, 2.5)
    with pytest.raises(NotConnected, match="disconnected from its driver"):
        focuser.state()


def test_a_stop_short_is_a_failure(server: Server, focuser: AlpacaFocuser) -> None:
    move = focuser.move_to(60)
    with pytest.raises(Failed, match="stopped 10 steps short"):
        move.wait(5)


def test_a_mount_is_told_what_it_speaks(server: Server) -> None:
    clock = Clock(Time("2026-11-23T04:00:00"), FAST)
    for system, of_date in ((1, True), (2, False)):
        server.answers["equatorialsystem"] = system
        with AlpacaTelescope("T1", server.address("telescope/0?min_altitude=-90"), clock) as telescope:
            ra_deg = telescope.state().position.value.ra.deg
            assert bool(abs(ra_deg - 15) > 0.1) is of_date
    server.answers["equatorialsystem"] = 4
    with pytest.raises(ProtocolError, match="equB1950"):
        AlpacaTelescope("T1", server.address("telescope/0"), clock).connect()
    server.answers["equatorialsystem"] = 2
    server.answers["sitelatitude"] = Error(0x400)
    telescope = AlpacaTelescope("T1", server.address("telescope/0"), clock)
    with telescope, pytest.raises(Rejected, match="does not know its site"):
        telescope.slew_to(telescope.state().position.value)


def test_weather_has_its_sensors_own_ages_and_only_sensors_that_there_are(server: Server) -> None:
    server.answers.update({"windspeed": 12.0, "rainrate": 0.3, "timesincelastupdate": 40.0, "humidity": Error(0x400)})
    for name in ("pressure", "windgust", "cloudcover"):
        server.answers[name] = Error(0x400)
    clock = Clock()
    with AlpacaWeatherStation("W1", server.address("observingconditions/0"), clock) as station:
        state = station.state()
    assert set(state.readings()) == {"temperature", "wind_speed", "rain"}
    assert state.wind_speed is not None and state.rain is not None
    assert state.wind_speed.quantity == 12 * u.m / u.s
    assert state.rain.value is True
    assert 39 < state.wind_speed.age_s(clock.now()) < 45


def _image(data: np.ndarray[Any, Any], element: int = 8, **wrong: int) -> bytes:
    rows, columns = data.shape
    fields = {"rank": 2, "columns": columns, "rows": rows, "error": 0, **wrong}
    head = (1, fields["error"], 0, 0, 44, 2, element, fields["rank"], fields["columns"], fields["rows"], 0)
    return struct.pack("<11i", *head) + data.T.tobytes()


def _camera(server: Server, image: bytes | tuple[int, bytes]) -> AlpacaCamera:
    def expose() -> None:
        server.answers["imageready"] = True

    server.answers["PUT startexposure"] = expose
    server.answers["GET imagearray"] = image
    return AlpacaCamera("C1", server.address("camera/0"), Clock(Time("2026-11-23T04:00:00"), FAST))


@pytest.mark.parametrize(("dtype", "element"), [(np.uint16, 8), (np.int32, 2), (np.float64, 3)])
def test_an_image_has_its_rows_and_columns(server: Server, dtype: Any, element: int) -> None:
    data = np.arange(12, dtype=dtype).reshape(3, 4)
    with _camera(server, _image(data, element)) as camera:
        frame = camera.expose(1 * u.s).wait(5)
    assert frame.data.shape == (3, 4)
    assert frame.data.dtype == np.uint16
    assert np.array_equal(frame.data, data)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"short", "no ImageBytes"),
        (_image(np.zeros((2, 2), np.uint16), rank=3), "3 axes"),
        (_image(np.zeros((2, 2), np.uint16), 99), "no ImageBytes"),
        (_image(np.zeros((2, 2), np.uint16), columns=9999), "no ImageBytes"),
        (_image(np.full((2, 2), 70000, np.int32), 2), "more than 16 bits hold"),
        (b'{"ErrorNumber": 0}', "came as JSON"),
    ],
)
def test_an_image_that_is_none_is_a_protocol_error(server: Server, image: bytes, says: str) -> None:
    with _camera(server, image) as camera:
        exposure = camera.expose(1 * u.s)
        with pytest.raises(ProtocolError, match=says):
            exposure.wait(5)
        assert exposure.state is not OperationState.DONE


def test_a_camera_in_error_fails_at_once_though_no_image_comes(server: Server) -> None:
    def break_down() -> None:
        server.answers["camerastate"] = 5

    with _camera(server, b"") as camera:
        server.answers["PUT startexposure"] = break_down
        exposure = camera.expose(100 * u.s)
        with pytest.raises(Failed, match="the camera is in error"):
            exposure.wait(5)


def test_an_image_of_before_is_not_taken_for_the_new_one(server: Server) -> None:
    with _camera(server, _image(np.zeros((2, 2), np.uint16))) as camera:
        server.answers["imageready"] = True
        exposure = camera.expose(100 * u.s)  # a second
        time.sleep(0.5)
        assert exposure.state is OperationState.RUNNING
        with pytest.raises(Failed, match="of the exposure before, and this one never began"):
            exposure.wait(5)
        server.answers["PUT startexposure"] = lambda: server.answers.update(imageready=False, camerastate=2)
        exposure = camera.expose(100 * u.s)
        time.sleep(0.5)
        server.answers.update(imageready=True, camerastate=0)
        assert exposure.wait(5).data.shape == (2, 2)


def test_an_answer_to_another_request_is_nonsense(server: Server, focuser: AlpacaFocuser) -> None:
    for theirs, kept in ((0, True), (999_999, False)):
        server.answers["position"] = json.dumps({"Value": 60, "ClientTransactionID": theirs}).encode()
        if kept:
            assert focuser.state().position.value == 60
        else:
            with pytest.raises(ProtocolError, match="an answer to another request"):
                focuser.state()


def _wait_until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
