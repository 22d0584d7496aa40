"""Alerts while the night runs: a better position, a retraction, a burst that has not risen yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from sqlalchemy import select

from pyros_kernel import Observatory
from pyros_kernel.agents.giving_way import unobservable
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, AlertStatus, Request, RequestStatus, Sequence, SequenceStatus
from tests.waiting import until

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
CITE = b'</How><Citations><EventIVORN cite="retraction">ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092'


def packet(directory: Path, name: str, *replacements: tuple[bytes, bytes]) -> Path:
    raw = SWIFT
    for old, new in replacements:
        assert old in raw, old
        raw = raw.replace(old, new)
    path = directory / name
    path.write_bytes(raw)
    return path


@pytest.fixture
def packets(tmp_path: Path) -> Path:
    directory = tmp_path / "packets"
    directory.mkdir()
    return directory


@pytest.fixture
def obs(tmp_path: Path) -> Iterator[Observatory]:
    """Give one observatory that observes, some hours before dawn."""
    with Observatory(
        tmp_path / "data",
        start="2022-09-30T09:30:00",
        speed=60,
        fixtures=("night_2022-09-29.json",),
    ) as observatory:
        observatory.observe()
        until(lambda: any(s.status == "executing" for s in observatory.snapshot().placed), "a sequence executes")
        yield observatory
    observatory.check()


def rows(obs: Observatory, trigger: str) -> tuple[Request, Sequence, list[Alert]]:
    """Give a burst's request, its sequence, and its alerts in the order in which they came."""
    with obs.store.session(read_only=True) as session:
        alerts = list(session.scalars(select(Alert).where(Alert.trigger_id == trigger).order_by(Alert.id)))
        requests = [alert.request for alert in alerts if alert.request is not None]
        request = requests[0] if requests else Request(sequences=[Sequence()])  # until it is decided about
        return request, request.sequences[0], alerts


def headers(obs: Observatory) -> list[fits.Header]:
    return [
        header
        for path in sorted(obs.settings.data.glob("2022-09-29/images/*.fits"))
        if "1125809" in (header := fits.getheader(path))["OBJECT"]
    ]


def test_a_test_moves_nothing_a_better_position_the_telescope_and_a_retraction_ends_it(
    obs: Observatory, packets: Path
) -> None:
    test = packet(packets, "test.xml", (b"1125809", b"1125888"), (b'role="observation"', b'role="test"'))
    assert obs.alerts.send(test).ack
    until(lambda: "ignored" in [a.status for a in obs.snapshot().alerts if "1125888" in a.title], "it is shown")
    (ignored,) = rows(obs, "1125888")[2]
    assert "its role is test" in ignored.reason
    assert ignored.request_id is None
    assert obs.alerts.send(packet(packets, "bat.xml")).ack
    until(lambda: rows(obs, "1125809")[1].status is SequenceStatus.EXECUTING, "the burst is observed")
    until(lambda: headers(obs), "a first image of it")

    xrt = ((b"BAT_GRB_Pos_1125809-092", b"XRT_Pos_1125809-100"), (b'  value="61"', b'  value="67"'))
    better = packet(packets, "xrt.xml", *xrt, (b"64.7373", b"64.9000"), (b"0.0500<", b"0.0010<"))
    assert "a better position is taken over" in str(obs.alerts.explain(better))
    assert obs.alerts.send(better).ack
    until(lambda: any(h["SIM_RA"] == pytest.approx(64.9, abs=0.01) for h in headers(obs)), "an image at the new place")
    request, sequence, (_, second) = rows(obs, "1125809")
    assert (second.status, sequence.ra_deg) == (AlertStatus.OBSERVING, 64.9)
    assert "slew_sent" in second.steps
    images = len(headers(obs))

    retraction = packet(
        packets, "no.xml", *xrt, (b"1125809-100", b"1125809-101"), (b"</How>", CITE + b"</EventIVORN></Citations>")
    )
    assert "what runs of it is interrupted" in str(obs.alerts.explain(retraction))
    assert obs.alerts.send(retraction).ack
    until(lambda: rows(obs, "1125809")[1].status is SequenceStatus.CANCELLED, "the burst is left")
    request, sequence, alerts = rows(obs, "1125809")
    assert request.status is RequestStatus.CANCELLED
    assert request.reason == sequence.reason == f"retracted by {alerts[2].ivorn}"
    assert [a.status for a in alerts] == [AlertStatus.RETRACTED, AlertStatus.RETRACTED, AlertStatus.IGNORED]
    assert len(headers(obs)) >= images, "its images are kept"
    until(lambda: any(s.status == "executing" and not s.is_alert for s in obs.snapshot().placed), "the night goes on")


