"""A frame, its context, and a store with a night in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments import Frame, FrameKind
from pyros_kernel.images import Geometry, ImageContext, Place
from pyros_kernel.store import Store
from pyros_kernel.store.models import Night, Site

NIGHT = "2026-11-21"
PLACE = Place("San Pedro Mártir", 31.0443, -115.4637, 2800.0)


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    def make(**changes: object) -> Frame:
        values: dict[str, object] = {
            "data": np.random.default_rng(1).integers(300, 700, (48, 64), dtype=np.uint16),
            "header": {"GAIN": (1.5, "[e-/adu]"), "CCD-TEMP": -60.0},
            "start": Time("2026-11-22T06:00:00.250"),
            "exposure_time": 30.0 * u.s,
            "kind": FrameKind.LIGHT,
            "filter": "r",
            "camera": "CAMERA_VIS",
        }
        return Frame(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def context() -> ImageContext:
    return ImageContext(
        night=NIGHT,
        place=PLACE,
        pointing=SkyCoord(83.822, -5.391, unit="deg"),
        geometry=Geometry(pixel_scale_arcsec=0.77, orientation_deg=20.0),
        telescope="COLIBRI",
        detector="CCD231-84",
        object_name="M 42",
        observer="Ana",
        programme="GRB follow-up",
        request_id=3,
        sequence_id=12,
        album_id=13,
        plan_id=None,
        alert_ivorn="ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_532871-729",
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    with store.session() as session:
        site = Site(name=PLACE.name, latitude_deg=31.0443, longitude_deg=-115.4637, elevation_m=2800.0)
        times = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (0, 1, 13, 14))
        sunset, dusk, dawn, sunrise = times
        session.add(Night(name=NIGHT, site=site, sunset=sunset, dusk=dusk, dawn=dawn, sunrise=sunrise))
    yield store
    store.close()
