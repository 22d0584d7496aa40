"""What is known of an image besides its pixels: who took it, where, of what, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from astropy.coordinates import SkyCoord

from pyros_kernel.store.models import Site


@dataclass(frozen=True, slots=True)
class Place:
    """Where the telescope stands (WGS 84, degrees north and east, metres above the sea)."""

    name: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float

    @classmethod
    def of(cls, site: Site) -> Place:
        """Take the values of a site's row, so that no database session is needed later."""
        return cls(site.name, site.latitude_deg, site.longitude_deg, site.elevation_m)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a camera looks at the sky.

    :param pixel_scale_arcsec: size of a pixel on the sky
    :param orientation_deg: position angle of the image's upward axis, from north through east
    :param mirrored: False if east is left when north is up, as in the sky
    """

    pixel_scale_arcsec: float
    orientation_deg: float = 0.0
    mirrored: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> Geometry | None:
        """Read ``pixel_scale_arcsec``, ``orientation_deg``, ``mirrored`` of a camera's row.

        :return: None without a scale
        :raises ValueError: if one of them is no number
        """
        scale = settings.get("pixel_scale_arcsec")
        if scale is None:
            return None
        try:
            return cls(
                float(str(scale)),
                float(str(settings.get("orientation_deg", 0.0))),
                bool(settings.get("mirrored")),
            )
        except ValueError as error:
            raise ValueError(f"camera settings {dict(settings)}: scale and orientation must be numbers") from error


@dataclass(frozen=True, slots=True)
class ImageContext:
    """What is written into an image's header besides what the camera says; all but the night may be unknown.

    :param night: name of the night, and of the folder
    :param place: where the telescope stands
    :param pointing: where it was told to point
    :param geometry: the camera's pixel scale and orientation
    :param object_name: the target
    :param step: which run of a recipe, and which of its steps, took it
    """

    night: str
    place: Place | None = None
    pointing: SkyCoord | None = None
    geometry: Geometry | None = None
    telescope: str = ""
    detector: str = ""
    object_name: str = ""
    observer: str = ""
    programme: str = ""
    request_id: int | None = None
    sequence_id: int | None = None
    album_id: int | None = None
    plan_id: int | None = None
    alert_ivorn: str = ""
    step: str = ""
