"""The simulators of an observatory: one child process, which ends with its owner."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from sqlalchemy import select as choose
from sqlalchemy.orm import joinedload, selectinload

from instruments.pyros import SimulatorControl
from pyros_kernel.child import end_child
from pyros_kernel.clock import Clock
from pyros_kernel.store import Device, DeviceKind, Site, Store

_READY_REAL_S = 30.0
_STOP_REAL_S = 5.0
_ASKS_PLC = DeviceKind.SAFETY_MONITOR  # not a device of its own on a PyROS line
_CAMERAS = (DeviceKind.CAMERA_VIS, DeviceKind.CAMERA_NIR)
# A device's row describes the instrument; of that the simulator can be told what stands here, under its own name.
_AS_SIMULATED = {
    "rows": "height",
    "columns": "width",
    "pixel_scale_arcsec": "scale_arcsec",
    "gain_e_per_adu": "gain_e_adu",
    "read_noise_e": "read_noise_e",
    "dark_current_e_per_s": "dark_e_s",
    "readout_time_s": "readout_s",
    "min_altitude_deg": "min_altitude_deg",
    "slew_rate_deg_per_s": "speed_deg_s",
    "rotation_rate_deg_per_s": "speed_deg_s",
    "shutter_time_s": "shutter_s",
}


class SimulatorError(Exception):
    """The simulators did not start; says what they said."""


class SimulatorProcess:
    """Run a simulator of each device of the store that can be simulated.

    :param log: where their output goes
    """

    def __init__(self, store: Store, site: Site, clock: Clock, log: Path) -> None:
        self._devices = describe_devices(store)
        self._store = store
        self._site, self._clock, self._log = site, clock, log
        self._process: subprocess.Popen[bytes] | None = None
        self.control_address = ""

    @property
    def pid(self) -> int | None:
        """Their process, if it runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> dict[str, str]:
        """Start them; those that died start again on the ports that they had.

        :return: device name → address; that of their control as ``simulator``
        :raises SimulatorError: if they are not ready in time
        """
        self.launch()
        return self.ready()

    def launch(self) -> None:
        """Begin to start them; :meth:`ready` waits for the rest."""
        self.stop()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_command(self._devices, self._site, self._clock), "--die-with-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # an interrupt of the kernel must not kill the instruments
            )

    def ready(self) -> dict[str, str]:
        """Wait until those that were launched listen; give what :meth:`start` gives.

        :raises SimulatorError: if they are not ready in time
        """
        assert self._process is not None, "launch() comes first"
        ports = self._read_ports(self._process)
        self._devices.setdefault("simulator", {"kind": "simulator"})
        for name, item in self._devices.items():
            item["port"] = ports[name]
        addresses = {
            name: f"pyros://127.0.0.1:{ports[name]}/{str(item['kind']).upper()}" for name, item in self._devices.items()
        }
        self.control_address = addresses.pop("simulator")
        return {**addresses, "simulator": self.control_address, **monitors_of(self._store, addresses)}

    def control(self) -> SimulatorControl:
        """Give the control of the simulators, to make weather and trouble; connect it, and disconnect it after."""
        return SimulatorControl(self.control_address, self._clock)

    def stop(self) -> None:
        """End them; twice is once."""
        process, self._process = self._process, None
        if process is not None:
            end_child(process, "the simulators", _STOP_REAL_S)

    def _read_ports(self, process: subprocess.Popen[bytes]) -> dict[str, int]:
        assert process.stdout is not None
        deadline = time.monotonic() + _READY_REAL_S
        said = b""
        while not said.endswith(b"\n"):
            left = deadline - time.monotonic()
            readable, _, _ = select.select([process.stdout], [], [], max(0.0, left))
            chunk = process.stdout.read1(4096) if readable else b""  # type: ignore[attr-defined]
            if not chunk:
                self.stop()
                last = self._log.read_text(errors="replace")[-2000:]
                raise SimulatorError(
                    f"the simulators are not ready after {_READY_REAL_S - left:.0f} s; they said:\n{last}"
                )
            said += chunk
        word, _, ports = said.decode().strip().partition(" ")
        if word != "READY":
            self.stop()
            raise SimulatorError(f"the simulators said {said!r} instead of READY")
        return json.loads(ports)


def serve(devices: Mapping[str, Mapping[str, Any]], site: Site, clock: Clock, listen: str) -> NoReturn:
    """Become the simulators, for other processes to use; Ctrl-C ends them.

    :param listen: this machine's address on which they are reached
    """
    command = [*_command(devices, site, clock), f"--listen={listen}"]
    os.execv(command[0], command)


def _command(devices: Mapping[str, Mapping[str, Any]], site: Site, clock: Clock) -> list[str]:
    place = f"{site.latitude_deg},{site.longitude_deg},{site.elevation_m}"
    words = [sys.executable, "-m", "simulators", f"--site={place}", "--clock", clock.to_words()]
    return [*words, "--devices", json.dumps(devices)]


def describe_devices(store: Store, *, free_ports: bool = True) -> dict[str, dict[str, Any]]:
    """Describe the store's devices as ``python -m simulators --devices`` wants them.

    :param free_ports: on free ports, instead of those of their rows' addresses
    """
    with store.session(read_only=True) as session:
        here = choose(Device).where(Device.enabled, Device.kind != _ASKS_PLC)
        rows = session.scalars(here.options(selectinload(Device.filters), joinedload(Device.parent))).all()
        filters: dict[int, list[str]] = {}
        for row in rows:
            if row.filters:
                holder = row.parent if row.parent is not None and row.parent.kind in _CAMERAS else row
                filters.setdefault(holder.id, []).extend(f.name for f in row.filters)
        return {
            row.name: {
                "kind": row.kind.value,
                "port": 0 if free_ports else urlsplit(row.address).port or 0,
                "settings": {
                    **{_AS_SIMULATED[key]: value for key, value in row.settings.items() if key in _AS_SIMULATED},
                    **({"filters": filters[row.id]} if row.id in filters else {}),
                    **({"camera": row.parent.name} if _is_in_a_camera(row) and row.parent is not None else {}),
                },
            }
            for row in rows
            if row.address and _is_simulated(row)
        }


def monitors_of(store: Store, simulated: Mapping[str, str]) -> dict[str, str]:
    """Give the store's safety monitors the address of the simulated PLC, which they ask; none where there is no PLC.

    :param simulated: device name → address
    """
    plc = next((address for address in simulated.values() if address.endswith("/PLC")), "")
    if not plc:
        return {}
    with store.session(read_only=True) as session:
        wanted = choose(Device).where(Device.enabled, Device.kind == _ASKS_PLC, Device.address != "")
        return dict.fromkeys((row.name for row in session.scalars(wanted) if _is_simulated(row)), plc)


def _is_simulated(row: Device) -> bool:
    """Tell whether it is simulated too: one that says ``simulated: false`` stays where its row says, to be tried."""
    return bool(row.settings.get("simulated", True))


def _is_in_a_camera(row: Device) -> bool:
    """Tell whether a wheel is the one that its camera turns too."""
    parent = row.parent
    if row.kind is not DeviceKind.FILTER_WHEEL or parent is None:
        return False
    return parent.kind in _CAMERAS and parent.enabled and bool(parent.address)
