"""What to simulate: the devices, their settings, and the site they stand on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from instruments.pyros.grammar import grammar

Settings = Mapping[str, Any]

KINDS = (
    "telescope",
    "camera_vis",
    "camera_nir",
    "filter_wheel",
    "focuser",
    "rotator",
    "dome",
    "plc",
    "weather_station",
    "simulator",
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the observatory stands (WGS 84); the default is San Pedro Mártir.

    :param latitude_deg: north
    :param longitude_deg: east
    :param elevation_m: above the sea
    """

    latitude_deg: float = 31.0443
    longitude_deg: float = -115.4637
    elevation_m: float = 2800.0

    @classmethod
    def from_words(cls, words: str) -> Site:
        """Read ``lat,lon,elev``.

        :raises ValueError: if it is not that
        """
        numbers = [float(word) for word in words.split(",")]
        if len(numbers) != 3 or not (-90 <= numbers[0] <= 90 and -180 <= numbers[1] <= 360):
            raise ValueError(f"a site is latitude,longitude,elevation in degrees and metres, not {words!r}")
        return cls(*numbers)


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """A device to simulate.

    :param name: how the control port and the READY line call it
    :param kind: one of :data:`KINDS`
    :param port: where it listens; 0 for any free port
    :param settings: what its kind can be told, see its module
    """

    name: str
    kind: str
    port: int = 0
    settings: Settings = field(default_factory=dict[str, Any])

    @property
    def word(self) -> str:
        """The device's word in the grammar."""
        return self.kind.upper()


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """All devices to simulate.

    :param devices: one control device, kind ``simulator``, is always among them
    """

    devices: tuple[DeviceConfig, ...]

    @classmethod
    def from_json(cls, text: str, port_base: int | None = None) -> SimulatorConfig:
        """Read ``{name: {"kind": …, "port": …, "settings": {…}}, …}``, or the path of a file of it.

        ``kind`` may be left out where the name is one; ``port`` and ``settings`` may always be.

        :param port_base: port of the first device; the others follow in order, the control port is the last
        :raises ValueError: if it is not of that form; the text says where
        """
        source = text
        if not text.lstrip().startswith("{"):
            try:
                source = Path(text).read_text(encoding="utf-8")
            except OSError as error:
                raise ValueError(f"--devices is neither JSON nor a readable file: {error}") from None
        try:
            document: object = json.loads(source)
        except ValueError as error:
            raise ValueError(f"--devices: not JSON: {error}") from None
        if not isinstance(document, dict):
            raise ValueError("--devices: must be an object: name → {kind, port, settings}")
        devices = [_device(name, item) for name, item in cast("dict[str, object]", document).items()]
        if not any(d.kind == "simulator" for d in devices):
            devices.append(DeviceConfig("simulator", "simulator"))
        devices.sort(key=lambda d: d.kind == "simulator")
        if port_base is not None:
            devices = [DeviceConfig(d.name, d.kind, port_base + i, d.settings) for i, d in enumerate(devices)]
        return cls(tuple(devices))

    @classmethod
    def default(cls, port_base: int | None = None) -> SimulatorConfig:
        """Make one device of each kind."""
        return cls.from_json(json.dumps({kind: {} for kind in KINDS}), port_base)


def _device(name: str, item: object) -> DeviceConfig:
    if not isinstance(item, dict):
        raise ValueError(f"--devices: {name}: must be an object with kind, port, settings")
    values = cast("dict[str, Any]", item)
    unknown = set(values) - {"kind", "port", "settings"}
    if unknown:
        raise ValueError(f"--devices: {name}: unknown key {', '.join(sorted(unknown))}; use kind, port, settings")
    kind, port, settings = values.get("kind", name), values.get("port", 0), values.get("settings", {})
    if kind not in KINDS or kind.upper() not in grammar().labels:
        raise ValueError(f"--devices: {name}: kind {kind!r} can't be simulated; use one of {', '.join(KINDS)}")
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"--devices: {name}: port {port!r} must lie within 0 to 65535")
    if not isinstance(settings, dict):
        raise ValueError(f"--devices: {name}: settings must be an object")
    return DeviceConfig(name, kind, port, cast("dict[str, Any]", settings))
