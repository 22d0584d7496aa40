"""The gate before the telescope: no slew ends near the Sun, nor leads past it."""

from __future__ import annotations

from typing import cast

from astropy.coordinates import SkyCoord

from instruments import InstrumentError, Operation, Rejected, Telescope, TelescopeState
from instruments.horizon import Horizon
from pyros_kernel.clock import Clock
from pyros_kernel.safety.sun import nearest_deg, sun_altaz_deg

SUN_DEG = 30.0


class SunSafeTelescope(Telescope):
    """A telescope that looks at the way before each slew.

    :param telescope: the one behind it; nobody else may hold it
    :param clock: the observatory's
    :param latitude_deg: of the site, north
    :param longitude_deg: of the site, east
    :param distance_deg: how near to the Sun it may not come
    """

    def __init__(
        self,
        telescope: Telescope,
        clock: Clock,
        latitude_deg: float,
        longitude_deg: float,
        distance_deg: float = SUN_DEG,
    ) -> None:
        super().__init__(telescope.name, telescope.address)
        self._telescope, self._clock, self.distance_deg = telescope, clock, distance_deg
        self._where = (latitude_deg, longitude_deg)
        self._horizon = Horizon(latitude_deg, longitude_deg)

    def slew_to(self, target: SkyCoord) -> Operation[TelescopeState]:
        """Slew to ``target`` and track it.

        :raises Rejected: if target or way come too near to the Sun, or the target is below the telescope's limits
        """
        unix_s = self._clock.unix_s()
        sun = sun_altaz_deg(*self._where, unix_s)
        # So far below the horizon nothing that stands above it can be near: a night's slews cost nothing here.
        if sun[0] > -self.distance_deg:
            icrs = target.icrs
            ra_deg, dec_deg = float(cast("float", icrs.ra.deg)), float(cast("float", icrs.dec.deg))  # type: ignore[union-attr]
            end = self._horizon.altaz_deg(ra_deg, dec_deg, unix_s)
            distance_deg = nearest_deg(self._start() or end, end, sun)
            if distance_deg < self.distance_deg:
                said = (
                    f"it or the way to it comes within {distance_deg:.0f}° of the Sun, limit {self.distance_deg:.0f}°"
                )
                raise Rejected(self.name, "slew_to", said, f"the Sun stands at altitude {sun[0]:.0f}°")
        return self._telescope.slew_to(target)

    def _start(self) -> tuple[float, float] | None:
        state = self._telescope.last_state
        try:
            state = self._telescope.state(0.5) if state is None else state
        except InstrumentError:
            return None
        return state.altitude.value, state.azimuth.value

    def park(self) -> Operation[TelescopeState]:
        """Slew to the park position and stay there; never refused."""
        return self._telescope.park()

    def unpark(self) -> None:
        """Make a parked mount ready to slew."""
        self._telescope.unpark()

    def track(self, on: bool) -> None:
        """Start or stop following the sky."""
        self._telescope.track(on)

    def sync(self, position: SkyCoord) -> None:
        """Tell the mount where it really points."""
        self._telescope.sync(position)

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self._telescope.connected

    @property
    def last_state(self) -> TelescopeState | None:
        """The last state that was read."""
        return self._telescope.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, and read the state once."""
        self._telescope.connect(timeout_s)

    def state(self, timeout_s: float = 2.0) -> TelescopeState:
        """Read the state from the device."""
        return self._telescope.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop whatever moves."""
        self._telescope.abort(reason)

    def disconnect(self) -> None:
        """Give the link back."""
        self._telescope.disconnect()
