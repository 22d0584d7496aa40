"""FITS files, quick-look and thumbnails; names only."""

from pyros_kernel.images.archive import ArchiveError, ImageArchive
from pyros_kernel.images.context import Geometry, ImageContext, Place
from pyros_kernel.images.header import build_header
from pyros_kernel.images.sanity import BadFrame, check_frame
from pyros_kernel.images.sweep import Swept, sweep

__all__ = [
    "ArchiveError",
    "BadFrame",
    "Geometry",
    "ImageArchive",
    "ImageContext",
    "Place",
    "Swept",
    "build_header",
    "check_frame",
    "sweep",
]
