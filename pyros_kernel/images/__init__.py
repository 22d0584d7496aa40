"""FITS files, quick-look and thumbnails; names only."""

from pyros_kernel.images.archive import ArchiveError, ImageArchive
from pyros_kernel.images.context import Geometry, ImageContext, Place
from pyros_kernel.images.field_stars import FieldStars, NoCatalogue, StarSource, star_source
from pyros_kernel.images.header import build_header
from pyros_kernel.images.reading import read_frame
from pyros_kernel.images.sanity import BadFrame, check_frame
from pyros_kernel.images.solving import NotSolved, Solution, solve
from pyros_kernel.images.sweep import Swept, sweep

__all__ = [
    "ArchiveError",
    "BadFrame",
    "FieldStars",
    "Geometry",
    "ImageArchive",
    "ImageContext",
    "NoCatalogue",
    "NotSolved",
    "Place",
    "Solution",
    "StarSource",
    "Swept",
    "build_header",
    "check_frame",
    "read_frame",
    "solve",
    "star_source",
    "sweep",
]
