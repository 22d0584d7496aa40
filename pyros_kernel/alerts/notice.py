"""What a JSON notice says: GCN's unified schema, and LIGO/Virgo/KAGRA's alerts.

Sources: https://gcn.nasa.gov/docs/notices/schema, https://emfollow.docs.ligo.org/userguide/content.html.
It becomes the same Packet as a VOEvent's, under an IVORN made of its own words.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from pyros_kernel.alerts.moment import to_utc
from pyros_kernel.alerts.packet import MAX_WORD, Packet
from pyros_kernel.alerts.position import NOT_A_SOURCE, Position, judge
from pyros_kernel.alerts.stream_table import stream_of_notice
from pyros_kernel.alerts.streams import Kind
from pyros_kernel.alerts.tree import NotVoevent

logger = logging.getLogger(__name__)

MAX_BYTES = 4 << 20
_FITS = b"SIMPLE  ="
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_SCHEMA_PATH = re.compile(r"/gcn/(?:notices/)?(.+?)(?:\.schema)?\.json$")
_TESTS = {"test", "injection"}
_TEST_PATH = re.compile(r"(?:^|[/.])test(?:$|[/.])")
_GWALERT = "igwn/gwalert"
_MOCK = re.compile(r"M[SD]?\d")


def parse_notice(raw: bytes) -> Packet:
    """Read a JSON notice.

    :raises NotVoevent: if it is none; the message says what is wrong
    """
    words = _load(raw)
    path = _path(words)
    if path == _GWALERT:
        words = _flat(words)
    identity = _identity(words)
    kind_word = _word(words, "alert_type").lower()
    test = (
        _word(words, "alert_tense").lower() in _TESTS
        or _TEST_PATH.search(path) is not None
        or (path == _GWALERT and _MOCK.match(identity) is not None)
    )
    stream = stream_of_notice(path)
    told = next((kind for start, kind in stream.notice_kinds.items() if path.startswith(start)), None)
    position = _position(words, told)
    utc, problem = _moment(_word(words, "trigger_time"))
    retraction = kind_word == "retraction"
    name = _word(words, "instrument") or path.rsplit("/", 1)[-1]
    instrument = _word(words, "instrument") or stream.instruments.get("", name)
    packet_type = stream.notice_types.get(kind_word) or (f"{name}-{kind_word}" if kind_word else name)
    stamp = _word(words, "alert_datetime") or _word(words, "time_created")
    local = "_".join(
        _UNSAFE.sub("-", part) for part in (identity, kind_word, _word(words, "record_number"), stamp) if part
    )
    if retraction:
        kind = Kind.RETRACTION
    elif told is not None:
        kind = told
    elif position.ra_deg is not None:
        kind = Kind.POSITION
    else:
        kind = Kind.TRIGGER if kind_word or utc else Kind.UNKNOWN
    digest = hashlib.sha1(json.dumps(words, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    return Packet(
        ivorn=f"ivo://gcn.nasa.gov/{_UNSAFE.sub('-', path.replace('/', '~')).replace('~', '/')}#{local or digest[:12]}",
        role="test" if test else "observation",
        version="json",
        stream=stream.name[:MAX_WORD],
        packet_type=packet_type[:MAX_WORD],
        packet_number=None,
        kind=kind,
        trigger_id=identity[:MAX_WORD],
        event_utc=utc,
        time_problem=problem,
        ra_deg=position.ra_deg,
        dec_deg=position.dec_deg,
        error_deg=position.error_deg,
        position_problem=position.problem,
        is_retraction=retraction,
        citations=(),
        digest=digest,
        params=MappingProxyType({k: _text(v) for k, v in words.items() if not isinstance(v, (dict, list))}),
        raw=raw,
        instrument=instrument[:MAX_WORD],
        skymap=_word(words, "healpix_url"),
        is_update=kind_word in {"update", "subsequent"},
    )


def embedded_map(raw: bytes) -> bytes:
    """Give the sky map (FITS) that a JSON notice brings along, in base64; empty if it brings none.

    Sources: ``event.skymap`` of LIGO/Virgo/KAGRA's alerts, ``healpix_file`` of the unified schema.
    """
    words = _load(raw)
    event = words.get("event")
    given = cast(dict[str, Any], event).get("skymap") if isinstance(event, dict) else words.get("healpix_file")
    if not isinstance(given, str) or not given:
        return b""
    try:
        content = base64.b64decode(given)
    except ValueError as error:
        logger.warning("the sky map of a notice is not kept: it is no base64 (%s)", error)
        return b""
    if not content.startswith(_FITS):
        logger.warning("the sky map of a notice is not kept: it is no FITS file")
        return b""
    return content


def _load(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_BYTES:
        raise NotVoevent(f"{len(raw)} bytes are more than the {MAX_BYTES} accepted")
    try:
        words = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NotVoevent(f"not well-formed JSON: {error}") from error
    if not isinstance(words, dict):
        raise NotVoevent("the JSON is no notice: its top is not an object")
    return cast(dict[str, Any], words)


def _path(words: Mapping[str, Any]) -> str:
    if "superevent_id" in words:
        return _GWALERT
    if found := _SCHEMA_PATH.search(_word(words, "$schema")):
        return found[1].lower()
    # A sender may leave it out, for the topic says as much; the topic does not reach us.
    if (mission := _word(words, "mission")) and (words.get("alert_datetime") or words.get("trigger_time")):
        names = (name.replace("/", "-") for name in (mission, _word(words, "instrument")) if name)
        return "/".join(names).lower()
    raise NotVoevent("the JSON is no notice: neither $schema of GCN, a mission and a time, nor a superevent_id")


def _flat(words: dict[str, Any]) -> dict[str, Any]:
    """Give a gravitational-wave alert the unified schema's words."""
    event = words.get("event")
    inner = cast(dict[str, Any], event) if isinstance(event, dict) else {}
    urls = words.get("urls")
    links = cast(dict[str, Any], urls) if isinstance(urls, dict) else {}
    flat = {k: v for k, v in inner.items() if k not in {"skymap", "time"}}
    return flat | {
        "alert_type": words.get("alert_type"),
        "id": words["superevent_id"],
        "trigger_time": inner.get("time", ""),
        "time_created": words.get("time_created", ""),
        "instrument": ",".join(_detectors(inner)) or "LVK",
        # The map itself came along; this is where it, and what is newer, is found.
        "healpix_url": links.get("gracedb", "") if inner.get("skymap") else "",
    }


