"""What JSON notices say."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyros_kernel.alerts import Kind, NotVoevent, read_packet
from pyros_kernel.store import Alert

NOTICES = Path(__file__).parent / "notices"
FITS = b"SIMPLE  =                    T" + bytes(2850)
MAXI: dict[str, Any] = json.loads((NOTICES / "gcn_notices_maxi_gsc.unknown.circle.example.json").read_text())
SOURCES: list[dict[str, Any]] = json.loads((NOTICES / "SOURCES.json").read_text())["notices"]
FILES = [s for s in SOURCES if (NOTICES / s["file"]).is_file()]


@pytest.mark.parametrize("source", FILES, ids=[s["file"] for s in FILES])
def test_every_notice_is_read_or_refused_with_a_reason(source: dict[str, Any]) -> None:
    raw = (NOTICES / source["file"]).read_bytes()
    packet = read_packet(raw)
    assert (packet.ra_deg, packet.dec_deg) == (source["ra"], source["dec"])
    error = source["err"]
    assert packet.error_deg == (max(error[:2]) if isinstance(error, list) else error)
    assert packet.is_retraction == ((source["alert_type"] or "").lower() == "retraction")
    assert packet.position is None or packet.position_problem == ""
    assert read_packet(raw).ivorn == packet.ivorn.strip()


@pytest.mark.parametrize(
    ("file", "stream", "packet_type", "trigger", "kind", "test"),
    [
        ("svom_eclairs_trigger.wakeup.example", "SVOM", "ECLAIRs-initial", "sb24022203", "position", True),
        ("fermi_gbm_trigger.alert.example", "Fermi", "GBM-initial", "745121685", "trigger", False),
        ("fermi_gbm_trigger.ground2.example", "Fermi", "GBM-update", "745121685", "position", False),
        (
            "gcn_notices_swift_bat_guano.loc_arc_min.example",
            "SWIFT",
            "BAT-GUANO-update",
            "694215995",
            "position",
            False,
        ),
        (
            "gcn_notices_swift_bat_Guano.Retraction.example",
            "SWIFT",
            "BAT-GUANO-retraction",
            "694215995",
            "retraction",
            0,
        ),
        ("tests_fixtures_ep_alert_alert_248", "EP", "WXT", "01709259790", "position", False),
        ("chime_frb.detection.example", "CHIME", "frb-initial", "427325191", "position", False),
        ("maxi_gsc.unknown.circle.example", "MAXI", "GSC-update", "9995289617", "position", False),
        ("lvk_MS181101ab_update_displayexample", "LVC", "Update", "MS181101ab", "trigger", True),
        ("lvk_MS181101ab_retraction", "LVC", "Retraction", "MS181101ab", "retraction", True),
    ],
)
def test_the_table_of_streams_names_notices(
    file: str, stream: str, packet_type: str, trigger: str, kind: str, test: bool
) -> None:
    (path,) = NOTICES.glob(f"*{file}.json")
    packet = read_packet(path.read_bytes())
    assert (packet.stream, packet.packet_type, packet.trigger_id) == (stream, packet_type, trigger)
    assert (packet.kind, packet.is_test) == (Kind(kind), bool(test))


def test_a_gravitational_wave_alert_names_its_map_and_time() -> None:
    packet = read_packet((NOTICES / "lvk_MS181101ab_update_displayexample.json").read_bytes())
    assert packet.skymap.startswith("https://")
    assert packet.instrument == "H1,L1,V1"
    assert packet.is_update
    assert str(packet.event_utc) == "2018-11-01 22:22:46.654000+00:00"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "not well-formed JSON"),
        (b"[1]", "not well-formed XML"),
        (b"{}", "neither .schema of GCN, a mission and a time, nor a superevent_id"),
        (b'{"mission": "Swift"}', "neither .schema of GCN, a mission and a time, nor a superevent_id"),
        (b"{" * 100_000, "not well-formed JSON"),
        (b'{"a":' * 100_000, "not well-formed JSON"),
        (b'{"' + b"a" * (5 << 20), "more than"),
    ],
)
def test_what_is_no_notice_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(NotVoevent, match=reason):
        read_packet(raw)


def _swift(schema: str, **words: Any) -> bytes:
    given = {"ra": 244.7, "dec": -15.7, "ra_dec_error": 0.05, "trigger_time": "2026-03-15T09:17:50Z", "id": "1220155"}
    address = f"https://gcn.nasa.gov/schema/main/gcn/notices/{schema}.schema.json"
    return json.dumps({"$schema": address, "mission": "Swift", "instrument": "BAT", **given, **words}).encode()


@pytest.mark.parametrize(
    ("schema", "kind", "problem"),
    [
        ("swift/bat/position", Kind.POSITION, ""),
        ("swift/bat/lightcurve", Kind.PRODUCT, ""),
        ("swift/pointing", Kind.POINTING, "where the spacecraft points"),
        ("core/Pointing", Kind.POINTING, "where the spacecraft points"),
    ],
)
def test_a_notice_that_tells_no_new_position_is_known_by_its_schema(schema: str, kind: Kind, problem: str) -> None:
    packet = read_packet(_swift(schema))
    assert packet.kind is kind
    assert problem in packet.position_problem
    assert bool(packet.position_problem) == bool(problem)


@pytest.mark.parametrize("path", ["burstcube/test", "icecube/test/gold_bronze_track_alerts", "superk/sn_alert.test"])
def test_a_notice_of_a_topic_for_tests_is_a_test(path: str) -> None:
    assert read_packet(_swift(path, alert_tense="current")).is_test
    assert not read_packet(_swift(path.replace("test", "attest"), alert_tense="current")).is_test


def test_a_notice_without_schema_is_known_by_its_mission() -> None:
    words = json.loads(_swift("x"))
    del words["$schema"]
    packet = read_packet(json.dumps({**words, "instrument": "BAT-GUANO", "alert_type": "update"}).encode())
    assert (packet.stream, packet.packet_type, packet.trigger_id) == ("SWIFT", "BAT-GUANO-update", "1220155")
    assert packet.position is not None


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ({"superevent_id": "S1", "event": {"skymap": base64.b64encode(FITS).decode()}}, True),
        ({**MAXI, "healpix_file": base64.b64encode(FITS).decode()}, True),
        ({"superevent_id": "S1", "event": {"skymap": base64.b64encode(b"GIF89a").decode()}}, False),
        ({"superevent_id": "S1", "event": {"skymap": "abc"}}, False),
        ({"superevent_id": "S1", "event": {"skymap": ["\ud800"]}}, False),
        ({"superevent_id": "S1", "event": {"skymap": "\xe9\xe9\xe9\xe9"}}, False),
        ({"superevent_id": "S1", "event": None}, False),
    ],
)
def test_a_sky_map_that_came_along_is_kept_beside_the_packet(desk: Any, words: dict[str, Any], kept: bool) -> None:
    reaction = desk.take(json.dumps(words).encode())
    with desk.store.session(read_only=True) as session:
        path = desk.directory / session.get_one(Alert, reaction.alert_id).path
    assert json.loads(path.read_bytes()) == words
    beside = path.with_suffix(".fits")
    assert (beside.read_bytes() if beside.exists() else None) == (FITS if kept else None)
    assert len(desk.files) == 1 + kept


_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_NAMES = ("id", "ra", "dec", "ra_dec_error", "alert_type", "trigger_time", "event", "urls", "instrument", "alert_tense")


@given(st.dictionaries(st.sampled_from(_NAMES), _VALUES), st.booleans())
def test_any_words_give_a_packet_or_a_reason(words: dict[str, Any], gravitational: bool) -> None:
    words = words | (
        {"superevent_id": "S1"}
        if gravitational
        else {"$schema": "https://gcn.nasa.gov/schema/main/gcn/notices/a/b.schema.json"}
    )
    try:
        packet = read_packet(json.dumps(words).encode())
    except NotVoevent:
        return
    assert packet.position_problem or (packet.ra_deg is not None and packet.dec_deg is not None)
