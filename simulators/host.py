"""All simulated devices of one observatory, in one process."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from instruments.clock import Clock
from simulators.camera import SimulatedCamera
from simulators.config import DeviceConfig, SimulatorConfig, Site
from simulators.control import SimulatorControl
from simulators.device import SimulatedDevice, settings_of
from simulators.dome import SimulatedDome
from simulators.focuser import SimulatedFocuser
from simulators.pace import DeviceClock
from simulators.player import Player
from simulators.plc import PlcSettings, SimulatedPlc, SimulatedWeatherStation
from simulators.rotator import SimulatedRotator
from simulators.server import LOOPBACK, DevicePort
from simulators.telescope import SimulatedTelescope
from simulators.view import Air, Around
from simulators.weather import Weather
from simulators.wheel import SimulatedFilterWheel

T = TypeVar("T")


class Host:
    """Make the devices of a configuration, and open a port for each.

    :param config: the devices
    :param clock: shared with the observatory
    :param site: where they stand
    :param seed: of everything that chance decides
    :param listen: this machine's address on which the devices are reached
    :raises ValueError: if a device's settings are wrong
    """

    def __init__(self, config: SimulatorConfig, clock: Clock, site: Site, seed: int, listen: str = LOOPBACK) -> None:
        self._clock, self._site, self._seed = clock, site, seed
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="pyros-frame")
        plc = next((d for d in config.devices if d.kind == "plc"), None)
        climate = settings_of(PlcSettings, plc.settings if plc else {}, "plc")
        self.weather = Weather(site, climate, seed + zlib.crc32((plc.name if plc else "plc").encode()))
        self.air = Air(self.weather, seed)
        self.ports: dict[str, DevicePort] = {}
        self.player = Player(clock, self.weather, self.air, self.ports, site)
        # Cameras look through the telescope and out of the dome, and a wheel may be a camera's.
        late = ("camera_vis", "camera_nir", "filter_wheel", "simulator")
        for one in sorted(config.devices, key=lambda d: late.index(d.kind) if d.kind in late else -1):
            pace = DeviceClock(clock)
            self.ports[one.name] = DevicePort(one.name, one.word, self._make(one, pace), one.port, pace, listen)
        for one in config.devices:
            self.ports[one.name] = self.ports.pop(one.name)

    @contextlib.contextmanager
    def running(self) -> Generator[dict[str, int], None, None]:
        """Open all ports, give them by name, and close them at the end; needs a running event loop.

        :raises OSError: if a port is taken
        """
        try:
            for port in self.ports.values():
                port.start()
            yield {name: port.port for name, port in self.ports.items()}
        finally:
            self.player.clear()
            for port in self.ports.values():
                port.stop()
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, one: DeviceConfig, pace: DeviceClock) -> SimulatedDevice:
        seed = self._seed + zlib.crc32(one.name.encode())
        match one.kind:
            case "telescope":
                return SimulatedTelescope(pace, self._site, one.settings, seed)
            case "dome":
                return SimulatedDome(pace, one.settings)
            case "filter_wheel":
                cameras = ((name, port.device) for name, port in self.ports.items())
                wheels = {name: device.wheel for name, device in cameras if isinstance(device, SimulatedCamera)}
                return SimulatedFilterWheel(pace, one.settings, wheels)
            case "focuser":
                return SimulatedFocuser(pace, one.settings, self.weather)
            case "rotator":
                return SimulatedRotator(pace, one.settings)
            case "plc":
                return SimulatedPlc(pace, self._site, one.settings, seed, self.weather)
            case "weather_station":
                return SimulatedWeatherStation(pace, one.settings, self.weather)
            case "simulator":
                return SimulatorControl(self._clock, self.ports, self.weather, self.player)
            case _:
                around = Around(
                    self._site,
                    self._first(SimulatedTelescope),
                    self._first(SimulatedDome),
                    self._threads,
                    self._first(SimulatedFocuser),
                    self._first(SimulatedRotator),
                    self.air,
                )
                return SimulatedCamera(one.name, one.kind, pace, one.settings, around, seed)

    def _first(self, kind: type[T]) -> T | None:
        return next((p.device for p in self.ports.values() if isinstance(p.device, kind)), None)
