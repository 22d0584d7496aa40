"""Constraints of the time: a phase, the clock on the wall, the kind of twilight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from pyros_kernel.scheduling.constraints.view import View
from pyros_kernel.scheduling.earth import Floats

TWILIGHTS = {"sunset": -0.8333, "civil": -6.0, "nautical": -12.0, "astronomical": -18.0}


@dataclass(frozen=True, slots=True)
class PhaseOfPeriod:
    """A phase of something periodic, between two values of 0 … 1; over 1 if the first is the larger.

    :param epoch_unix_s: a moment of phase 0
    """

    period_s: float
    epoch_unix_s: float
    first: float
    last: float
    unit = "phase"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"phase {self.first:g} to {self.last:g}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        width = (self.last - self.first) % 1.0
        middle = self.first + width / 2
        off = (unix_s - self.epoch_unix_s) / self.period_s - middle
        return width / 2 - np.abs((off + 0.5) % 1.0 - 0.5)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Between two times of the day, by the clock on a wall, over midnight if the first is the later."""

    zone: str
    first: time
    last: time
    unit = "h"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"{self.first:%H:%M} to {self.last:%H:%M} {self.zone}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        zone = ZoneInfo(self.zone)
        best = np.full(unix_s.shape, -np.inf)
        day = datetime.fromtimestamp(float(unix_s.min()), UTC).astimezone(zone).date() - timedelta(days=1)
        while datetime.combine(day, self.first, zone).timestamp() <= float(unix_s.max()):
            begin = datetime.combine(day, self.first, zone)
            end = datetime.combine(day + timedelta(days=int(self.last <= self.first)), self.last, zone)
            best = np.maximum(best, np.minimum(unix_s - begin.timestamp(), end.timestamp() - unix_s) / 3600.0)
            day += timedelta(days=1)
        return best


def twilight(kind: str) -> float:
    """Give the Sun's altitude (degrees) at which a twilight begins or ends.

    :param kind: sunset, civil, nautical or astronomical
    :raises ValueError: for another word
    """
    try:
        return TWILIGHTS[kind]
    except KeyError:
        raise ValueError(f"no twilight {kind!r}; there is {', '.join(TWILIGHTS)}") from None
