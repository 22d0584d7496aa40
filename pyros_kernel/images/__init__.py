"""FITS files, quick-look and thumbnails; names only."""

from pyros_kernel.images.archive import ArchiveError, ImageArchive
from pyros_kernel.images.context import Geometry, ImageContext, Place
from pyros_kernel.images.header import build_header
from pyros_kernel.images.sweep import Swept, sweep

__all__ = ["ArchiveError", "Geometry", "ImageArchive", "ImageContext", "Place", "Swept", "build_header", "sweep"]
