"""Masters of calibration frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from instruments import Frame
from pyros_kernel.images import ImageArchive
from pyros_kernel.images.archive import write_fits

FloatImage = NDArray[np.float32]


def write_master(
    kind: str,
    frames: Sequence[Frame],
    night: str,
    archive: ImageArchive,
    bias: FloatImage | None = None,
) -> tuple[str, FloatImage]:
    """Write the pixel by pixel median of frames of one camera and length.

    :param kind: ``bias``, ``dark`` or ``flat``, for its name
    :param bias: taken off, if given; counts, of the frames' shape
    :return: its path under the data directory, and its counts
    :raises ArchiveError: if the disk does not take it
    """
    data: FloatImage = np.median([frame.data for frame in frames], axis=0).astype(np.float32)
    if bias is not None:
        data = data - bias
    first, last = frames[0], frames[-1]
    header = fits.Header()
    header["IMAGETYP"] = (f"MASTER {kind.upper()}", "median of single frames")
    header["INSTRUME"] = (first.camera, "camera")
    header["EXPTIME"] = (float(first.exposure_time.to_value(u.s)), "[s] of each frame")
    header["NCOMBINE"] = (len(frames), "number of frames")
    header["BIASSUB"] = (bias is not None, "T: the master bias is taken off")
    header["DATE-OBS"] = (str(first.start.utc.isot), "UTC start of the first frame")
    header["DATE-END"] = (str((last.start + last.exposure_time).utc.isot), "UTC end of the last frame")
    header["ORIGIN"] = ("PyROS", "what wrote this file")
    folder = archive.root / night / "calibration"
    name = f"master_{kind}_{first.camera}"
    if kind == "flat":
        header["FILTER"] = (first.filter, "filter in the beam")
        name += f"_{first.filter}"
    path = write_fits(folder, name, fits.PrimaryHDU(data, header))
    return path.relative_to(archive.root).as_posix(), data
