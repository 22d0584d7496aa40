"""A dome behind Alpaca."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alpaca.dome import Dome as AscomDome
from alpaca.dome import ShutterState
from astropy import units as u

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, parse
from instruments.alpaca.simple import arrival, turn_deg
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.dome import Dome, DomeState, Shutter
from instruments.operation import Operation
from instruments.quantity import number_in
from instruments.reading import Reading

_SHUTTER_S, _TURN_S = 90.0, 120.0
_TOLERANCE_DEG = 1.5
_SHUTTERS = {
    ShutterState.shutterOpen: Shutter.OPEN,
    ShutterState.shutterClosed: Shutter.CLOSED,
    ShutterState.shutterOpening: Shutter.OPENING,
    ShutterState.shutterClosing: Shutter.CLOSING,
}
_NOT_BEGUN = 5  # so often a shutter may say that it stands before it has begun to move


class AlpacaDome(CoreInstrument[DomeState], Dome):
    """Open, close and turn a dome that speaks ASCOM Alpaca.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/dome/0``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: AlpacaDevice[DomeState] = AlpacaDevice(
            name,
            parse(address),
            clock,
            "dome",
            make=AscomDome,
            read=_read,
            make_state=self._state,
            stop=lambda dome: dome.AbortSlew(),
        )
        super().__init__(name, address, self._device)

    def open(self) -> Operation[DomeState]:
        """Open the shutter."""
        return self._move_shutter("open", Shutter.OPEN, _open)

    def close(self) -> Operation[DomeState]:
        """Close the shutter; always sent."""
        return self._move_shutter("close", Shutter.CLOSED, _close)

    def move_to(self, azimuth: u.Quantity) -> Operation[DomeState]:
        """Turn the slit to ``azimuth`` (from north through east)."""
        wanted_deg = number_in(azimuth, u.deg) % 360.0
        what = f"move_to {wanted_deg:.1f}°"
        sent_s = self._device.order(what, lambda dome: dome.SlewToAzimuth(wanted_deg))
        check = arrival(
            self._device,
            "moving",
            lambda status: turn_deg(status["azimuth_deg"], wanted_deg),
            _TOLERANCE_DEG,
            "degrees",
        )
        return self._device.follow(what, sent_s, _TURN_S, "slit", check)

    def _move_shutter(self, what: str, end: Shutter, begin: Callable[[Any], object]) -> Operation[DomeState]:
        sent_s = self._device.order(what, begin)
        way = Shutter.OPENING if end is Shutter.OPEN else Shutter.CLOSING
        stood = 0

        def check(operation: Operation[Any], status: Status) -> None:
            nonlocal stood
            if status["shutter"] == end:
                operation.finish(self._state(status))
            elif status["shutter"] != way:
                stood += 1
                if stood > _NOT_BEGUN:
                    operation.abort_with(f"somebody else moved the shutter: it is {status['shutter']}")

        return self._device.follow(what, sent_s, _SHUTTER_S, "shutter", check)

    def _state(self, status: Status) -> DomeState:
        time = self._device.time_of(status)
        return DomeState(
            shutter=Reading(status["shutter"], None, time, self.name),
            azimuth=Reading(status["azimuth_deg"], u.deg, time, self.name),
            moving=Reading(status["moving"], None, time, self.name),
        )


def _read(dome: Any) -> Status:
    return {
        "shutter": _SHUTTERS.get(dome.ShutterStatus, Shutter.UNKNOWN),
        "moving": bool(dome.Slewing),
        "azimuth_deg": float(dome.Azimuth),
    }


def _open(dome: Any) -> None:
    dome.OpenShutter()


def _close(dome: Any) -> None:
    dome.CloseShutter()
