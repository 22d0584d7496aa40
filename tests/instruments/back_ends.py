"""The three back ends with something to talk to: our simulators, INDI's C++ ones, and PyPI's alpaca-simulators.

indiserver can listen on all interfaces only (``-h`` knows no other way); its port is free, and lives for seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments.clock import Clock
from instruments.connect import open_instrument
from instruments.horizon import Horizon
from instruments.instrument import Instrument
from tests.conftest import require

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
LATITUDE, LONGITUDE, ELEVATION = 31.0443, -115.4637, 2800.0
INDI = {
    "telescope": "Telescope Simulator",
    "camera_vis": "CCD Simulator",
    "filter_wheel": "Filter Simulator",
    "focuser": "Focuser Simulator",
    "rotator": "Rotator Simulator",
    "dome": "Dome Simulator",
    "weather_station": "Weather Simulator",
    "safety_monitor": "Weather Simulator",
}
DRIVERS = ("telescope", "ccd", "wheel", "focus", "rotator", "dome", "weather")
ALPACA = {
    "telescope": "telescope/0",
    "camera_vis": "camera/0?wheel=0",
    "filter_wheel": "filterwheel/0",
    "focuser": "focuser/0",
    "rotator": "rotator/0",
    "dome": "dome/0",
    "weather_station": "observingconditions/0",
    "safety_monitor": "safetymonitor/0",
}
BACK_ENDS = ("pyros", "indi", "alpaca")
KINDS = tuple(INDI)
# Nobody's simulator but ours is a PLC, and elsewhere a second camera is the first one once more.
OURS = (*KINDS, "camera_nir", "plc")


def free_ports(number: int) -> list[int]:
    """Give ports that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def wait_for_port(port: int, process: subprocess.Popen[Any], seconds: float = 30.0) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, f"{process.args} ended with {process.returncode}"
            assert time.monotonic() < end, f"nobody listens on {port}"
            time.sleep(0.02)


