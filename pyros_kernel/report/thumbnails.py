"""Small pictures of the night's images, inside the page itself."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Picture

from pyros_kernel.report.facts import NightFacts
from pyros_kernel.store import Image

logger = logging.getLogger(__name__)

_SIZE = 200
_EACH = 8  # pictures of one sequence; more would make the page heavy, not clearer


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture of an image.

    :param source: a ``data:`` address, empty where the image has no thumbnail
    :param link: address of the FITS file, from the report's folder
    """

    source: str
    link: str
    caption: str
    detail: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The pictures of one sequence."""

    title: str
    style: str
    pictures: tuple[Thumbnail, ...]
    total: int


def groups(night: NightFacts, styles: dict[int, str], data: Path) -> list[Group]:
    """Give the pictures by sequence, in the order of the night; those of no sequence come last."""
    found: list[Group] = []
    grouped: set[int] = set()
    for number, fact in enumerate(night.sequences, 1):
        if fact.images:
            grouped |= {image.id for image in fact.images}
            ordered = sorted(fact.images, key=lambda image: image.start)
            found.append(_group(f"{number} · {fact.name}", styles[fact.id], ordered, night, data))
    rest = [image for image in night.images if image.id not in grouped and not is_aid(image)]
    if rest := [image for image in rest if image.kind == "light"]:
        found.append(_group("Of no sequence", "", rest, night, data))
    return found


def is_aid(image: Image) -> bool:
    """Tell whether a frame of the sky only helped: of no plan, and nobody looked at it (to centre, or to focus)."""
    return image.kind == "light" and image.plan_id is None and not image.quicklook


def _group(title: str, style: str, images: Sequence[Image], night: NightFacts, data: Path) -> Group:
    count = min(_EACH, len(images))
    # Evenly through the sequence, the first and the last among them.
    chosen = sorted({round(i * (len(images) - 1) / max(1, count - 1)) for i in range(count)})
    return Group(title, style, tuple(_thumbnail(images[i], night, data) for i in chosen), len(images))


def _thumbnail(image: Image, night: NightFacts, data: Path) -> Thumbnail:
    look = image.quicklook
    detail = [f"{image.exposure_time_s:g} s"]
    if look.get("stars") is not None:
        detail.append(f"{look['stars']} stars")
    if look.get("fwhm_px") is not None:
        detail.append(f"FWHM {look['fwhm_px']:.1f} px")
    flags = [str(flag) for flag in look.get("flags", ())]
    if not image.complete:
        flags.append("cut short")
    return Thumbnail(
        source=_source((data / image.path).with_suffix(".png")),
        link="./" + image.path.removeprefix(f"{night.name}/"),
        caption=f"{image.start:%H:%M:%S} · {image.filter}",
        detail=" · ".join((image.camera.replace("_", " "), *detail)),
        flags=tuple(flags),
    )


def _source(path: Path) -> str:
    try:
        with Picture.open(path) as picture:
            small = picture.convert("L")
    except FileNotFoundError:
        return ""  # not analysed (yet): the page says so
    except OSError as error:
        logger.warning("thumbnail %s can't be read: %s", path, error)
        return ""
    small.thumbnail((_SIZE, _SIZE))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=72)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode("ascii")
