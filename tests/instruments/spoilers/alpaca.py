"""An Alpaca wire that misbehaves as devices and servers do."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_CRASH_S, _ON_THE_WAY_S, _SLOW_S = 1.0, 0.3, 0.05
# kind → the request that moves it, what it says while it moves, and when it says that it stands
_MOTIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "telescope": ("slewtocoordinatesasync", {"slewing": True, "tracking": True}, {"slewing": False, "tracking": True}),
    "camera": ("startexposure", {"camerastate": 2, "imageready": False}, {"camerastate": 0, "imageready": False}),
    "filterwheel": ("position", {"position": -1}, {}),
    "focuser": ("move", {"ismoving": True}, {"ismoving": False}),
    "rotator": ("moveabsolute", {"ismoving": True}, {"ismoving": False}),
    "dome": ("slewtoazimuth", {"slewing": True}, {"slewing": False}),
}


class AlpacaSpoiler:
    """Pass requests on to a server, until a fault begins.

    :param target: the server's port
    :param device: the device that misbehaves, e.g. ``focuser/0``
    :param speed: of the server's clock
    """

    def __init__(self, target: int, device: str, speed: float) -> None:
        self._target, self._device, self._speed = target, device.partition("?")[0], speed
        self._kind = self._device.partition("/")[0]
        self._fault, self._dice = "", random.Random(7)
        self._sent_s, self._until_s = 0.0, 0.0
        self._frozen: tuple[float, dict[str, Any]] = (0.0, {})
        self._healed = threading.Event()
        self._links: set[socket.socket] = set()
        self._deaf: set[socket.socket] = set()
        spoiler = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                spoiler.serve(self)

            do_PUT = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def process_request(self, request: Any, client_address: Any) -> None:
                if spoiler.refuses_links():
                    self.shutdown_request(request)
                    return
                spoiler._links.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request: Any) -> None:
                spoiler._links.discard(request)
                super().shutdown_request(request)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A link that breaks is what is tested here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def fault(self, name: str) -> None:
        """Begin to misbehave."""
        self._healed.clear()
        self._fault, self._sent_s = name, 0.0
        self._frozen = (time.monotonic(), {})
        if name == "half_open":
            self._deaf = set(self._links)
        if name in ("storm", "crash"):
            self._until_s = time.monotonic() + _CRASH_S
            self._cut()

    def heal(self) -> None:
        """Behave."""
        self._fault = ""
        self._deaf.clear()
        self._healed.set()

    def close(self) -> None:
        """End."""
        self.heal()
        self._cut()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def refuses_links(self) -> bool:
        """Tell whether a new link is cut at once."""
        return self._fault == "storm" or (self._fault == "crash" and time.monotonic() < self._until_s)

    def serve(self, asked: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        fault = self._fault
        body = asked.rfile.read(int(asked.headers.get("Content-Length", 0)))
        path = urlsplit(asked.path)
        mine, name = self._device in path.path, path.path.rsplit("/", 1)[-1].lower()
        if fault == "mute" or asked.connection in self._deaf:
            self._healed.wait(30)
            asked.close_connection = True
            return
        status, headers, answer = self._answer(asked, body, fault if mine else "", name)
        if "json" in headers.get("Content-Type", "json"):
            answer = self._spoilt(answer, name, fault if mine else "")
        self._send(asked, status, headers, answer, fault)

    def _answer(
        self, asked: BaseHTTPRequestHandler, body: bytes, fault: str, name: str
    ) -> tuple[int, dict[str, str], bytes]:
        moves = _MOTIONS.get(self._kind, ("", {}, {}))[0]
        if asked.command == "PUT" and fault == "refuse" and name != "connected":
            return 200, {}, self._plain(body, 0x40B, "a drill")
        if asked.command == "PUT" and fault in ("stick", "stop_short", "lie") and name == moves:
            self._sent_s = time.monotonic()
            return 200, {}, self._plain(body, 0, "")
        link = http.client.HTTPConnection("127.0.0.1", self._target, timeout=30)
        try:
            passed = {k: v for k, v in asked.headers.items() if k.lower() in ("accept", "content-type")}
            link.request(asked.command, asked.path, body or None, passed)
            answer = link.getresponse()
            return answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}, answer.read()
        finally:
            link.close()

    def _plain(self, body: bytes, number: int, text: str) -> bytes:
        words = parse_qs(body.decode())
        client = int(words.get("ClientTransactionID", ["0"])[0])
        return json.dumps({"ClientTransactionID": client, "ErrorNumber": number, "ErrorMessage": text}).encode()

    def _spoilt(self, answer: bytes, name: str, fault: str) -> bytes:
        if fault not in ("nan", "frozen", "wrong_id", "stick", "stop_short", "lie"):
            return answer
        values: dict[str, Any] = json.loads(answer)
        if "Value" in values and self._sent_s:
            values["Value"] = self._claimed(fault).get(name, values["Value"])
        number = isinstance(values.get("Value"), int | float) and not isinstance(values["Value"], bool)
        if fault == "nan" and number:
            values["Value"] = float("nan")
        if fault == "wrong_id":
            values["ClientTransactionID"] = int(values.get("ClientTransactionID", 0)) + 1000
        if fault == "frozen" and "Value" in values:
            began, kept = self._frozen
            values["Value"] = kept.setdefault(name, values["Value"])
            if name == "timesincelastupdate":
                values["Value"] += (time.monotonic() - began) * self._speed
        return json.dumps(values).encode()

    def _claimed(self, fault: str) -> dict[str, Any]:
        _, moving, standing = _MOTIONS[self._kind]
        if fault == "stick" or (fault == "stop_short" and time.monotonic() - self._sent_s < _ON_THE_WAY_S):
            return moving
        return {**standing, "imageready": True} if fault == "lie" else standing

    def _send(
        self, asked: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, fault: str
    ) -> None:
        if fault == "slow":
            time.sleep(_SLOW_S)
        if fault == "garbage":
            body = self._dice.randbytes(len(body))
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n"
        data = head.encode() + body
        if fault == "twice":
            data += data
        if fault in ("drop", "half_line"):
            data = data[: -(len(body) // 2 or 1)]
        with contextlib.suppress(OSError):
            asked.wfile.write(data)
            asked.wfile.flush()
        if fault == "half_line":
            self._healed.wait(30)
        if fault == "drop":
            self._fault = ""  # once: the next link shall live
        if fault in ("drop", "half_line"):
            asked.close_connection = True
            with contextlib.suppress(OSError):
                asked.connection.shutdown(socket.SHUT_RDWR)

    def _cut(self) -> None:
        for link in list(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
