"""How the observatory is closed: a decision anew at each look, from limit switches and nothing remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

_PAUSE_REAL_S = (0.3, 5.0)  # first and longest pause between two tries of the same command
_LATE_REAL_S = 5.0  # later than announced by so much, a motion is given up
_MOVE_S = 120.0  # observatory seconds that a motion may take that announces nothing
_TELESCOPE_SILENT_REAL_S = 2.0  # so long the dome waits for a telescope that does not answer


@dataclass(frozen=True, slots=True)
class Facts:
    """What the devices say now; None for one that does not answer.

    :param shutter: its word
    :param closed: whether the limit switch says closed
    :param motion: the telescope's word
    :param exposing: names of the cameras that expose
    """

    shutter: str | None = None
    closed: bool = False
    motion: str | None = None
    exposing: tuple[str, ...] = ()


@dataclass(slots=True)
class _Try:
    count: int = 0
    sent_s: float = -1e9
    pause_s: float = 0.0
    end_s: float = -1e9

    def due(self, now_s: float, under_way: bool) -> bool:
        return now_s >= self.end_s if under_way else now_s - self.sent_s >= self.pause_s

    def sent(self, now_s: float, takes_s: float) -> None:
        first_s, longest_s = _PAUSE_REAL_S
        self.count += 1
        self.sent_s, self.end_s = now_s, now_s + takes_s + _LATE_REAL_S
        self.pause_s = min(max(first_s, 2 * self.pause_s), longest_s)


@dataclass(slots=True)
class Campaign:
    """Abort the exposure, park, then close; or close at once.

    :param why: what it is for
    :param at_once: whether the dome closes without waiting for the telescope
    :param began_s: real seconds, as all times here (``time.monotonic()``)
    :param speed: observatory seconds per real second
    """

    why: str
    at_once: bool
    began_s: float
    speed: float
    tries: dict[str, _Try] = field(default_factory=dict[str, _Try])
    _telescope_heard_s: float = -1e9

    def orders(self, facts: Facts, now_s: float) -> list[str]:
        """Say what to send now: names of cameras to abort, ``park``, ``close``."""
        wanted: list[str] = []
        if not facts.closed:
            wanted += [name for name in facts.exposing if self._due(name, now_s)]
        if facts.motion is not None:
            self._telescope_heard_s = now_s
        if facts.motion != "parked" and self._due("park", now_s, under_way=facts.motion == "parking"):
            wanted.append("park")
        first = self.at_once and not self._of("close").count  # though it seems closed already
        if first or (
            not facts.closed
            and (self.at_once or self._may_close(facts, now_s))
            and self._due("close", now_s, under_way=facts.shutter == "closing")
        ):
            wanted.insert(0 if self.at_once else len(wanted), "close")
        return wanted

    def sent(self, order: str, now_s: float, eta_s: float | None) -> None:
        """Note that an order was sent.

        :param eta_s: how long the device says it takes, observatory seconds; None if it did not answer
        """
        self._of(order).sent(now_s, (_MOVE_S if eta_s is None else eta_s) / self.speed)

    def done(self, facts: Facts) -> bool:
        """Tell whether limit switch and telescope confirm it."""
        return facts.closed and facts.motion == "parked"

    def _may_close(self, facts: Facts, now_s: float) -> bool:
        if facts.motion == "parked":
            return True
        silent_s = now_s - max(self._telescope_heard_s, self.began_s)
        if facts.motion is None and silent_s >= _TELESCOPE_SILENT_REAL_S:
            return True
        park = self._of("park")
        # It was told to park and did not in time, or it takes nothing: a tube in the way is the lesser evil.
        return park.count >= 1 and now_s - self.began_s >= _MOVE_S / self.speed + _LATE_REAL_S

    def _due(self, what: str, now_s: float, under_way: bool = False) -> bool:
        return self._of(what).due(now_s, under_way)

    def _of(self, what: str) -> _Try:
        return self.tries.setdefault(what, _Try())
