"""The header is complete and standard, and nothing in it can keep a frame from the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from instruments import Frame, FrameKind
from pyros_kernel.images import Geometry, ImageContext, build_header

MakeFrame = Callable[..., Frame]

REQUIRED = """
    DATE-OBS DATE-BEG DATE-AVG DATE-END MJD-OBS TIMESYS EXPTIME XPOSURE FILTER IMAGETYP OBJECT RA DEC RADESYS
    EQUINOX AIRMASS ALT AZ SITENAME SITELAT SITELONG SITEELEV OBSGEO-X OBSGEO-Y OBSGEO-Z TELESCOP INSTRUME
    DETECTOR OBSERVER PROGRAM REQID SEQID ALBUMID PLANID ALERTID PYROSVER ORIGIN NIGHT COMPLETE
    CTYPE1 CTYPE2 CUNIT1 CUNIT2 CRVAL1 CRVAL2 CRPIX1 CRPIX2 CD1_1 CD1_2 CD2_1 CD2_2
""".split()  # noqa: SIM905 - one word a line would fill a page


def written(frame: Frame, header: fits.Header) -> fits.Header:
    """Write and read a frame back, as strictly as astropy can."""
    content = io.BytesIO()
    fits.PrimaryHDU(frame.data, header).writeto(content, output_verify="exception", checksum=True)
    content.seek(0)
    with fits.open(content, checksum=True) as hdus:
        hdus.verify("exception")
        return hdus[0].header


def test_all_cards_of_a_light_frame_are_there_with_a_comment(make_frame: MakeFrame, context: ImageContext) -> None:
    frame = make_frame()
    header = written(frame, build_header(frame, replace(context, plan_id=14)))
    assert [key for key in REQUIRED if key not in header] == []
    assert "HDRMISS" not in header
    assert [key for key in REQUIRED if not header.comments[key]] == []
    assert header["DATE-OBS"] == "2026-11-22T06:00:00.250"
    assert header["DATE-AVG"] == "2026-11-22T06:00:15.250"
    assert header["DATE-END"] == "2026-11-22T06:00:30.250"
    assert header["MJD-OBS"] == pytest.approx(Time("2026-11-22T06:00:00.250").mjd, abs=1e-8)
    assert (header["EXPTIME"], header["FILTER"], header["IMAGETYP"]) == (30.0, "r", "LIGHT")
    assert header["SITENAME"] == "San Pedro Martir"
    assert header["ALERTID"] == context.alert_ivorn
    assert header["GAIN"] == 1.5
    assert header.comments["GAIN"] == "[e-/adu]"


def test_horizon_agrees_with_astropy(make_frame: MakeFrame, context: ImageContext) -> None:
    header = build_header(make_frame(), context)
    assert context.pointing is not None
    at = context.pointing.transform_to(
        AltAz(
            obstime=Time("2026-11-22T06:00:15.250"),
            location=EarthLocation.from_geodetic(-115.4637, 31.0443, 2800.0),
        )
    )
    assert header["ALT"] == pytest.approx(at.alt.deg, abs=0.001)
    assert header["AZ"] == pytest.approx(at.az.deg, abs=0.001)
    assert header["AIRMASS"] == pytest.approx(float(at.secz), rel=0.01)  # differs by refraction


def test_observatory_stands_where_astropy_puts_it(make_frame: MakeFrame, context: ImageContext) -> None:
    header = build_header(make_frame(), context)
    location = EarthLocation.from_geodetic(-115.4637, 31.0443, 2800.0)
    for axis in "XYZ":
        expected = getattr(location, axis.lower()).to_value(u.m)
        assert header[f"OBSGEO-{axis}"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("mirrored", [False, True])
def test_nominal_wcs_points_and_turns_as_told(make_frame: MakeFrame, context: ImageContext, mirrored: bool) -> None:
    geometry = Geometry(pixel_scale_arcsec=0.77, orientation_deg=20.0, mirrored=mirrored)
    frame = make_frame()
    # Without fixes: wcslib wants to add OBSGEO-L, B, H for an ellipsoid of 1976, and warns about it.
    wcs = WCS(build_header(frame, replace(context, geometry=geometry)), fix=False)
    centre = wcs.pixel_to_world(31.5, 23.5)
    assert centre.separation(context.pointing).arcsec < 0.01
    up, right = wcs.pixel_to_world(31.5, 33.5), wcs.pixel_to_world(41.5, 23.5)
    assert centre.separation(up).arcsec == pytest.approx(7.7, rel=1e-4)
    assert centre.position_angle(up).deg == pytest.approx(20.0, abs=0.01)
    assert centre.position_angle(right).deg == pytest.approx(110.0 if mirrored else 290.0, abs=0.01)


def test_a_gap_is_listed_in_the_header_itself(make_frame: MakeFrame) -> None:
    frame = make_frame(filter="")
    header = written(frame, build_header(frame, ImageContext(night="2026-11-21")))
    missing = header["HDRMISS"].split(",")
    assert {"FILTER", "RA", "AIRMASS", "SITELAT", "CRVAL1", "OBJECT"} <= set(missing)
    assert [key for key in missing if key in header] == []
    assert "EXPTIME" in header


def test_a_bias_needs_no_sky(make_frame: MakeFrame, context: ImageContext) -> None:
    header = build_header(make_frame(kind=FrameKind.BIAS), replace(context, pointing=None, object_name=""))
    assert "HDRMISS" not in header
    assert "RA" not in header


def test_a_target_below_the_horizon_has_no_airmass(make_frame: MakeFrame, context: ImageContext) -> None:
    header = build_header(make_frame(), replace(context, pointing=SkyCoord(83.0, -80.0, unit="deg")))
    assert header["ALT"] < 0
    assert header["HDRMISS"] == "AIRMASS"


def test_values_that_break_the_making_of_a_card_leave_the_rest(make_frame: MakeFrame, context: ImageContext) -> None:
    assert context.place is not None
    broken = replace(context, place=replace(context.place, latitude_deg=None), pointing="not a coordinate")  # type: ignore[arg-type]
    frame = make_frame()
    header = written(frame, build_header(frame, broken))
    assert {"RA", "ALT", "SITELAT", "OBSGEO-X", "CRVAL1"} <= set(header["HDRMISS"].split(","))
    assert header["DATE-OBS"] == "2026-11-22T06:00:00.250"


def test_the_camera_may_not_lie_about_the_array_or_the_time(make_frame: MakeFrame, context: ImageContext) -> None:
    said = {
        "NAXIS1": 7,
        "BITPIX": -32,
        "BZERO": 5,
        "DATE-OBS": "1970-01-01T00:00:00",
        "END": 1,
        "SIM_SEE": 1.2,
    }
    frame = make_frame(header=said)
    header = written(frame, build_header(frame, context))
    assert (header["NAXIS1"], header["BITPIX"], header["BZERO"]) == (64, 16, 32768)
    assert header["DATE-OBS"] == "2026-11-22T06:00:00.250"
    assert header["SIM_SEE"] == 1.2


def test_what_fits_no_card_is_kept_as_a_comment(make_frame: MakeFrame, context: ImageContext) -> None:
    frame = make_frame(header={"detector serial number": "A17", "XTALK": [1, 2], "COMMENT": "read twice"})
    comments = "\n".join(written(frame, build_header(frame, context))["COMMENT"])
    for words in ("A17", "XTALK = [1, 2]", "read twice"):
        assert words in comments


anything = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(), some.text(), some.binary(),
    some.lists(some.integers()), some.tuples(some.floats(), some.text()), some.just(np.float32(np.nan)),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(said=some.dictionaries(some.text(max_size=12), anything, max_size=4), words=some.text())
def test_no_header_keeps_a_frame_from_the_disk(
    make_frame: MakeFrame, context: ImageContext, said: dict[str, object], words: str
) -> None:
    frame = make_frame(header=said, filter=words)
    header = written(frame, build_header(frame, replace(context, object_name=words, programme=words)))
    assert header["EXPTIME"] == 30.0
