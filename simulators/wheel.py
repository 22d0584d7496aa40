"""A filter wheel that is not there; a camera's own wheel is one too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings
from simulators.device import Handler, Params, Refusal, Reply, settings_of


@dataclass(frozen=True, slots=True)
class WheelSettings:
    """What a simulated filter wheel can be told.

    :param filters: names of the filters, by slot
    :param filter_s: time to change a filter
    :param camera: name of the camera whose own wheel this is, with that camera's filters; empty for a wheel that
        stands alone
    """

    filters: tuple[str, ...] = ("g", "r", "i", "z", "clear")
    filter_s: float = 3.0
    camera: str = ""


class Wheel:
    """Turn from one filter to another.

    :param filters: names of the filters, by slot
    :param change_s: time to change
    """

    def __init__(self, filters: tuple[str, ...], change_s: float) -> None:
        self.filters, self._change_s = filters, change_s
        self._from, self._to, self._ready_s = filters[0], filters[0], 0.0
        self._wanted: str | None = None

    def upload(self, name: str) -> None:
        """Remember the wanted filter.

        :raises Refusal: if it has no such filter
        """
        self._wanted = None
        if name not in self.filters:
            raise Refusal("range", f"no filter {name!r}; there are {', '.join(self.filters)}")
        self._wanted = name

    def go(self, unix_s: float) -> float:
        """Turn to the wanted filter; tell how long it takes.

        :raises Refusal: if none is wanted
        """
        if self._wanted is None:
            raise Refusal("refused", "no filter was uploaded; use SET FILTER first")
        if self._wanted != self.goal:
            self._from, self._to, self._ready_s = self.at(unix_s), self._wanted, unix_s + self._change_s
        return self.left_s(unix_s)

    def stop(self, unix_s: float) -> None:
        """Turn back to the filter that was left."""
        if self.left_s(unix_s) > 0:
            self._to, self._ready_s = self._from, unix_s

    @property
    def goal(self) -> str:
        """The filter that is in the beam in the end."""
        return self._to

    def at(self, unix_s: float) -> str:
        """Tell the filter in the beam; the last one while it turns."""
        return self._to if unix_s >= self._ready_s else self._from

    def left_s(self, unix_s: float) -> float:
        """Tell how long it still turns."""
        return max(self._ready_s - unix_s, 0.0)


class SimulatedFilterWheel:
    """Serve the FILTER_WHEEL section of the grammar.

    :param clock: the device's
    :param settings: see :class:`WheelSettings`
    :param wheels: the cameras' own wheels, by name of the camera
    :raises ValueError: if the settings are wrong, or name a camera that is not there
    """

    def __init__(self, clock: Clock, settings: Settings, wheels: Mapping[str, Wheel] | None = None) -> None:
        self._clock = clock
        own = settings_of(WheelSettings, settings, "filter_wheel")
        if not own.filters:
            raise ValueError("filter_wheel: a wheel needs at least one filter")
        if own.camera and own.camera not in (wheels or {}):
            there = ", ".join(wheels or {}) or "none"
            raise ValueError(f"filter_wheel: no camera {own.camera!r} is simulated; there are: {there}")
        self._wheel = (wheels or {})[own.camera] if own.camera else Wheel(own.filters, own.filter_s)

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("SET", "FILTER"): self._upload,
            ("DO", "FILTER"): self._go,
            ("DO", "ABORT"): self._abort,
        }

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        return Reply(
            {
                "time": iso_ms(now),
                "filter": self._wheel.at(now),
                "filters": list(self._wheel.filters),
                "moving": self._wheel.left_s(now) > 0,
                "eta": round(self._wheel.left_s(now), 3),
            }
        )

    def _upload(self, params: Params) -> Reply:
        self._wheel.upload(str(params["name"]))
        return Reply()

    def _go(self, params: Params) -> Reply:
        return Reply({"eta": round(self._wheel.go(self._clock.unix_s()), 3)})

    def _abort(self, params: Params) -> Reply:
        self._wheel.stop(self._clock.unix_s())
        return Reply()
