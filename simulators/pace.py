"""A device's own sense of time, so that one device can get stuck while the others go on."""

from __future__ import annotations

from instruments.clock import Clock


class DeviceClock(Clock):
    """Show the shared clock's time, or the moment at which the device got stuck.

    :param shared: the clock that all devices share
    """

    def __init__(self, shared: Clock) -> None:
        super().__init__(speed=shared.speed)
        self._shared = shared
        self._stuck_s: float | None = None

    def unix_s(self) -> float:
        """Tell the time that the device's mechanics live in."""
        now = self._shared.unix_s()
        return now if self._stuck_s is None else min(now, self._stuck_s)

    def steady_s(self) -> float:
        """Tell the same; the mechanics know no other time."""
        return self.unix_s()

    def true_s(self) -> float:
        """Tell what the shared clock shows."""
        return self._shared.unix_s()

    def stick(self, in_s: float = 0.0) -> None:
        """Let the mechanics stand still from so soon on."""
        if self._stuck_s is None:
            self._stuck_s = self._shared.unix_s() + in_s

    def loosen(self) -> None:
        """Let them go on, from where they would be by now."""
        self._stuck_s = None
