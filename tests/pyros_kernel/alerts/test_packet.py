"""What packets say: real ones against values that others read from them, bad ones, and nonsense."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import voeventparse
from astropy import units as u
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyros_kernel.alerts import Kind, NotVoevent, Packet, parse
from pyros_kernel.settings import ROOT

PACKETS = Path(__file__).parent / "packets"
SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
EXPECTED: list[dict[str, Any]] = json.loads((PACKETS / "expected.json").read_text())


def test_every_real_packet_gives_its_expected_values() -> None:
    assert len(EXPECTED) == len(list(PACKETS.glob("*.xml"))) == 230
    wrong = {e["file"]: found for e in EXPECTED if (found := _differences(e))}
    assert wrong == {}


def _differences(expected: dict[str, Any]) -> dict[str, Any]:
    """Give what is not as others read it: name → (ours, theirs)."""
    packet = parse((PACKETS / expected["file"]).read_bytes())
    ours = {
        "ivorn": packet.ivorn,
        "role": packet.role,
        "version": packet.version,
        "packet_type": packet.packet_number,
        "ra_deg": packet.ra_deg,
        "dec_deg": packet.dec_deg,
        "err_deg": packet.error_deg,
        "is_test": packet.is_test,
        "is_retraction": packet.is_retraction,
        "trig_id": packet.trigger_id or None,
        "skymap_url": packet.skymap or None,
        "coords_string": packet.params.get("Coords_String"),
        "cites": [{"cite": c.cite, "ivorn": c.ivorn} for c in packet.citations],
    }
    wrong: dict[str, Any] = {k: (v, expected[k]) for k, v in ours.items() if v != expected[k]}
    if packet.version == "2.0" and bool(packet.schema_error) is expected["schema_valid"]:
        wrong["schema"] = packet.schema_error
    pointed_at = packet.position is not None
    if pointed_at and (expected["position_is_placeholder"] or expected["ra_deg"] is None):
        wrong["position"] = packet.position
    if expected["event_time_utc"] is None:
        if packet.event_time is not None or bool(packet.time_problem) is not bool(expected["event_time_raw"]):
            wrong["time"] = packet.event_time, packet.time_problem
    else:
        true = datetime.fromisoformat(expected["event_time_utc"]).replace(tzinfo=UTC)
        if packet.event_utc is None or abs(packet.event_utc - true) > timedelta(milliseconds=1):
            wrong["time"] = packet.event_utc, true
        elif packet.event_time is None or abs(packet.event_time.unix - true.timestamp()) > 1e-3:
            wrong["event_time"] = packet.event_time, true
    return wrong


INSTRUMENTS = {
    "SWIFT": {"BAT", "XRT", "UVOT", ""},
    "Fermi": {"GBM", "LAT", ""},
    "SVOM": {"ECLAIRs", "MXT", "GRM"},
    "INTEGRAL": {"IBIS", "SPI-ACS", ""},
    "AMON": {"IceCube", "HAWC", "AMON", ""},
    "LVC": {"H1", "H1,L1", "H1,L1,V1", ""},
    "MAXI": {"GSC"},
    "CHIME": {"CHIME/FRB"},
}


def test_every_packet_of_a_known_stream_has_its_name_kind_and_instrument() -> None:
    packets = [parse((PACKETS / e["file"]).read_bytes()) for e in EXPECTED]
    for stream, instruments in INSTRUMENTS.items():
        mine = [packet for packet in packets if packet.stream == stream]
        assert {packet.instrument for packet in mine} <= instruments
        assert mine and all(packet.kind is not Kind.UNKNOWN for packet in mine), stream
        # Only where a spacecraft looks, or that an event was none, has no instrument.
        assert {p.kind for p in mine if not p.instrument} <= {Kind.POINTING, Kind.RETRACTION, Kind.TEST}
    # What GCN numbers, the table names.
    unknown = {(p.stream, p.packet_number) for p in packets if p.packet_number and p.kind is Kind.UNKNOWN}
    assert unknown == {("UNRECOGNIZED_TYPE", 159)}


@pytest.mark.parametrize(
    ("file", "significance", "update"),
    [
        ("swift_bat_grb_pos__04", 7.23, False),
        ("fermi_gbm_flt_pos__12", 16.1, True),
        ("svom_eclairs_wakeup__03", 13.91, False),
        ("svom_mxt_initial__01", 42.0, True),
        ("chime_frb_detection__01", 124.84750366210938, False),
        ("amon_icecube_gold_event__02", 0.8283, False),
        ("lvc_update__01", None, True),
        ("integral_refined_pos__03", 16.47, True),
        ("swift_xrt_pos__04", 10.0, True),
        ("gecam_flt_event__04", 4.69, False),
        ("fermi_gbm_alert__03", 6.0, False),
    ],
)
def test_significance_and_whether_it_is_news(file: str, significance: float | None, update: bool) -> None:
    packet = parse((PACKETS / f"{file}.xml").read_bytes())
    assert (packet.significance, packet.is_update) == (significance, update)


@pytest.mark.parametrize(
    ("file", "stream", "packet_type", "kind", "problem"),
    [
        ("swift_bat_grb_pos__04", "SWIFT", "BAT_GRB_Pos", Kind.POSITION, ""),
        ("swift_point_dir__02", "SWIFT", "Point_Dir", Kind.POINTING, "spacecraft points"),
        ("swift_sc_slew__03", "SWIFT", "SC_Slew", Kind.POINTING, "spacecraft points"),
        ("swift_bat_scaledmap__03", "SWIFT", "BAT_Scaledmap", Kind.PRODUCT, "spacecraft points"),
        ("fermi_gbm_alert__03", "Fermi", "GBM_Alert", Kind.TRIGGER, r"\(0, 0\)"),
        ("ipn_raw__02", "IPN", "Raw", Kind.TRIGGER, "out of range"),
        ("lvc_retraction__02", "LVC", "Retraction", Kind.RETRACTION, "no position"),
        ("svom_eclairs_wakeup__03", "SVOM", "eclairs-wakeup", Kind.POSITION, ""),
        # Where the source is, however the satellite moves: where it points is in its Params.
        ("svom_slewing__01", "SVOM", "slewing", Kind.POSITION, ""),
        ("svom_not_slewing__01", "SVOM", "not-slewing", Kind.POSITION, ""),
        ("calet_gbm_flight_lightcurve__01", "CALET", "GBM_Flight_Lightcurve", Kind.PRODUCT, "spacecraft"),
        ("realfast_io_realfast__01", "realfast.io", "realfast", Kind.UNKNOWN, ""),
    ],
)
def test_the_table_of_streams_tells_what_a_packet_is(
    file: str, stream: str, packet_type: str, kind: Kind, problem: str
) -> None:
    packet = parse((PACKETS / f"{file}.xml").read_bytes())
    assert (packet.stream, packet.packet_type, packet.kind) == (stream, packet_type, kind)
    assert bool(packet.position_problem) == bool(problem)
    assert re.search(problem, packet.position_problem)


def test_a_packet_gives_astropy_objects() -> None:
    packet = parse(SWIFT)
    assert packet.title == "SWIFT BAT_GRB_Pos 1125809"
    assert packet.position is not None
    assert packet.position.to_string("hmsdms", precision=1) == "04h18m57.0s +13d21m06.1s"
    assert packet.error == 0.05 * u.deg
    assert packet.event_time is not None
    assert packet.event_time.isot == "2022-09-30T11:11:52.120"
    assert packet.params["Image_Signif"] == packet.params["Image_Signif"] == "7.33"
    assert packet.params["Solution_Status/GRB_Identified"] == packet.params["GRB_Identified"] == "true"
    assert packet.raw == SWIFT


def test_voevent_parse_reads_the_same() -> None:
    compared = 0
    for expected in EXPECTED:
        packet = parse((PACKETS / expected["file"]).read_bytes())
        tree = packet.voevent
        assert tree.get("ivorn") == packet.ivorn
        try:
            position = voeventparse.get_event_position(tree)
        except (AttributeError, KeyError):  # it reads no packet without a position, or without its unit
            continue
        assert (position.ra, position.dec) == (packet.ra_deg, packet.dec_deg), expected["file"]
        compared += 1
    assert compared > 150


def test_voevent_parse_sees_no_entity(variant: Callable[..., bytes]) -> None:
    packet = parse(SWIFT)
    bomb = dataclasses.replace(packet, raw=b'<!DOCTYPE a [<!ENTITY b "c">]>' + SWIFT[SWIFT.index(b"<voe") :])
    with pytest.raises(NotVoevent, match="document type"):
        _ = bomb.voevent


def test_a_packet_can_not_be_changed() -> None:
    packet = parse(SWIFT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        packet.ra_deg = 0.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        packet.params["TrigID"] = "1"  # type: ignore[index]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("VOEventsDigest_ack", "role='ack' is not one of observation"),
        ("pygcn_kill_socket", "is not an identifier such as ivo://"),
        ("real_04_Retraction", "not well-formed"),
        ("real_Swift_unknown_fail", "not well-formed"),
        ("syn_bad_version", "version='9.9' is not one of 1.1, 2.0, 2.1"),
        ("syn_binary", "not well-formed"),
        ("syn_external_entity", "document type declaration"),
        ("syn_http_ivorn", "ivorn='http://example.org/x#1' is not an identifier"),
        ("syn_ivorn_traversal", "is not an identifier"),
        ("syn_leading_space", "not well-formed"),
        ("syn_no_ivorn", "ivorn='' is not an identifier"),
        ("syn_truncated", "not well-formed"),
        ("syn_whitespace", "not well-formed"),
        ("syn_wrong_ns", "{http://example.org/v2.0}VOEvent, not a VOEvent"),
    ],
)
def test_what_is_no_voevent_is_refused_with_the_reason(file: str, reason: str) -> None:
    with pytest.raises(NotVoevent, match=re.escape(reason)):
        parse((PACKETS / "malformed" / f"{file}.xml").read_bytes())


# As VOEvent 2.1 has it: no local part, an interval, a time scale and units of its own.
NEW = """<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.1" version="2.1" role="observation"
  ivorn="ivo://org.example/lab/Burst_2026-10-02T17_34_45::v1.0"><Who/><WhereWhen><ObsDataLocation><ObservatoryLocation/>
  <ObservationLocation><AstroCoordSystem><TimeFrame><TimeScale>TAI</TimeScale></TimeFrame></AstroCoordSystem>
  <AstroCoords><Time><TimeInterval><ISOTimeStart>2026-10-02T17:35:22</ISOTimeStart>
  <ISOTimeStop>2026-10-02T18:00:00</ISOTimeStop></TimeInterval></Time>
  <Position2D unit="deg"><Value2><C1>37.06</C1><C2 pos_unit="deg">31.31</C2></Value2>
  <Error2><C1 pos_unit="arcmin">3</C1><C2 pos_unit="arcmin">6</C2></Error2></Position2D>
  </AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen></voe:VOEvent>"""


def test_voevent_2_1_says_things_in_its_own_way() -> None:
    packet = parse(NEW.encode())
    assert packet.ivorn.endswith("::v1.0")
    assert (packet.ra_deg, packet.dec_deg, packet.position_problem) == (37.06, 31.31, "")
    assert packet.error_deg == pytest.approx(0.1)
    assert str(packet.event_utc) == "2026-10-02 17:34:45+00:00"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('version="2.1"', 'version="2.0"', "is not an identifier"),
        ("/lab/", "/../", "is not an identifier"),
        ("ivo://org", "http://org", "is not an identifier"),
    ],
)
def test_a_2_1_identifier_is_one_all_the_same(old: str, new: str, reason: str) -> None:
    with pytest.raises(NotVoevent, match=reason):
        parse(NEW.replace(old, new).encode())


def test_each_value_may_have_a_unit_of_its_own(variant: Callable[..., bytes]) -> None:
    assert parse(variant((b"<Error2Radius>0.0500", b'<Error2Radius pos_unit="arcsec">180'))).error_deg == 0.05
    other = parse(variant((b"<C1>64", b'<C1 pos_unit="h">4')))
    assert other.position is None
    assert "the position is in deg, h, only degrees are understood" in other.position_problem


@pytest.mark.parametrize("name", ["Test", "InternalTest", "Test_Notice", "Test_Submission"])
@pytest.mark.parametrize(("value", "is_test"), [("true", True), ("1", True), ("false", False)])
def test_a_param_may_say_that_it_is_a_test(variant: Callable[..., bytes], name: str, value: str, is_test: bool) -> None:
    packet = parse(variant((b"<What>", f'<What><Param name="{name}" value="{value}"/>'.encode())))
    assert (packet.role, packet.is_test) == ("observation", is_test)


def test_a_map_is_named_before_its_picture(variant: Callable[..., bytes]) -> None:
    picture, fits = b"http://x/locplot.png", b"http://x/healpix.fit"
    both = b'<What><Param name="LocationMap_URL" value="%s"/><Param name="HealPix_URL" value="%s"/>' % (picture, fits)
    assert parse(variant((b"<What>", both))).skymap == fits.decode()


BOMB = b"".join(
    [
        b'<!DOCTYPE b [<!ENTITY a0 "ha">',
        *(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">'.encode() for n in range(1, 12)),
        b"]>",
    ]
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-7"])
@pytest.mark.parametrize("doctype", [BOMB.decode(), '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', "<!DOCTYPE x>"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str, doctype: str) -> None:
    body = SWIFT.decode().partition("?>")[2].replace("GRB 220930", "&a11;" if "a11" in doctype else "x")
    text = f"<?xml version='1.0' encoding='{encoding}'?><!-- <VOEvent> -->{doctype}{body}"
    with pytest.raises(NotVoevent):
        parse(text.encode(encoding))


def test_other_encodings_are_read() -> None:
    text = SWIFT.decode().replace("UTF-8", "UTF-16")
    assert parse(text.encode("utf-16")).digest == parse(SWIFT).digest


def test_size_and_depth_are_bounded() -> None:
    with pytest.raises(NotVoevent, match="more than the 1048576 accepted"):
        parse(SWIFT + b" " * (1 << 20))
    deep = b"<Group>" * 5000 + b"</Group>" * 5000
    with pytest.raises(NotVoevent, match="not well-formed"):
        parse(SWIFT.replace(b"<What>", b"<What>" + deep))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"<C1>64.7373</C1>", b"<C1>NaN</C1>", "not a number"),
        (b"<C1>64.7373</C1>", b"<C1>inf</C1>", "not a number"),
        (b"<C1>64.7373</C1>", b"<C1/>", "not a number"),
        (b"<C1>64.7373</C1>", b"<C1>360</C1>", "out of range"),
        (b"<C2>13.3517</C2>", b"<C2>-90.01</C2>", "out of range"),
        (b"0.0500</Error2Radius>", b"180</Error2Radius>", "is not known"),
        (b"0.0500</Error2Radius>", b"-1</Error2Radius>", "is not known"),
        (b'Position2D unit="deg"', b'Position2D unit="rad"', "only degrees"),
        (b'value="source_object"', b'value="unavailable/inappropriate"', "unavailable"),
        (b'"Packet_Type"  value="61"', b'"Packet_Type"  value="83"', "spacecraft points"),
    ],
)
def test_a_position_that_must_not_be_pointed_at_says_why(
    variant: Callable[..., bytes], old: bytes, new: bytes, problem: str
) -> None:
    packet = parse(variant((old, new)))
    assert problem in packet.position_problem
    assert packet.position is None


@pytest.mark.parametrize(
    ("text", "system", "utc"),
    [
        ("2016-12-31T23:59:60.5", "UTC-FK5-GEO", "2017-01-01T00:00:00.500000+00:00"),
        ("2022-09-30T13:11:52+02:00", "UTC-FK5-GEO", "2022-09-30T11:11:52+00:00"),
        ("2022-09-30T11:11:52-0030", "UTC-FK5-GEO", "2022-09-30T11:41:52+00:00"),
        ("2022-09-30T11:12:10", "GPS-ICRS-GEO", "2022-09-30T11:11:52+00:00"),
        ("2022-09-30T11:12:29", "TAI-ICRS-GEO", "2022-09-30T11:11:52+00:00"),
        ("2022-09-30T11:13:01.184", "TT-ICRS-GEO", "2022-09-30T11:11:52+00:00"),
        ("2017-01-01T00:00:37", "TAI-ICRS-GEO", "2017-01-01T00:00:00+00:00"),
        ("2017-01-01T00:00:34", "TAI-ICRS-GEO", "2016-12-31T23:59:58+00:00"),
        ("2040-01-01T00:00:37", "TAI-ICRS-GEO", "2040-01-01T00:00:00+00:00"),
    ],
)
def test_times_are_brought_to_utc(variant: Callable[..., bytes], text: str, system: str, utc: str) -> None:
    raw = variant((b"2022-09-30T11:11:52.12", text.encode()), (b"UTC-FK5-GEO", system.encode()))
    assert str(parse(raw).event_utc).replace(" ", "T") == utc


@pytest.mark.parametrize(
    "text", ["2022-02-30T00:00:00", "2022-01-01T24:00:01", "2022-01-01T00:00:61", "0000-01-01T00:00:00", "soon",
             "9999-12-31T23:59:60", "2022-1-1T00:00:00"]
)  # fmt: skip
def test_an_impossible_date_keeps_the_packet(variant: Callable[..., bytes], text: str) -> None:
    packet = parse(variant((b"2022-09-30T11:11:52.12", text.encode())))
    assert packet.event_utc is None
    assert text in packet.time_problem


def test_another_scale_before_leap_seconds_is_no_time(variant: Callable[..., bytes]) -> None:
    packet = parse(variant((b"2022-09-30T11:11:52.12", b"1971-01-01T00:00:00"), (b"UTC-FK5-GEO", b"TDB-ICRS-BARY")))
    assert packet.event_utc is None
    assert "before 1972" in packet.time_problem


def test_an_author_has_to_say_a_role_which_others_may_leave_out(variant: Callable[..., bytes]) -> None:
    raw = variant((b' role="observation"', b""))
    assert parse(raw).role == "observation"
    with pytest.raises(NotVoevent, match="says no role"):
        parse(raw, strict=True)


def test_the_digest_tells_a_copy_from_another_version(variant: Callable[..., bytes]) -> None:
    plain = parse(SWIFT).digest
    quotes = variant((b'name="Packet_Type"  value="61"', b"value='61' name='Packet_Type'"))
    assert parse(quotes).digest == plain
    assert parse(SWIFT.replace(b"<Who>", b"<Who><!-- relayed -->")).digest == plain
    assert parse(variant((b"64.7373", b"64.7374"))).digest != plain


def test_a_stream_that_is_not_in_the_table_is_read(variant: Callable[..., bytes]) -> None:
    packet = parse(variant((b"ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092", b"ivo://org.example/lab/frb#7")))
    assert (packet.stream, packet.packet_type, packet.kind) == ("org.example", "lab/frb", Kind.UNKNOWN)
    assert packet.position is not None


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_mutated_packets_are_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(SWIFT)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        match data.draw(st.sampled_from(["cut", "put", "copy", "value"])):
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 40))]
            case "put":
                raw[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case "copy":
                start = data.draw(st.integers(0, len(raw)))
                raw[at:at] = raw[start : start + data.draw(st.integers(1, 60))]
            case _:
                values = [m.span(1) for m in re.finditer(rb">([^<>\s]+)<|\"([^\"<>]*)\"", bytes(raw)) if m.group(1)]
                if values:
                    start, end = data.draw(st.sampled_from(values))
                    raw[start:end] = data.draw(st.text(max_size=12)).encode("utf-8", "surrogatepass")
    try:
        packet = parse(bytes(raw))
    except NotVoevent as refusal:
        assert str(refusal)
    else:
        check_sound(packet)


def check_sound(packet: Packet) -> None:
    """Whatever a packet says, nobody is led astray by it."""
    assert packet.ivorn.startswith("ivo://")
    assert len(packet.trigger_id) <= 64
    assert packet.event_utc is None or packet.event_utc.tzinfo is UTC
    assert (packet.position is None) == bool(packet.position_problem)
    if packet.position is not None:
        assert 0 <= packet.position.ra.deg < 360
        assert packet.ra_deg is not None
    assert packet.event_time is None or packet.event_time.scale == "utc"
