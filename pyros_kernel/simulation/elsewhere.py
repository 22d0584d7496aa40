"""Simulators that somebody else started, here or on another machine: where each device is, and what time it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from instruments.errors import InstrumentError
from instruments.pyros import SimulatorControl
from pyros_kernel.clock import Clock
from pyros_kernel.simulation.process import monitors_of
from pyros_kernel.store import Store

_CONNECT_REAL_S = 5.0


class SimulatorsAway(Exception):
    """No simulators answer where they should be; says where that is, and how they are started."""


@dataclass(frozen=True, slots=True)
class SimulatorsElsewhere:
    """What simulators said of themselves.

    :param words: which clock they go by, as they call it
    :param clock: that clock, as it can be read on this machine
    :param addresses: device name → address, and that of their control as ``simulator``
    """

    words: str
    clock: Clock
    addresses: dict[str, str]

    def same_as(self, other: SimulatorsElsewhere) -> bool:
        """Tell whether these are the ones that answered the other time; a clock is read anew each time."""
        return (self.words, self.addresses) == (other.words, other.addresses)


def find_simulators(where: str, store: Store) -> SimulatorsElsewhere:
    """Ask simulators which devices they are, and what time it is.

    :param where: ``host:port`` of their control
    :param store: of the observatory that they are for
    :raises SimulatorsAway: if none answer there
    :raises ValueError: if ``where`` is not of that form
    """
    try:
        host, port = urlsplit(f"//{where}").hostname, urlsplit(f"//{where}").port
    except ValueError:
        host = port = None
    if not host or not port:
        raise ValueError(f"simulators {where!r}: write host:port of their control (PYROS_SIMULATORS)")
    control = SimulatorControl(f"pyros://{where}/SIMULATOR")
    try:
        control.connect(_CONNECT_REAL_S)
        words, clock = control.clock()
        devices = cast("Mapping[str, Mapping[str, object]]", control.status()["devices"])
    except InstrumentError as error:
        raise SimulatorsAway(f"no simulators at {where}, start them with `pyros simulators`: {error}") from error
    finally:
        control.disconnect()
    shown_host = f"[{host}]" if ":" in host else host
    addresses = {
        name: f"pyros://{shown_host}:{device['port']}/{str(device['kind']).upper()}" for name, device in devices.items()
    }
    return SimulatorsElsewhere(words, clock, {**addresses, **monitors_of(store, addresses)})