def test_a_wide_error_circle_is_covered_by_fields_and_a_small_one_that_follows_is_observed(
    obs: Observatory, packets: Path
) -> None:
    assert obs.alerts.send(packet(packets, "wide.xml", (b"0.0500<", b"0.2000<"))).ack
    until(lambda: rows(obs, "1125809")[1].status is SequenceStatus.EXECUTING, "the burst is observed")
    _, sequence, (alert,) = rows(obs, "1125809")
    assert (sequence.recipe, sequence.parameters, alert.status) == (
        "follow_alert", {"overlap": 0.1}, AlertStatus.OBSERVING,
    )  # fmt: skip
    until(lambda: len(headers(obs)) >= 4, "two fields on both channels")
    seen = [SkyCoord(h["SIM_RA"], h["SIM_DEC"], unit="deg") for h in headers(obs)]
    centre = SkyCoord(sequence.ra_deg, sequence.dec_deg, unit="deg")
    away = sorted(place.separation(centre).arcsec for place in seen)
    assert away[0] < 10 and away[-1] == pytest.approx(512 * 0.381 * 0.9, abs=10), "from the middle outwards"

    xrt = ((b"BAT_GRB_Pos_1125809-092", b"XRT_Pos_1125809-100"), (b'  value="61"', b'  value="67"'))
    better = packet(packets, "xrt.xml", *xrt, (b"64.7373", b"64.9000"), (b"0.0500<", b"0.0010<"))
    assert obs.alerts.send(better).ack
    until(lambda: any(h["SIM_RA"] == pytest.approx(64.9, abs=0.01) for h in headers(obs)), "an image at the new place")
    _, again, (_, second) = rows(obs, "1125809")
    assert (again.id, again.recipe, again.parameters) == (sequence.id, "observe", {}), "the one request, another way"
    assert second.status is AlertStatus.OBSERVING

    retraction = packet(
        packets, "no.xml", *xrt, (b"1125809-100", b"1125809-101"), (b"</How>", CITE + b"</EventIVORN></Citations>")
    )
    assert obs.alerts.send(retraction).ack
    until(lambda: rows(obs, "1125809")[1].status is SequenceStatus.CANCELLED, "the burst is left")


def test_what_has_not_risen_yet_is_scheduled_for_when_it_has(obs: Observatory, packets: Path) -> None:
    ra_deg = next(ra for ra in range(65, 180) if unobservable(obs.services, ra, 13.3517, 20.0))
    # A degree and a half further east it rises six minutes later.
    low = packet(packets, "low.xml", (b"1125809", b"1125999"), (b"64.7373", f"{ra_deg + 1.5}".encode()))
    assert "scheduled for when it can be observed" in str(obs.alerts.explain(low))
    assert obs.alerts.send(low).ack
    until(lambda: any("not observable now" in r.reason for r in rows(obs, "1125999")[2]), "it says why not at once")
    assert rows(obs, "1125999")[2][0].status is AlertStatus.ACCEPTED
    until(lambda: rows(obs, "1125999")[1].status is SequenceStatus.PLANNED, "it stands in the schedule")
    until(lambda: rows(obs, "1125999")[1].status is SequenceStatus.EXECUTING, "it is observed in its turn")