def _detectors(event: Mapping[str, Any]) -> list[str]:
    given = event.get("instruments")
    return [name for name in cast(list[object], given) if isinstance(name, str)] if isinstance(given, list) else []


def _identity(words: Mapping[str, Any]) -> str:
    given = words.get("id")
    if isinstance(given, list) and given:
        given = cast(list[object], given)[0]
    if given is None:
        given = words.get("ref_ID") or words.get("event_name")
    return _text(given) if isinstance(given, (str, int, float)) else ""


def _position(words: Mapping[str, Any], kind: Kind | None) -> Position:
    ra_deg, dec_deg = _number(words.get("ra")), _number(words.get("dec"))
    if words.get("ra") is None or words.get("dec") is None:
        return Position(None, None, None, "the notice has no position")
    given = words.get("ra_dec_error")
    axes = cast(list[object], given[:2]) if isinstance(given, list) else [given]
    sizes = [size for size in map(_number, axes) if size is not None]
    found = judge(ra_deg, dec_deg, max(sizes, default=None), f"({words['ra']}, {words['dec']})")
    if kind is Kind.POINTING and not found.problem:
        return replace(found, problem=NOT_A_SOURCE["pointing_direction"])
    return found


def _moment(text: str) -> tuple[datetime | None, str]:
    if not text:
        return None, ""
    try:
        return to_utc(text), ""
    except ValueError as error:
        return None, f"the event's time {text[:80]!r} can't be: {error}"


def _word(words: Mapping[str, Any], name: str) -> str:
    value = words.get(name)
    return _text(value) if isinstance(value, (str, int, float)) else ""


def _text(value: object) -> str:
    return str(value).strip()[:1000]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
