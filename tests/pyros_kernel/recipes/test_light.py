"""The light of flats: the exposure follows it, and what it had time for is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest
from astropy import units as u
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from instruments import Camera, Frame, FrameKind, Operation
from pyros_kernel import Observatory
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.recipes import take_lamp_flats
from pyros_kernel.recipes.standard.light import Light, brightening, fitted_exposure_s
from pyros_kernel.store import Channel, RecipeStatus
from tests.pyros_kernel.recipes.test_of_night import services_with


@given(st.floats(10, 1e5), st.floats(0.1, 60), st.floats(500, 40000))
def test_a_fitted_exposure_hits_the_level_of_a_steady_light(rate: float, first_s: float, wanted: float) -> None:
    exposure_s, light = first_s, 0.0
    for _ in range(12):
        light = min(rate * exposure_s, 60000)
        if abs(light - wanted) < 0.01 * wanted:
            break
        exposure_s = fitted_exposure_s(exposure_s, light, wanted, saturated=light >= 60000)
    assert light == pytest.approx(wanted, rel=0.01)


@given(st.floats(-0.004, 0.004), st.floats(30, 150), st.floats(0, 300))
def test_a_light_that_fades_evenly_is_foretold(per_s: float, between_s: float, wait_s: float) -> None:
    first, last = (0.0, 1000.0), (between_s, 1000.0 * math.exp(per_s * between_s))
    expected = min(max(math.exp(per_s * wait_s), 0.25), 4.0)
    assert brightening(first, last, between_s + wait_s) == pytest.approx(expected, rel=1e-6)
    assert brightening(last, last, 0.0) == 1.0


@given(
    st.floats(-0.005, 0.005),
    st.lists(st.tuples(st.floats(20, 200), st.floats(0, 5)), min_size=8, max_size=8),
)
def test_frames_at_uneven_times_come_near_the_level_while_the_light_changes(
    per_s: float, gaps: list[tuple[float, float]]
) -> None:
    """However long the way to a frame takes: its exposure is chosen behind it."""
    light, now_s, near = Light(20_000.0, 500.0), 0.0, list[bool]()

    def counts_a_second(at_s: float) -> float:
        return 3000.0 * math.exp(per_s * at_s)

    for way_s, camera_s in gaps:
        now_s += way_s
        exposure_s = light.exposure_s(now_s)
        if not 0.05 <= exposure_s <= 120.0:
            break  # the light has passed
        middle_s = now_s + camera_s + exposure_s / 2
        counts = min(500.0 + counts_a_second(middle_s) * exposure_s, 65_000.0)
        near.append(light.saw(counts, exposure_s, middle_s, now_s))
        now_s = middle_s + exposure_s / 2
    assert all(near[3:])


@pytest.fixture
def analysis() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, thread_name_prefix="test-analysis") as pool:
        yield pool


class Dimmed:
    """A camera whose light goes out after so many exposures."""

    def __init__(self, camera: Camera, after: int) -> None:
        self._camera, self._left = camera, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._camera, name)

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        self._left -= 1
        return self._camera.expose(exposure_time, kind if self._left >= 0 else FrameKind.DARK)


@pytest.mark.parametrize("wanted", [3, 20])
def test_a_light_that_passes_too_soon_is_named_and_enough_frames_make_a_master(
    fresh: Observatory, analysis: Executor, wanted: int
) -> None:
    """The lamp goes out: what was taken until then is enough for one, and not for the other that it meets dark."""
    lit = 8 if wanted == 20 else 2
    camera: Any = Dimmed(fresh.services.devices.cameras[Channel.VIS], lit)
    services = services_with(fresh, {Channel.VIS: camera})
    asked = {"channel": "VIS", "filter": "g", "level": 12_000.0, "count": wanted}
    outcome = take_lamp_flats.run_for_night(services, asked, Cancellation(), analysis)
    if wanted == 20:
        assert outcome.state is RecipeStatus.DONE, outcome.reason
        assert 3 <= len(outcome.result["frames"]) < 8
        assert fits.getheader(fresh.settings.data / outcome.result["master"])["NCOMBINE"] == len(
            outcome.result["frames"]
        )
    else:
        assert outcome.state is RecipeStatus.FAILED
        assert "the light is too faint: 12000 counts would take" in outcome.reason
        assert "120 s is the longest; " in outcome.reason and " of 3 frames" in outcome.reason
