"""A second place for frames: where they lie until the archive's own disk takes them."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from pyros_kernel.images.archive import ArchiveError, ImageArchive, sync_folder

logger = logging.getLogger(__name__)


def spare_archive(archive: ImageArchive) -> ImageArchive:
    """Give the archive's second place, under the system's directory for temporary files.

    :raises ArchiveError: if somebody else's directory is there
    """
    mine = hashlib.blake2b(str(archive.root).encode(), digest_size=6).hexdigest()
    root = Path(tempfile.gettempdir()) / f"pyros-spare-{os.getuid()}-{mine}"
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        theirs = root.is_symlink() or root.stat().st_uid != os.getuid()
    except OSError as error:
        raise ArchiveError(f"no second place for frames at {root}: {error.strerror}") from error
    if theirs:
        raise ArchiveError(f"no second place for frames at {root}: it is somebody else's")
    return ImageArchive(root)


def bring_back(archive: ImageArchive) -> tuple[Path, ...]:
    """Move what lies in the second place to the archive; what the disk still refuses stays there.

    :return: where each frame lies now
    """
    brought: list[Path] = []
    try:
        spare = spare_archive(archive)
    except ArchiveError as error:
        logger.warning("%s", error)
        return ()
    for path in sorted(spare.root.glob("*/images/*.fits")):
        target = archive.root / path.relative_to(spare.root)
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            with part.open("rb") as copied:
                os.fsync(copied.fileno())
            part.rename(target)
            sync_folder(target.parent)
            path.unlink()
        except OSError as error:
            logger.error("frame %s can't be brought to %s yet: %s", path, target, error)
            continue
        logger.warning("frame %s lay in the second place, and is in the archive now", target.name)
        brought.append(target)
    if not any(spare.root.rglob("*.fits")):
        shutil.rmtree(spare.root)
    return tuple(brought)
