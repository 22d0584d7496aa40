"""A frame as it came, read back from its image."""

from __future__ import annotations

from pathlib import Path

from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from instruments import Frame, FrameKind


def read_frame(path: Path) -> Frame:
    """Read a frame back, as one that somebody else took, or this program before a crash; without its header.

    :raises OSError: if it can't be read
    """
    with fits.open(path, memmap=False) as hdus:
        hdu = hdus[0]
        header = hdu.header
        return Frame(
            data=hdu.data,
            header={},
            start=Time(header["DATE-OBS"], scale="utc"),
            exposure_time=float(header["EXPTIME"]) * u.s,
            kind=FrameKind(str(header["IMAGETYP"]).lower().partition(" ")[0]),
            filter=str(header.get("FILTER", "")),
            camera=str(header["INSTRUME"]),
        )
