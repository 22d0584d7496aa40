"""What each instrument answers, and how fast."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from instruments import Instrument, InstrumentError, NotConnected
from instruments.connect import open_instrument
from pyros_kernel import describe
from pyros_kernel.clock import Clock
from pyros_kernel.doctor.finding import Finding
from pyros_kernel.doctor.services import missing_file
from pyros_kernel.settings import Settings
from pyros_kernel.store import Device, StoreError
from pyros_kernel.store.engine import make_engine, reader

_CONNECT_S, _STATE_S = 3.0, 2.0
_ASKED = 5
_WIDE = 160


@dataclass(frozen=True, slots=True)
class Answer(Finding):
    """What an instrument answered.

    :param latency_ms: median time of reading its state; None if it did not answer
    :param state: what it says of itself, as plain values
    """

    latency_ms: float | None = None
    state: Any = None


def examine_instruments(settings: Settings) -> list[Finding]:
    """Connect to each enabled device of the store at its address, and read its state; nothing is moved.

    :param settings: where the observatory keeps its things
    """
    name, url = "instruments", settings.database_url
    if missing_file(url) is not None:
        return [Finding(name, None, "no database yet that would name them", "pyros setup")]
    try:
        engine = make_engine(url)
        try:
            with reader(engine).connect() as connection:
                columns = (Device.name, Device.kind, Device.address)
                rows = connection.execute(select(*columns).where(Device.enabled).order_by(Device.id)).all()
        finally:
            engine.dispose()
    except (StoreError, DBAPIError):
        return [Finding(name, None, "the database does not tell them", "pyros doctor")]
    except SQLAlchemyError:
        return [Finding(name, None, "the database is not filled yet", "pyros setup")]
    placed = [(str(row[0]), str(row[1].value), str(row[2])) for row in rows if row[2]]
    if not placed:
        return [Finding(name, None, "no device of the store has an address", "pyros loaddata")]
    return examine_addresses(placed)


def examine_addresses(devices: Iterable[tuple[str, str, str]]) -> list[Finding]:
    """Connect to devices, side by side, and read their states, one after the other: they would slow each other down.

    :param devices: name, kind and address of each
    """
    devices = tuple(devices)
    found: list[Instrument[Any] | Finding] = []
    with ThreadPoolExecutor(len(devices) or 1, "pyros-doctor") as threads:
        found.extend(threads.map(_reach, devices))
    return [_ask(one) if isinstance(one, Instrument) else one for one in found]


def _reach(device: tuple[str, str, str]) -> Instrument[Any] | Finding:
    name, kind, address = device
    try:
        instrument = open_instrument(kind, name, address, Clock())
    except ValueError as error:
        return Answer(name, False, str(error), "change the address of the device's row")
    try:
        instrument.connect(_CONNECT_S)
    except InstrumentError as error:
        instrument.disconnect()
        return _silent(instrument, error)
    return instrument


def _ask(instrument: Instrument[Any]) -> Finding:
    try:
        times_ms, state = _time(instrument)
    except InstrumentError as error:
        return _silent(instrument, error)
    finally:
        instrument.disconnect()
    median = statistics.median(times_ms)
    what = f"{instrument.address} answers in {median:.1f} ms: {_words(state)}"
    return Answer(instrument.name, True, what, latency_ms=median, state=describe.plain(state))


def _silent(instrument: Instrument[Any], error: InstrumentError) -> Finding:
    name, address = instrument.name, instrument.address
    if isinstance(error, NotConnected):
        mend = f"start what serves {address}, or change the address of the device's row"
        return Answer(name, False, f"{address}: {error.what}", mend)
    return Answer(name, False, f"{address}: {error}", f"look at the device, and at the log of what serves {address}")


def _time(instrument: Instrument[Any]) -> tuple[list[float], object]:
    times_ms: list[float] = []
    state: object = None
    for _ in range(_ASKED):
        began = time.perf_counter()
        state = instrument.state(_STATE_S)
        times_ms.append((time.perf_counter() - began) * 1e3)
    return times_ms, state


def _words(state: object) -> str:
    text = ", ".join(f"{label} {value}" for label, value in describe.words(state).items())
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"
