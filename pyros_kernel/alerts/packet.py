"""What a VOEvent says, whoever sent it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pyros_kernel.alerts.envelope import ROLES, check
from pyros_kernel.alerts.moment import read_moment
from pyros_kernel.alerts.position import read_position
from pyros_kernel.alerts.stream_table import stream_of
from pyros_kernel.alerts.streams import UNKNOWN, Kind
from pyros_kernel.alerts.tree import Element, NotVoevent, canonical, read_objects, read_tree
from pyros_kernel.alerts.validity import schema_error
from pyros_kernel.alerts.what import (
    instrument_of,
    is_retraction,
    is_update,
    read_params,
    says_test,
    trigger_of,
    type_from,
    whole,
)

MAX_WORD = 64
_SKYMAPS = (
    "skymap_fits", "SKYMAP_URL_FITS", "skymap_url", "LOCATION_URL", "HealPix_URL", "LocationMap_URL", "EVENTS_SKYMAP",
)  # fmt: skip
_SIGNIFICANCE = (
    "Image_Signif", "Burst_Signif", "Data_Signif", "Rate_Signif", "SNR", "Burst_SNR", "Best_SNR", "Snr", "SigmaSNR",
    "GRB_SNR", "image_snr", "rate_snr", "snr", "Inten_Sigma", "Det_Signif", "Trig_Signif", "TRIGGER_SIGNIF",
    "grb_signif", "signalness", "Signalness", "p_astro",
)  # fmt: skip


Key: TypeAlias = tuple[str, str]  # IVORN and digest: what tells a packet from others


@dataclass(frozen=True)
class Citation:
    """Another packet that a packet speaks of; ``cite`` is followup, supersedes or retraction."""

    ivorn: str
    cite: str


@dataclass(frozen=True)
class Packet:
    """A VOEvent, read once; angles in degrees (ICRS), times in UTC.

    :param stream: where it comes from (``SWIFT``)
    :param packet_type: what it is within the stream (``BAT_GRB_Pos``), with its GCN number, if it has one
    :param trigger_id: the stream's own name of the event; empty if it gave none
    :param position_problem: why nothing may be pointed at its position; empty if it is good
    :param time_problem: why its time was not understood; empty if it was, or if there is none
    :param params: every Param by name; in groups also as ``Group/Name``
    :param instrument: what saw it (``BAT``); empty if that is not known
    :param skymap: where its map of the sky is found; empty if it names none
    :param is_update: whether it tells more of an event that was announced before
    :param schema_error: how it breaks the schema of VOEvent 2.0; empty if it does not
    :param digest: SHA-1 of the canonical XML, equal for copies that were only re-serialised
    """

    ivorn: str
    role: str
    version: str
    stream: str
    packet_type: str
    packet_number: int | None
    kind: Kind
    trigger_id: str
    event_utc: datetime | None
    time_problem: str
    ra_deg: float | None
    dec_deg: float | None
    error_deg: float | None
    position_problem: str
    is_retraction: bool
    citations: tuple[Citation, ...]
    digest: str
    params: Mapping[str, str] = field(repr=False)
    raw: bytes = field(repr=False)
    instrument: str = ""
    skymap: str = ""
    is_update: bool = False
    schema_error: str = ""

    @property
    def key(self) -> Key:
        """What tells it from others: the same IVORN may come with other content."""
        return self.ivorn, self.digest

    @property
    def is_test(self) -> bool:
        """Whether it was sent to try things out, as its role or one of its Params says."""
        return self.role == "test" or says_test(self.params)

    @property
    def significance(self) -> float | None:
        """Significance or signal-to-noise ratio as the sender gives it, in sigma; None if it gives none.

        IceCube gives the probability of an astrophysical origin instead (``signalness``, ``p_astro``, 0 to 1).
        """
        for name in _SIGNIFICANCE:
            try:
                return float(self.params[name])
            except (KeyError, ValueError):
                continue
        return None

    @property
    def suffix(self) -> str:
        """What its file's name ends with."""
        return "json" if self.version == "json" else "xml"

    @cached_property
    def event_time(self) -> Time | None:
        """When it happened; None if the packet does not say, or tells an impossible date."""
        return None if self.event_utc is None else Time(self.event_utc.timestamp(), format="unix", scale="utc")

    @cached_property
    def position(self) -> SkyCoord | None:
        """Where it happened; None if that is not known well enough to point there."""
        if self.position_problem:
            return None
        return SkyCoord(self.ra_deg, self.dec_deg, unit="deg", frame="icrs")

    @cached_property
    def error(self) -> u.Quantity | None:
        """Radius of the error circle, as the packet gives it."""
        return None if self.error_deg is None else self.error_deg * u.deg

    @property
    def voevent(self) -> Element:
        """The packet as voevent-parse has it, for its functions, such as ``voeventparse.get_grouped_params``.

        It is read anew, after our own parser, and may be changed.

        :raises NotVoevent: for a JSON notice
        """
        return read_objects(self.raw)

    @property
    def title(self) -> str:
        """Its name for people: ``SWIFT BAT_GRB_Pos 1125809``."""
        return " ".join(word for word in (self.stream, self.packet_type, self.trigger_id) if word)


def parse(raw: bytes, *, strict: bool = False) -> Packet:
    """Read a VOEvent 2.0, 1.1 or 2.1.

    :param strict: refuse one that says no role, or of version 2.0 and breaks its schema, instead of keeping the error
    :raises NotVoevent: if it is none; the message says what is wrong
    """
    root = read_tree(raw)
    ivorn = check(root)
    error = schema_error(root)
    if strict and error:
        raise NotVoevent(f"it breaks the schema of VOEvent 2.0: {error}", ivorn)
    if strict and root.get("role") is None:
        # The schema takes it for an observation; what may move a telescope should say so itself.
        raise NotVoevent(f"it says no role: one of {', '.join(ROLES)}", ivorn)
    stream = stream_of(ivorn)
    params = read_params(root)
    number = whole(params.get("Packet_Type"))
    by_name = type_from(ivorn)
    known = stream.named.get(by_name, UNKNOWN) if number is None else stream.packets.get(number, UNKNOWN)
    packet_type = known.name or by_name
    citations = _citations(root)
    cites = {citation.cite for citation in citations}
    moment = read_moment(root)
    position = read_position(root, params.get("Coords_String", ""), known.kind)
    return Packet(
        ivorn=ivorn,
        role=root.get("role", "observation"),
        version=root.get("version", ""),
        stream=stream.name[:MAX_WORD],
        packet_type=packet_type[:MAX_WORD],
        packet_number=number,
        kind=known.kind,
        trigger_id=trigger_of(stream, params)[:MAX_WORD],
        event_utc=moment.utc,
        time_problem=moment.problem,
        ra_deg=position.ra_deg,
        dec_deg=position.dec_deg,
        error_deg=position.error_deg,
        position_problem=position.problem,
        is_retraction=is_retraction(known.kind, params, cites, ivorn),
        citations=citations,
        digest=hashlib.sha1(canonical(root), usedforsecurity=False).hexdigest(),
        params=MappingProxyType(params),
        raw=raw,
        instrument=instrument_of(stream, packet_type, params),
        skymap=next((params[name] for name in _SKYMAPS if params.get(name)), ""),
        is_update=is_update(known.name, params, cites),
        schema_error=error,
    )


def _citations(root: Element) -> tuple[Citation, ...]:
    found = root.iterfind("{*}Citations/{*}EventIVORN")
    return tuple(Citation((e.text or "").strip(), e.get("cite", "followup")) for e in found)
