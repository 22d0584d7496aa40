"""Pointing: telescope and dome together."""

from __future__ import annotations

from astropy import units as u
from astropy.coordinates import SkyCoord

from instruments import Operation, TelescopeState
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.scheduling import azimuth
from pyros_kernel.services import Services
from pyros_kernel.tasks.cuts import through_cuts
from pyros_kernel.tasks.waiting import wait_or_leave


def start_slew(target: SkyCoord, services: Services, cancelled: Cancellation) -> Operation[TelescopeState]:
    """Send the slew, unless the work was cancelled before.

    :raises WorkCancelled: if it was
    :raises InstrumentError: if the telescope refused
    """
    with services.pointing:
        cancelled.check()
        return services.devices.telescope.slew_to(target)


def turn_dome(target: SkyCoord, services: Services) -> Operation[object]:
    """Turn the dome's slit towards ``target`` as it stands now.

    :raises InstrumentError: if the dome refused
    """
    degrees = azimuth(float(target.icrs.ra.deg), float(target.icrs.dec.deg), services.sky, services.clock.unix_s())
    return services.devices.dome.move_to(float(degrees) * u.deg)  # type: ignore[return-value]


def point(
    target: SkyCoord,
    services: Services,
    cancelled: Cancellation,
    slew: Operation[TelescopeState] | None = None,
) -> TelescopeState:
    """Bring telescope and dome to ``target`` and track it.

    :param slew: a slew to it that is under way already (an alert's is sent before anything else is done)
    :raises WorkCancelled: if the work was cancelled
    :raises InstrumentError: if telescope or dome failed
    """
    telescope, dome = services.devices.telescope, services.devices.dome
    # Both are sent before either is waited for; what a cut link leaves unknown is sent again.
    slews = [slew or through_cuts(telescope, lambda: start_slew(target, services, cancelled), cancelled)]
    turns = [through_cuts(dome, lambda: turn_dome(target, services), cancelled)]

    def arrive() -> TelescopeState:
        running = slews.pop() if slews else start_slew(target, services, cancelled)
        return wait_or_leave(running, services.clock, cancelled)

    def turn() -> object:
        return wait_or_leave(turns.pop() if turns else turn_dome(target, services), services.clock, cancelled)

    state = through_cuts(telescope, arrive, cancelled)
    through_cuts(dome, turn, cancelled)
    return state
