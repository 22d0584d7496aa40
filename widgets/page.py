"""A read-only page of a running observatory, for people without a kernel: what the panels say, and no button."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

from pyros_kernel.snapshot import Snapshot
from widgets.agents import agents_html
from widgets.alerts import alerts_html
from widgets.devices import device_card, devices_html
from widgets.header import header_html
from widgets.log import log_html
from widgets.safety import safety_html
from widgets.sequences import sequences_html
from widgets.words import nothing

logger = logging.getLogger(__name__)

_CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_HTML = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
_IDLE_REAL_S = 10.0  # a visitor who says nothing for so long is let go
_CARDS: Mapping[str, Callable[[Snapshot], str]] = {
    "header": header_html,
    "safety": safety_html,
    "telescope": device_card("telescope", "Telescope"),
    "dome": device_card("dome", "Dome"),
    "sequences": sequences_html,
    "alerts": alerts_html,
    "agents": agents_html,
    "devices": devices_html,
    "log": log_html,
}


class Seen(Protocol):
    """What the page needs of an observatory: nothing that could command it."""

    def snapshot(self) -> Snapshot:
        """Give the whole observatory at one moment, cheaply."""
        ...


class Page:
    """Serve the page on this machine's loopback, from threads of its own.

    :param observatory: whose snapshots are shown; it is never started from here
    :param port: 0 for any that is free
    :raises OSError: if the port is taken
    """

    def __init__(self, observatory: Seen, port: int = 0) -> None:
        nonce = secrets.token_urlsafe(16)
        whole = _HTML.replace("{nonce}", nonce).replace("{css}", _CSS)
        whole = whole.replace("{cards}", "".join(f'<div class="pyros-card pyros-{n}" id="{n}"></div>' for n in _CARDS))

        class Visit(BaseHTTPRequestHandler):
            timeout = _IDLE_REAL_S

            def do_GET(self) -> None:
                host = self.headers.get("Host", "").rpartition(":")[0]
                if host not in ("127.0.0.1", "localhost"):  # a foreign name that leads here is a trick
                    self.send_error(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1")
                elif self.path == "/":
                    self._answer(whole.encode(), "text/html; charset=utf-8")
                elif self.path == "/cards":
                    self._answer(json.dumps(cards(observatory)).encode(), "application/json")
                else:
                    self.send_error(HTTPStatus.NOT_FOUND)

            def _answer(self, content: bytes, kind: str) -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                policy = (
                    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'"
                )
                self.send_header("Content-Security-Policy", f"{policy}; frame-ancestors 'none'; base-uri 'none'")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                logger.debug("page: %s", format % args)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Visit)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="pyros-page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it, and give the port back; twice is once."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)

    def __repr__(self) -> str:
        return f"<page {self.url}>"


def cards(observatory: Seen) -> dict[str, str]:
    """Write every card; one that can't be written says so, and hides no other."""
    snapshot = observatory.snapshot()
    written: dict[str, str] = {}
    for name, write in _CARDS.items():
        try:
            written[name] = write(snapshot) if snapshot.running or name == "header" else ""
        except Exception:
            logger.exception("page: the card %s can't be written", name)
            written[name] = nothing(f"{name} can't be shown; the log says why")
    return written