@dataclass
class BackEnd:
    """A server to talk to.

    :param speed: how much faster than real it runs
    """

    name: str
    speed: float
    folder: Path
    process: subprocess.Popen[Any] | None = None
    ports: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        # A server under faketime runs faster from its own start on; a start later than this does no harm.
        self.clock = Clock(Time(time.time(), format="unix"), self.speed)
        self.horizon = Horizon(LATITUDE, LONGITUDE)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of device that are there."""
        return OURS if self.name == "pyros" else KINDS

    def filters(self) -> tuple[str, str]:
        """Two filters that its wheel has."""
        return {"pyros": ("g", "r"), "indi": ("Green", "H_Alpha"), "alpaca": ("Green", "Clear")}[self.name]

    def port(self, kind: str) -> int:
        """The port behind which a device is."""
        return self.ports.get(kind, self.ports.get("", 0))

    def address(self, kind: str, port: int | None = None) -> str:
        """Where a device is, or where it is behind a proxy."""
        port = port or self.port(kind)
        if self.name == "pyros":
            word = {"safety_monitor": "PLC"}.get(kind, kind.upper())
            return f"pyros://127.0.0.1:{port}/{word}"
        if self.name == "alpaca":
            return f"alpaca://127.0.0.1:{port}/{ALPACA[kind]}"
        options = ""
        if kind == "telescope":
            options = f"?latitude={LATITUDE}&longitude={LONGITUDE}&elevation={ELEVATION}"
        if kind == "camera_vis":
            options = "?wheel=" + quote("Filter Simulator")
        return f"indi://127.0.0.1:{port}/{quote(INDI[kind])}{options}"

    def device(self, kind: str, port: int | None = None) -> Instrument[Any]:
        """Make a device; it is not connected yet."""
        return open_instrument(kind, kind, self.address(kind, port), self.clock)

    def target(self, altitude: float = 60.0, azimuth: float = 120.0) -> SkyCoord:
        """Give a position that stands there now."""
        ra, dec = self.horizon.radec_deg(altitude, azimuth, self.clock.unix_s())
        return SkyCoord(ra, dec, unit="deg")

    def start(self) -> None:
        """Start the server; a second time on the same ports."""
        {"pyros": self._start_pyros, "indi": self._start_indi, "alpaca": self._start_alpaca}[self.name]()
        if self.name == "indi":  # its clock runs from its start
            self.clock = Clock(Time(time.time(), format="unix"), self.speed)

    def kill(self) -> None:
        """Kill the server, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self._close_pipes()

    def stop(self) -> None:
        """End the server."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in () if self.process is None else (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _start_pyros(self) -> None:
        if not self.ports:
            self.ports = dict(zip(self.kinds, free_ports(len(self.kinds)), strict=True))
            self.ports["safety_monitor"] = self.ports["plc"]
        small = {"width": 320, "height": 200, "filters": ["g", "r"]}
        settings = {"camera_vis": small, "camera_nir": small}
        devices = {
            kind: {"kind": kind, "port": self.ports[kind], "settings": settings.get(kind, {})}
            for kind in self.ports
            if kind != "safety_monitor"
        }
        words = [sys.executable, "-m", "simulators", "--clock", self.clock.to_words(), "--die-with-stdin"]
        words += [f"--site={LATITUDE},{LONGITUDE},{ELEVATION}", "--devices", json.dumps(devices)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("READY")

    def _start_indi(self) -> None:
        self.ports = self.ports or {"": free_ports(1)[0]}
        words = ["indiserver", "-p", str(self.port("")), "-u", str(self.folder / "socket"), "-r", "20"]
        words += [f"indi_simulator_{driver}" for driver in DRIVERS]
        self._popen(words)

    def _start_alpaca(self) -> None:
        self.ports = self.ports or {"": free_ports(1)[0]}
        config = _alpaca_config(self.folder)
        program = str(Path(sys.executable).with_name("alpaca-simulators"))
        port = str(self.port(""))
        self._popen([program, "--host", "127.0.0.1", "--port", port, "--config", str(config)])
        for kind in ("telescope", "dome"):  # whose first answers take seconds on a busy machine
            device = self.device(kind)
            device.connect(30)
            device.disconnect()

    def _popen(self, words: list[str]) -> None:
        fast = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"+0 x{self.speed:g}", "FAKETIME_DONT_RESET": "1"}
        if self.speed == 1:
            fast = {}
        with (self.folder / "log").open("ab") as log:
            # A home of its own: INDI's drivers keep configurations there, and read them again.
            self.process = subprocess.Popen(
                words,
                env={**os.environ, "HOME": str(self.folder), **fast},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for_port(self.port(""), self.process)


def _alpaca_config(folder: Path) -> Path:
    """Write the simulators' configuration: our site, a small detector, and a catalogue of stars that is here."""
    import alpaca_simulators
    import yaml

    catalogue = folder / "stars.sqlite"
    if not catalogue.exists():
        with contextlib.closing(sqlite3.connect(catalogue)) as stars:
            columns = [
                "ra",
                "dec",
                "pmra",
                "pmdec",
                "phot_g_mean_mag",
                "phot_bp_mean_mag",
                "phot_rp_mean_mag",
                "j_m",
                "h_m",
                "ks_m",
            ]
            stars.execute(f"CREATE TABLE gaia_sources ({', '.join(f'{c} REAL' for c in columns)})")
    template = Path(str(alpaca_simulators.__file__)).parent / "config" / "template.yaml"
    config = yaml.safe_load(template.read_text())
    config["tap_source"] = f"sqlite:///{catalogue}"
    config["devices"]["camera"][0].update(cameraxsize=320, numx=320, cameraysize=200, numy=200)
    config["devices"]["telescope"][0].update(sitelatitude=LATITUDE, sitelongitude=LONGITUDE, siteelevation=ELEVATION)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def need(name: str) -> None:
    """Skip where a back end's peer is missing."""
    if name == "indi":
        require("indiserver", "apt-get install indi-bin")
    if name == "alpaca" and find_spec("alpaca_simulators") is None:
        require("alpaca-simulators", "pip install alpaca-simulators")
    if name != "pyros":
        require("faketime", "apt-get install faketime")


@contextlib.contextmanager
def running(name: str, speed: float | None = None) -> Iterator[BackEnd]:
    """Run a back end's server for as long as the context lasts.

    :param speed: of its clock; as fast as it can be trusted if left out
    """
    need(name)
    speed = speed or {"pyros": 100.0, "indi": 40.0, "alpaca": 20.0}[name]
    with tempfile.TemporaryDirectory() as folder:
        back_end = BackEnd(name, speed, Path(folder))
        try:
            back_end.start()
            yield back_end
        finally:
            back_end.stop()
