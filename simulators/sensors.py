"""The sensors of one device: each measures the weather, and each can fail in its own way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.weather import Forced, Value, Weather

TROUBLES = ("frozen", "silent")


class Sensors:
    """Read quantities of the weather, one sensor each.

    :param clock: the device's
    :param weather: what they measure
    :param names: of the quantities
    :param period_s: how often each sensor is read
    """

    def __init__(self, clock: Clock, weather: Weather, names: Sequence[str], period_s: float) -> None:
        self._clock, self._weather, self._names, self._period_s = clock, weather, tuple(names), period_s
        self._trouble: dict[str, tuple[str, float, Value]] = {}
        self._forced = Forced()
        self._frozen: Mapping[str, object] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What they measure."""
        return self._names

    @property
    def frozen(self) -> bool:
        """Whether all values and times stand still."""
        return self._frozen is not None

    def freeze(self) -> None:
        """Let all values and their times stand still."""
        if self._frozen is None:
            self._frozen = self.read()

    def thaw(self) -> None:
        """Go on."""
        self._frozen = None

    def trouble(self, name: str, kind: str | None) -> None:
        """Let a sensor repeat its last value (``frozen``), fall ``silent``, or work again (None)."""
        if kind is None:
            self._trouble.pop(name, None)
        elif name not in self._trouble or self._trouble[name][0] != kind:
            read_s = self._read_s(self._names.index(name))
            self._trouble[name] = kind, read_s, self._value(name, read_s)

    def force(self, name: str, value: Value | None, ramp_s: float) -> None:
        """Let one sensor say ``value`` whatever the weather is; None: the truth again."""
        now = self._clock.unix_s()
        if value is None:
            self._forced.free(name)
        else:
            self._forced.force(name, value, self._value(name, now), now, ramp_s)

    def heal(self) -> None:
        """Let all sensors work, and say the truth."""
        self._trouble.clear()
        self._forced.free()
        self.thaw()

    def read(self) -> Mapping[str, object]:
        """Give each value with the time at which its sensor was read."""
        if self._frozen is not None:
            return self._frozen
        readings: dict[str, object] = {}
        for i, name in enumerate(self._names):
            read_s = self._read_s(i)
            if name in self._trouble:
                kind, since_s, value = self._trouble[name]
                readings[name] = {"value": value, "time": iso_ms(since_s if kind == "silent" else read_s)}
            else:
                readings[name] = {"value": self._value(name, read_s), "time": iso_ms(read_s)}
        return readings

    def value(self, name: str) -> Value:
        """Tell what a sensor would say now."""
        return self._value(name, self._clock.unix_s())

    def _read_s(self, i: int) -> float:
        # Sensors are read one after the other, so each has a time of its own.
        return math.floor(self._clock.unix_s() / self._period_s) * self._period_s - i * self._period_s / 10

    def _value(self, name: str, unix_s: float) -> Value:
        value = self._forced.at(name, unix_s, self._weather.at(unix_s)[name])
        return value if isinstance(value, bool) else round(value, 2)
