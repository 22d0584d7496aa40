"""The standard cards of an image (FITS standard 4.0, and the names that reduction programs look for)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import erfa
from astropy import units as u
from astropy.time import Time, TimeDelta

from instruments import Frame, FrameKind
from pyros_kernel.images.context import ImageContext, Place
from pyros_kernel.images.horizon import horizontal
from pyros_kernel.images.nominal_wcs import Entry, wcs_cards


def card_groups(
    frame: Frame, context: ImageContext, complete: bool
) -> Iterable[tuple[tuple[str, ...], Callable[[], Iterable[Entry]]]]:
    """Give the cards in their order, each group as the keywords that must be there and what makes them."""
    yield (
        (
            "DATE-OBS",
            "DATE-BEG",
            "DATE-AVG",
            "DATE-END",
            "MJD-OBS",
            "MJD-BEG",
            "MJD-AVG",
            "MJD-END",
            "TIMESYS",
        ),
        lambda: _time_cards(frame),
    )
    yield ("EXPTIME", "XPOSURE"), lambda: _exposure_cards(frame)
    yield ("IMAGETYP", "FILTER", "INSTRUME", "COMPLETE"), lambda: _frame_cards(frame, complete)
    sky = frame.kind is FrameKind.LIGHT
    yield (("OBJECT",) if sky else ()), lambda: [("OBJECT", context.object_name or None, "target")]
    pointing = ("RA", "DEC", "RADESYS", "EQUINOX")
    yield (pointing if sky else ()), lambda: _pointing_cards(context)
    yield (("AIRMASS", "ALT", "AZ") if sky else ()), lambda: _horizon_cards(frame, context)
    yield ("SITENAME", "SITELAT", "SITELONG", "SITEELEV"), lambda: _site_cards(context)
    yield ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"), lambda: _geocentric_cards(context)
    yield ("TELESCOP", "DETECTOR", "OBSERVER"), lambda: _people_cards(context)
    yield ("NIGHT", "ORIGIN", "PYROSVER"), lambda: _programme_cards(context)
    wcs = ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2")
    yield (wcs if sky else ()), lambda: wcs_cards(frame.data.shape, context)


def _time_cards(frame: Frame) -> list[Entry]:
    start = frame.start.utc
    half = TimeDelta(frame.exposure_time.to(u.s) / 2)
    moments = {
        "OBS": (start, "start of exposure"),
        "BEG": (start, "start of exposure"),
        "AVG": (start + half, "middle of exposure"),
        "END": (start + half + half, "end of exposure"),
    }
    # Both forms of each: programs that read a WCS warn where they have to work one out.
    return [
        *((f"DATE-{word}", _isot(when), f"UTC {what}") for word, (when, what) in moments.items()),
        *((f"MJD-{word}", round(float(when.mjd), 9), f"[d] UTC {what}") for word, (when, what) in moments.items()),
        ("TIMESYS", "UTC", "time scale of the dates here"),
    ]


def _isot(when: Time) -> str:
    when.precision = 3
    return str(when.isot)


def _exposure_cards(frame: Frame) -> list[Entry]:
    exposure_s = round(float(frame.exposure_time.to_value(u.s)), 6)
    return [
        ("EXPTIME", exposure_s, "[s] open-shutter time"),
        ("XPOSURE", exposure_s, "[s] effective exposure time"),
    ]


def _frame_cards(frame: Frame, complete: bool) -> list[Entry]:
    return [
        ("IMAGETYP", str(frame.kind).upper(), "LIGHT, BIAS, DARK or FLAT"),
        ("FILTER", frame.filter or None, "filter in the beam"),
        ("INSTRUME", frame.camera or None, "camera"),
        ("COMPLETE", complete, "F: the exposure was cut short"),
    ]


def _pointing_cards(context: ImageContext) -> list[Entry]:
    if context.pointing is None:
        return []
    icrs = context.pointing.icrs
    return [
        ("RA", round(float(icrs.ra.deg), 7), "[deg] commanded right ascension"),
        ("DEC", round(float(icrs.dec.deg), 7), "[deg] commanded declination"),
        ("RADESYS", "ICRS", "frame of RA, DEC and the WCS"),
        ("EQUINOX", 2000.0, "[yr] for programs that do not know ICRS"),
    ]


def _horizon_cards(frame: Frame, context: ImageContext) -> list[Entry]:
    if context.pointing is None or context.place is None:
        return []
    middle = frame.start + TimeDelta(frame.exposure_time.to(u.s) / 2)
    at = horizontal(context.pointing, context.place, middle)
    airmass = at.airmass
    return [
        ("AIRMASS", None if airmass is None else round(airmass, 5), "at middle of exposure (Pickering 2002)"),
        ("ALT", round(at.altitude_deg, 5), "[deg] altitude at middle of exposure"),
        ("AZ", round(at.azimuth_deg, 5), "[deg] azimuth, north through east"),
    ]


def _site_cards(context: ImageContext) -> list[Entry]:
    if context.place is None:
        return []
    return [
        ("SITENAME", context.place.name or None, "observatory"),
        ("SITELAT", context.place.latitude_deg, "[deg] latitude, north positive (WGS 84)"),
        ("SITELONG", context.place.longitude_deg, "[deg] longitude, east positive (WGS 84)"),
        ("SITEELEV", context.place.elevation_m, "[m] above the sea"),
    ]


@lru_cache(maxsize=8)
def _geocentric_m(place: Place) -> tuple[float, float, float]:
    x, y, z = erfa.gd2gc(1, math.radians(place.longitude_deg), math.radians(place.latitude_deg), place.elevation_m)
    return float(x), float(y), float(z)


def _geocentric_cards(context: ImageContext) -> list[Entry]:
    if context.place is None:
        return []
    return [
        (f"OBSGEO-{axis}", round(value_m, 3), f"[m] geocentric {axis} of the observatory (WGS 84)")
        for axis, value_m in zip("XYZ", _geocentric_m(context.place), strict=True)
    ]


def _people_cards(context: ImageContext) -> list[Entry]:
    return [
        ("TELESCOP", context.telescope or None, "telescope"),
        ("DETECTOR", context.detector or None, "detector"),
        ("OBSERVER", context.observer or None, "who asked for the image"),
    ]


def _programme_cards(context: ImageContext) -> list[Entry]:
    # An image taken by hand has no programme and no request: that is no gap in its header.
    return [
        ("PROGRAM", context.programme or None, "scientific programme"),
        ("REQID", context.request_id, "request"),
        ("SEQID", context.sequence_id, "sequence"),
        ("ALBUMID", context.album_id, "album"),
        ("PLANID", context.plan_id, "plan"),
        ("ALERTID", context.alert_ivorn or None, "VOEvent that asked for it"),
        ("STEP", context.step or None, "run and step of a recipe that took it"),
        ("NIGHT", context.night, "evening date"),
        ("ORIGIN", "PyROS", "what wrote this file"),
        ("PYROSVER", _version(), "version of PyROS"),
    ]


@lru_cache(maxsize=1)
def _version() -> str:
    try:
        return version("pyros-observatory")
    except PackageNotFoundError:
        return "not installed"
