"""Show our PLC to other software as an INDI weather device: ``python -m simulators.indi_face --plc ADDRESS``.

KStars and Ekos look for a device with the weather interface bit, and for its standard properties.  PyPI's
``indipydriver`` speaks INDI, and its ``indipyserver`` listens; both come with ``pip install
'pyros-observatory[indi]'``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from typing import Any

from astropy import units as u
from indipydriver import (
    Device,
    IPyDriver,
    LightMember,
    LightVector,
    NumberMember,
    NumberVector,
    SwitchMember,
    SwitchVector,
    TextMember,
    TextVector,
)
from indipyserver import IPyServer

from instruments.clock import Clock
from instruments.errors import InstrumentError
from instruments.plc import PlcState
from instruments.pyros.plc import PyrosPlc

logger = logging.getLogger(__name__)

DEVICE = "PyROS PLC"
_WEATHER_INTERFACE = 1 << 7
# INDI's name → ours, the unit of INDI, label, least and greatest value
_NUMBERS: dict[str, tuple[str, Any, str, str, str]] = {
    "WEATHER_TEMPERATURE": ("temperature", None, "Temperature (C)", "-60", "60"),
    "WEATHER_HUMIDITY": ("humidity", None, "Humidity (%)", "0", "100"),
    "WEATHER_PRESSURE": ("pressure", None, "Pressure (hPa)", "400", "1100"),
    "WEATHER_WIND_SPEED": ("wind_speed", u.km / u.h, "Wind (kph)", "0", "400"),
    "WEATHER_WIND_GUST": ("wind_gust", u.km / u.h, "Gust (kph)", "0", "400"),
    "WEATHER_CLOUD_COVER": ("cloud", None, "Clouds (%)", "0", "100"),
    "WEATHER_RAIN_HOUR": ("rain", None, "Rain (1 when wet)", "0", "1"),
}
_CONTACTS = {"RAIN": ("rain", False), "MAINS": ("mains", True), "EMERGENCY_STOP": ("emergency_stop", False)}


class PlcDriver(IPyDriver):  # pyright: ignore[reportUntypedBaseClass]  # it brings no types
    """Publish a PLC's weather and contacts, and say Alert for what is not as it should be.

    :param plc: what is read; connected where it has no link
    :param clock: tells which readings are too old to be believed
    :param period_s: real seconds between readings
    :param max_age_s: age from which on a reading is no longer believed, seconds of the clock
    """

    def __init__(self, plc: PyrosPlc, clock: Clock, period_s: float, max_age_s: float) -> None:
        self._plc, self._clock, self._period_s, self._max_age_s = plc, clock, period_s, max_age_s
        interface = TextMember("DRIVER_INTERFACE", "Interface", str(_WEATHER_INTERFACE))
        name = TextMember("DRIVER_NAME", "Name", DEVICE)
        on, off = SwitchMember("CONNECT", "Connect", "On"), SwitchMember("DISCONNECT", "Disconnect", "Off")
        numbers = [NumberMember(n, label, "%.2f", low, high) for n, (_, _, label, low, high) in _NUMBERS.items()]
        lights = [LightMember(contact, contact.replace("_", " ").capitalize()) for contact in _CONTACTS]
        self._numbers = NumberVector("WEATHER_PARAMETERS", "Parameters", "Main", "ro", "Idle", numbers)
        self._lights = LightVector("WEATHER_STATUS", "Status", "Main", "Idle", lights)
        super().__init__(
            Device(
                DEVICE,
                [
                    SwitchVector("CONNECTION", "Connection", "Main", "ro", "OneOfMany", "Ok", [on, off]),
                    TextVector("DRIVER_INFO", "Driver", "General", "ro", "Ok", [name, interface]),
                    self._numbers,
                    self._lights,
                ],
            )
        )

    async def hardware(self) -> None:
        """Read the PLC and publish what it says, until the driver is stopped."""
        while not self.stop:
            try:
                state = await asyncio.to_thread(self._read)
            except InstrumentError as error:
                logger.warning("%s", error)
                await self._publish(None)
            else:
                await self._publish(state)
            await asyncio.sleep(self._period_s)

    def _read(self) -> PlcState:
        if not self._plc.connected:
            self._plc.connect(2.0)
        return self._plc.state()

    async def _publish(self, state: PlcState | None) -> None:
        if state is not None:
            readings: dict[str, Any] = dict(state.readings())
            for member, (name, unit, *_) in _NUMBERS.items():
                reading = readings[name]
                value = float(reading.value) if unit is None else float(reading.quantity.to_value(unit))
                self._numbers[member] = f"{value:.3f}"
            now = self._clock.now()
            for contact, (name, safe) in _CONTACTS.items():
                fresh = readings[name].is_fresh(now, self._max_age_s)
                self._lights[contact] = "Ok" if fresh and readings[name].value == safe else "Alert"
        else:
            for contact in _CONTACTS:
                self._lights[contact] = "Alert"
        worst = "Alert" if "Alert" in [self._lights[contact] for contact in _CONTACTS] else "Ok"
        await self._numbers.send_setVector(state="Ok" if state is not None else "Alert")
        await self._lights.send_setVector(state=worst)


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C.

    :param argv: arguments; those of the process if left out
    :return: exit code: 0 at a clean end, 2 for bad arguments
    """
    parser = argparse.ArgumentParser("python -m simulators.indi_face", description="Our PLC as an INDI device.")
    parser.add_argument("--plc", required=True, help="pyros://host:port/PLC")
    parser.add_argument("--port", type=int, default=7624, help="where INDI clients connect, on the loopback")
    parser.add_argument("--clock", default="system", help="words of a Clock; default: system time")
    parser.add_argument("--period", type=float, default=1.0, help="real seconds between readings")
    parser.add_argument("--max-age", type=float, default=120.0, help="seconds from which on a reading is not believed")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        clock = Clock.from_words(args.clock)
        plc = PyrosPlc("plc", args.plc, clock)
    except ValueError as error:
        sys.stderr.write(f"indi_face: {error}\n")
        return 2
    server = IPyServer(PlcDriver(plc, clock, args.period, args.max_age), host="127.0.0.1", port=args.port)
    try:
        asyncio.run(server.asyncrun())
    except KeyboardInterrupt:
        return 0
    finally:
        plc.disconnect()
    return 0


if __name__ == "__main__":
    sys.exit(main())
