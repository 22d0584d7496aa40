"""A focuser that is not there, with a focus that drifts with the temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.motion import EvenMove
from simulators.weather import Weather


@dataclass(frozen=True, slots=True)
class FocuserSettings:
    """What a simulated focuser can be told.

    :param max_position: highest position, steps
    :param position: where it stands at the start
    :param speed_steps_s: how fast it moves
    :param best_position: where stars are sharpest at ``reference_c``
    :param reference_c: temperature of the tube to which ``best_position`` belongs
    :param drift_steps_k: how far the best position moves per kelvin
    :param blur_arcsec_step: full width at half maximum that one step out of focus adds
    """

    max_position: float = 72000.0
    position: float = 36700.0
    speed_steps_s: float = 2000.0
    best_position: float = 36700.0
    reference_c: float = 5.0
    drift_steps_k: float = -40.0
    blur_arcsec_step: float = 0.002


class SimulatedFocuser:
    """Serve the FOCUSER section of the grammar.

    :param clock: the device's
    :param settings: see :class:`FocuserSettings`
    :param weather: whose temperature the tube follows
    """

    def __init__(self, clock: Clock, settings: Settings, weather: Weather) -> None:
        self._clock, self._weather = clock, weather
        self._set = settings_of(FocuserSettings, settings, "focuser")
        self._move = EvenMove(self._set.position, self._set.position, 0.0, self._set.speed_steps_s)
        self._target: float | None = None

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("SET", "POSITION"): self._upload,
            ("DO", "GOTO"): self._goto,
            ("DO", "ABORT"): self._abort,
        }

    def best_position_at(self, unix_s: float) -> float:
        """Tell where stars are sharpest, steps: it drifts with the temperature."""
        return self._set.best_position + self._set.drift_steps_k * (self._tube_c(unix_s) - self._set.reference_c)

    def blur_arcsec_at(self, unix_s: float) -> float:
        """Tell what being out of focus adds to the width of a star."""
        off = self._move.at(min(unix_s, self._clock.unix_s())) - self.best_position_at(unix_s)
        return abs(off) * self._set.blur_arcsec_step

    def position_at(self, unix_s: float) -> float:
        """Tell where it stands, steps."""
        return self._move.at(min(unix_s, self._clock.unix_s()))

    def _tube_c(self, unix_s: float) -> float:
        return float(self._weather.at(unix_s)["temperature"])

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        return Reply(
            {
                "time": iso_ms(now),
                "position": round(self._move.at(now)),
                "moving": self._move.left_s(now) > 0,
                "min_position": 0,
                "max_position": self._set.max_position,
                "temperature": round(self._tube_c(now), 2),
                "eta": round(self._move.left_s(now), 3),
            }
        )

    def _upload(self, params: Params) -> Reply:
        self._target = None
        if params["position"] > self._set.max_position:
            raise Refusal("range", f"the focuser reaches from 0 to {self._set.max_position:.0f} steps")
        self._target = float(params["position"])
        return Reply()

    def _goto(self, params: Params) -> Reply:
        if self._target is None:
            raise Refusal("refused", "no position was uploaded; use FOCUSER SET POSITION first")
        now = self._clock.unix_s()
        self._move = self._move.to(self._target, now)
        return Reply({"eta": round(self._move.left_s(now), 3)})

    def _abort(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._move = self._move.to(round(self._move.at(now)), now)
        return Reply()
