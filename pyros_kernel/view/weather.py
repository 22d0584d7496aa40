"""The weather of the last hours, as the store has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.safety import Rule
from pyros_kernel.safety.verdict import CLOSING
from pyros_kernel.snapshot import Strip
from pyros_kernel.store import Weather

_SPAN_S = 6 * 3600.0
_POINTS = 360
_SHOWN = {
    "temperature": "°C",
    "humidity": "%",
    "wind_speed": "m/s",
    "wind_gust": "m/s",
    "cloud": "%",
    "pressure": "hPa",
}


class WeatherHistory:
    """Read the store's weather bit by bit; one thread at a time."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        limits = [rule for rule in rules if rule.unsafe_if is None]
        # Of several limits on one quantity, that which closes the dome is shown.
        self._limits = {rule.quantity: rule for rule in sorted(limits, key=lambda r: r.consequence in CLOSING)}
        self._points: dict[str, deque[tuple[float, float]]] = {}
        self._last_id = 0
        self.strips: tuple[Strip, ...] = ()

    def read(self, session: Session, now_s: float) -> None:
        """Add what came since, and forget what is too old."""
        since = datetime.fromtimestamp(now_s - _SPAN_S, UTC)
        rows = session.scalars(
            select(Weather).where(Weather.id > self._last_id, Weather.time >= since).order_by(Weather.id)
        ).all()
        if not rows:
            return
        self._last_id = rows[-1].id
        for row in rows:
            for quantity in _SHOWN:
                value = row.readings.get(quantity)
                if isinstance(value, int | float):
                    points = self._points.setdefault(quantity, deque(maxlen=_POINTS))
                    points.append((round(row.time.timestamp(), 1), round(float(value), 2)))
        for points in self._points.values():
            while points and points[0][0] < now_s - _SPAN_S:
                points.popleft()
        self.strips = tuple(self._strip(quantity) for quantity in _SHOWN if self._points.get(quantity))

    def _strip(self, quantity: str) -> Strip:
        rule = self._limits.get(quantity)
        points = tuple(self._points[quantity])
        if rule is None:
            return Strip(quantity, _SHOWN[quantity], points)
        upper = rule.unsafe_above is not None
        return Strip(quantity, _SHOWN[quantity], points, rule.unsafe_above if upper else rule.unsafe_below, upper)
