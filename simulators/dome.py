"""A dome that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.motion import EvenMove, shortest_deg


@dataclass(frozen=True, slots=True)
class DomeSettings:
    """What a simulated dome can be told.

    :param shutter_s: time from closed to open
    :param speed_deg_s: speed of rotation
    :param azimuth_deg: where the slit stands at the start
    """

    shutter_s: float = 30.0
    speed_deg_s: float = 10.0
    azimuth_deg: float = 0.0


class SimulatedDome:
    """Behave like a dome, as a function of the clock's time.

    :param clock: the shared clock
    :param settings: see :class:`DomeSettings`
    """

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._set = settings_of(DomeSettings, settings, "dome")
        self._shutter = EvenMove(0.0, 0.0, clock.unix_s(), 1 / self._set.shutter_s)
        self._slit = EvenMove(self._set.azimuth_deg, self._set.azimuth_deg, clock.unix_s(), self._set.speed_deg_s)
        self._target: float | None = None
        self._limit_s, self._fed_s = 0.0, clock.unix_s()  # the watchdog: how long a silence it suffers, when it was fed

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("SET", "AZIMUTH"): self._upload,
            ("DO", "OPEN"): lambda p: self._drive(1.0),
            ("DO", "CLOSE"): lambda p: self._drive(0.0),
            ("DO", "GOTO"): self._goto,
            ("DO", "ABORT"): self._abort,
            ("SET", "WATCHDOG"): self._watchdog,
            ("DO", "WATCHDOG"): self._feed,
        }

    def shutter_at(self, unix_s: float) -> str:
        """Tell where the shutter is."""
        unix_s = min(unix_s, self._clock.unix_s())
        self._watch(unix_s)
        opened = self._shutter.at(unix_s)
        if opened == self._shutter.end:
            return {0.0: "closed", 1.0: "open"}.get(opened, "unknown")
        return "opening" if self._shutter.end > opened else "closing"

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        shutter = self.shutter_at(now)
        return Reply(
            {
                "time": iso_ms(now),
                "shutter": shutter,
                "closed_switch": shutter == "closed",
                "open_switch": shutter == "open",
                "azimuth": round(self._slit.at(now) % 360, 3),
                "moving": self._slit.left_s(now) > 0,
                "eta": round(max(self._slit.left_s(now), self._shutter.left_s(now)), 3),
            }
        )

    def _upload(self, params: Params) -> Reply:
        self._target = float(params["azimuth"]) % 360
        return Reply()

    def _drive(self, end: float) -> Reply:
        now = self._clock.unix_s()
        self._watch(now)
        self._shutter = self._shutter.to(end, now)
        return Reply({"eta": round(self._shutter.left_s(now), 3)})

    def _goto(self, params: Params) -> Reply:
        if self._target is None:
            raise Refusal("refused", "no azimuth was uploaded; use DOME SET AZIMUTH first")
        now = self._clock.unix_s()
        start = self._slit.at(now)
        self._slit = self._slit.to(start + shortest_deg(start, self._target), now)
        return Reply({"eta": round(self._slit.left_s(now), 3)})

    def _abort(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._shutter = self._shutter.to(self._shutter.at(now), now)
        self._slit = self._slit.to(self._slit.at(now), now)
        return Reply()

    def _watchdog(self, params: Params) -> Reply:
        self._watch(self._clock.unix_s())
        self._limit_s = float(params["limit"])
        return self._feed(params)

    def _feed(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._watch(now)
        self._fed_s = now
        return Reply()

    def _watch(self, now: float) -> None:
        """Close from the moment on at which the guardian had been silent for too long."""
        silent_s = self._fed_s + self._limit_s
        if self._limit_s and now > silent_s and self._shutter.end != 0.0:
            self._shutter = self._shutter.to(0.0, max(silent_s, self._shutter.start_s))
