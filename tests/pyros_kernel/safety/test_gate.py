"""The gate: no dome opens without a fresh SAFE verdict, over a real simulated dome."""

from __future__ import annotations

from typing import Any

import pytest
from astropy import units as u

from instruments import Dome, Reading, Shutter
from instruments.connect import open_instrument
from pyros_kernel.clock import Clock
from pyros_kernel.safety import GatedDome, Rule, SafetyWatch, Unsafe

RAIN = (Rule("rain", 60, 0, "close_now", "wet", unsafe_if=True),)


def test_it_opens_only_when_safe_and_closes_always(simulated: Any) -> None:
    clock: Clock = simulated.clock
    watch = SafetyWatch(RAIN, clock)
    dome = open_instrument("dome", "dome", simulated.addresses["dome"], clock)
    assert isinstance(dome, Dome)
    with GatedDome(dome, watch.verdict) as gate:
        with pytest.raises(Unsafe, match="rain: no reading yet"):
            gate.open()
        watch.update({"rain": Reading(True, None, clock.now(), "plc")})
        with pytest.raises(Unsafe, match="rain: yes"):
            gate.open()
        assert gate.state().shutter.value is Shutter.CLOSED
        watch.update({"rain": Reading(False, None, clock.now(), "plc")})
        gate.open().wait(10)
        assert gate.state().shutter.value is Shutter.OPEN
        gate.move_to(90 * u.deg).wait(10)
        watch.update({"rain": Reading(True, None, clock.now(), "plc")})
        gate.close().wait(10)
        assert gate.state().shutter.value is Shutter.CLOSED
