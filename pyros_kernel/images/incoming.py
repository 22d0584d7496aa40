"""A frame as it came, on disk before anything is made of it: a crash while its file is made must not lose it.

Making the FITS file takes tens of milliseconds, hundreds on a busy machine; this takes a few.  It lies in the page
cache then, which outlives the process; a power cut is held off by the image itself, which is synced.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments import Frame, FrameKind
from pyros_kernel.images.context import Geometry, ImageContext, Place

logger = logging.getLogger(__name__)

INCOMING = ".incoming"
_NEVER = (None, "", False)

Write = Callable[[Frame, ImageContext, bool], object]


def keep(folder: Path, stem: str, frame: Frame, context: ImageContext, *, complete: bool) -> IO[bytes] | None:
    """Write a frame as it came; the file stays locked until :func:`let_go`.

    :return: None if the disk does not take it: whoever writes the image itself says so
    """
    head = json.dumps({"frame": _of_frame(frame), "context": _of_context(context), "complete": complete}, default=str)
    path = folder / f"{stem}{INCOMING}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    except OSError:  # among others, of two who write the same frame the second does without
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # tells the sweep of another process that this one lives
        file.write(head.encode() + b"\n" + frame.data.tobytes())
        file.flush()
    except OSError:
        let_go(file)
        return None
    return file


def let_go(file: IO[bytes] | None) -> None:
    """Remove what :func:`keep` kept, once the image is written or was refused."""
    if file is not None:
        Path(file.name).unlink(missing_ok=True)
        file.close()


def take_up(folder: Path, write: Write) -> list[Path]:
    """Write the images of frames that a crash left as they came; what is being written is left alone.

    :param write: writes an image, told whether its exposure was complete
    :return: what was taken up
    """
    taken: list[Path] = []
    for path in sorted(folder.glob(f"*{INCOMING}")):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not path.with_name(path.name.removesuffix(INCOMING) + ".fits").exists():
                try:
                    write(*_read(file))
                except (ValueError, KeyError, TypeError) as error:
                    logger.warning("frame %s was cut off by a crash as it came: %s", path.name, error)
                else:
                    taken.append(path)
                    logger.warning("frame %s was left by a crash as it came: its image is written now", path.name)
            path.unlink()
    return taken


def _of_frame(frame: Frame) -> dict[str, Any]:
    header = {key: list(card) if isinstance(card, tuple) else card for key, card in frame.header.items()}
    return {
        "shape": frame.data.shape,
        "header": header,
        "start_unix_s": float(frame.start.utc.unix),
        "exposure_s": float(frame.exposure_time.to_value(u.s)),
        "kind": str(frame.kind),
        "filter": frame.filter,
        "camera": frame.camera,
    }


def _of_context(context: ImageContext) -> dict[str, Any]:
    known = {name: getattr(context, name) for name in context.__slots__}
    plain = {k: v for k, v in known.items() if k not in ("place", "pointing", "geometry") and v not in _NEVER}
    if context.place is not None:
        plain["place"] = asdict(context.place)
    if context.geometry is not None:
        plain["geometry"] = asdict(context.geometry)
    if context.pointing is not None:
        icrs: Any = context.pointing.icrs
        plain["pointing"] = [float(icrs.ra.deg), float(icrs.dec.deg)]
    return plain


def _read(file: IO[bytes]) -> tuple[Frame, ImageContext, bool]:
    told: Any = json.loads(file.readline())
    one, known = told["frame"], dict(told["context"])
    header = {key: tuple(card) if isinstance(card, list) else card for key, card in one["header"].items()}
    frame = Frame(
        data=np.frombuffer(file.read(), np.uint16).reshape(one["shape"]).copy(),
        header=header,
        start=Time(one["start_unix_s"], format="unix", scale="utc"),
        exposure_time=one["exposure_s"] * u.s,
        kind=FrameKind(one["kind"]),
        filter=one["filter"],
        camera=one["camera"],
    )
    if "place" in known:
        known["place"] = Place(**known["place"])
    if "geometry" in known:
        known["geometry"] = Geometry(**known["geometry"])
    if "pointing" in known:
        known["pointing"] = SkyCoord(*known["pointing"], unit="deg", frame="icrs")
    return frame, ImageContext(**known), bool(told["complete"])
