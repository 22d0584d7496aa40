"""What the doctor says of instruments that answer, that don't, and that can't be."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from pyros_kernel.doctor.instruments import Answer, examine_addresses, examine_instruments
from pyros_kernel.settings import Settings
from pyros_kernel.store import Device, Store
from tests.instruments.back_ends import running


def test_each_instrument_is_told_with_what_it_answers_and_how_fast(free_port: int) -> None:
    with running("pyros") as back_end:
        found = examine_addresses(
            [
                ("dome", "dome", back_end.address("dome")),
                ("plc", "plc", back_end.address("plc")),
                ("gone", "focuser", f"indi://127.0.0.1:{free_port}/Focuser Simulator"),
                ("odd", "telescope", "gopher://nowhere/1"),
            ]
        )
    dome, plc, gone, odd = found
    assert isinstance(dome, Answer)
    assert dome.ok
    assert dome.latency_ms is not None and 0 < dome.latency_ms < 2000
    assert "answers in" in dome.what
    assert "shutter closed" in dome.what
    assert dome.state["shutter"] == "closed"
    assert plc.ok and "humidity" in plc.what
    assert gone.ok is False
    assert f"nobody answers at 127.0.0.1:{free_port}" in gone.what
    assert f"start what serves indi://127.0.0.1:{free_port}" in gone.mend
    assert odd.ok is False
    assert "no back end" in odd.what
    assert odd.mend == "change the address of the device's row"


def test_the_store_says_which_instruments_there_are(store: Store, tmp_path: Path, free_port: int) -> None:
    url = f"sqlite:///{tmp_path / 'pyros.sqlite'}"
    with store.session() as session:
        for device in session.scalars(select(Device)):
            device.address = ""
            if device.name == "dome":
                device.address = f"alpaca://127.0.0.1:{free_port}/dome/0"
            if device.name == "plc":
                device.address, device.enabled = "indi://127.0.0.1:1/Weather", False
    (found,) = examine_instruments(Settings(tmp_path, url, tmp_path / "agents.ini"))
    assert (found.name, found.ok) == ("dome", False)
    assert f"nobody answers at http://127.0.0.1:{free_port}/api/v1/dome/0" in found.what


def test_without_a_database_there_is_nothing_to_ask(tmp_path: Path) -> None:
    (found,) = examine_instruments(Settings(tmp_path, f"sqlite:///{tmp_path / 'no.sqlite'}", tmp_path / "agents.ini"))
    assert found.ok is None
    assert found.mend == "pyros setup"
