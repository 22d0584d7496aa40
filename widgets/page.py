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
from typing import Any, Protocol
from urllib.parse import quote, unquote
from zlib import crc32

from pyros_kernel.snapshot import ImageView, Snapshot
from widgets.agents import agents_html
from widgets.alerts import alerts_html
from widgets.cameras import cameras_html
from widgets.chart import CHART_JS
from widgets.current import current_html
from widgets.curves import now_line, schedule_legend, schedule_title, schedule_traits
from widgets.devices import device_card, devices_html
from widgets.header import header_html
from widgets.log import log_html
from widgets.safety import safety_in_short_html
from widgets.sequences import sequences_html
from widgets.skymap import SKY_JS, sky_legend, sky_traits
from widgets.strips import STRIPS_JS, strips_title, strips_traits
from widgets.words import frame, nothing

logger = logging.getLogger(__name__)

_CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_HTML = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
_IDLE_REAL_S = 10.0  # a visitor who says nothing for so long is let go
_CARDS: Mapping[str, Callable[[Snapshot], str]] = {
    "header": header_html,
    "chart-title": lambda snapshot: schedule_title(snapshot.night),
    "chart-legend": schedule_legend,
    "safety": safety_in_short_html,
    "current": current_html,
    "telescope": device_card("telescope", "Telescope"),
    "dome": device_card("dome", "Dome"),
    "cameras": lambda snapshot: cameras_html(snapshot, _address),
    "skymap-title": lambda _: frame("Sky", "", "north up, east left"),
    "skymap-legend": sky_legend,
    "strips-title": strips_title,
    "sequences": sequences_html,
    "alerts": alerts_html,
    "agents": agents_html,
    "devices": devices_html,
    "log": log_html,
}


# The same charts as in a notebook; "export default" is all that a page can't read in the middle of its script.
_CHARTS = {"chart": CHART_JS, "skymap": SKY_JS, "strips": STRIPS_JS}
_LEGENDS = {name.removesuffix("-legend") for name in _CARDS if name.endswith("-legend")}
_SCRIPTS = "".join(
    f"charts.{name} = (() => {{\n{code.replace('export default', 'return')}\n}})();\n" for name, code in _CHARTS.items()
)
_IMAGE = "/image/"


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
        whole = _HTML.replace("{nonce}", nonce).replace("{css}", _CSS).replace("{charts}", _SCRIPTS)
        whole = whole.replace("{header}", _place("header"))
        whole = whole.replace("{cards}", "".join(_place(name) for name in _CARDS if name != "header"))

        class Visit(BaseHTTPRequestHandler):
            timeout = _IDLE_REAL_S

            def do_GET(self) -> None:
                host = self.headers.get("Host", "").rpartition(":")[0]
                if host not in ("127.0.0.1", "localhost"):  # a foreign name that leads here is a trick
                    self.send_error(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1")
                elif self.path == "/":
                    self._answer(whole.encode(), "text/html; charset=utf-8")
                elif self.path == "/cards":
                    snapshot = observatory.snapshot()
                    told = {"cards": cards(snapshot), "charts": charts(snapshot)}
                    self._answer(json.dumps(told).encode(), "application/json")
                elif self.path.startswith(_IMAGE) and (png := _image(self.path, observatory.snapshot())):
                    self._answer(png, "image/png", "private, max-age=86400, immutable")
                else:
                    self.send_error(HTTPStatus.NOT_FOUND)

            def _answer(self, content: bytes, kind: str, keep: str = "no-store") -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", keep)
                policy = (
                    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'"
                    "; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
                )
                self.send_header("Content-Security-Policy", policy)
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


def cards(snapshot: Snapshot) -> dict[str, str]:
    """Write every card; one that can't be written says so, and hides no other."""
    written: dict[str, str] = {}
    for name, write in _CARDS.items():
        try:
            written[name] = write(snapshot) if snapshot.running or name == "header" else ""
        except Exception:
            logger.exception("page: the card %s can't be written", name)
            written[name] = nothing(f"{name} can't be shown; the log says why")
    return written


def charts(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Give what the charts draw; nothing of an observatory that is stopped."""
    if not snapshot.running:
        return {}
    schedule = {**schedule_traits(snapshot), "now_s": now_line(snapshot)}
    return {"chart": schedule, "skymap": sky_traits(snapshot), "strips": strips_traits(snapshot)}


def _place(name: str) -> str:
    """Write the place of a card; a chart stands between its title and its legend, if it has one."""
    part, _, end = name.partition("-")
    if part not in _CHARTS:
        return f'<div class="pyros-card pyros-{name}" id="{name}"></div>'
    place = f'<div id="{name}"></div>'
    if end == "legend":
        return f"{place}</div>"
    opened = f'<div class="pyros-card pyros-{part}" data-chart="{part}">{place}<div id="{part}"></div>'
    return opened if part in _LEGENDS else f"{opened}</div>"


def _address(image: ImageView) -> str:
    """Give an image's address, another one for each: it may be kept."""
    return f"{_IMAGE.lstrip('/')}{quote(image.camera, safe='')}/{crc32(image.path.encode()):08x}"


def _image(path: str, snapshot: Snapshot) -> bytes:
    camera = unquote(path.removeprefix(_IMAGE).partition("/")[0])
    return next((image.png for image in snapshot.images if image.camera == camera), b"")
