"""A rotator that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.motion import EvenMove, shortest_deg


@dataclass(frozen=True, slots=True)
class RotatorSettings:
    """What a simulated rotator can be told.

    :param speed_deg_s: how fast it turns
    :param angle_deg: where it stands at the start
    """

    speed_deg_s: float = 10.0
    angle_deg: float = 0.0


class SimulatedRotator:
    """Serve the ROTATOR section of the grammar.

    :param clock: the device's
    :param settings: see :class:`RotatorSettings`
    """

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._set = settings_of(RotatorSettings, settings, "rotator")
        self._move = EvenMove(self._set.angle_deg, self._set.angle_deg, 0.0, self._set.speed_deg_s)
        self._target: float | None = None

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("SET", "ANGLE"): self._upload,
            ("DO", "GOTO"): self._goto,
            ("DO", "ABORT"): self._abort,
        }

    def angle_at(self, unix_s: float) -> float:
        """Tell the position angle, degrees."""
        return self._move.at(min(unix_s, self._clock.unix_s())) % 360

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        return Reply(
            {
                "time": iso_ms(now),
                "angle": round(self._move.at(now) % 360, 3) % 360,
                "moving": self._move.left_s(now) > 0,
                "eta": round(self._move.left_s(now), 3),
            }
        )

    def _upload(self, params: Params) -> Reply:
        self._target = float(params["angle"]) % 360
        return Reply()

    def _goto(self, params: Params) -> Reply:
        if self._target is None:
            raise Refusal("refused", "no angle was uploaded; use ROTATOR SET ANGLE first")
        now = self._clock.unix_s()
        start = self._move.at(now)
        self._move = self._move.to(start + shortest_deg(start, self._target), now)
        return Reply({"eta": round(self._move.left_s(now), 3)})

    def _abort(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._move = self._move.to(self._move.at(now), now)
        return Reply()
