"""What each fault must look like from this side of the wire: the table that the tests hold and the docs show."""

from __future__ import annotations

from dataclasses import dataclass

BACK_ENDS = ("pyros", "indi", "alpaca")
MOVERS = ("telescope", "camera_vis", "camera_nir", "filter_wheel", "focuser", "rotator", "dome")
READERS = ("plc", "weather_station", "safety_monitor")
# No third party's simulator is a PLC, and a second camera there is the first one once more.
FOREIGN_MOVERS = tuple(kind for kind in MOVERS if kind != "camera_nir")
FOREIGN_READERS = ("weather_station", "safety_monitor")
HEAD = """\
# Faults and what they look like

<!-- Made from tests/instruments/fault_table.py by `python -m tests.instruments.fault_table`; a test holds it. -->

What an instrument shows when its device misbehaves: fault by fault, device by device, on each wire that can show it.
`tests/instruments/test_drills.py` breaks every device in every way, holds the call to its deadline, and uses the device
again after the fault without restarting anything; with `-s` it prints what it saw, device by device, and
[faults-measured.md](faults-measured.md) keeps one such print with its times.

* `pyros`: our simulators misbehave by themselves, each device.
* `indi`: Debian's `indiserver` with its C++ simulators, `alpaca`: PyPI's `alpaca-simulators`; both behind a wire that
  speaks their language and misbehaves (`tests/instruments/spoilers`). What really dies (`kill -9` of servers, drivers
  and our simulators, a driver that hangs) stands in `tests/instruments/test_crashes.py`.

A sensor is stale once its next measurement is a second and a half late.

Each cell: how a running command ends → what is known of the state, within two real seconds: **unknown** (it can't be
read), **stale** (its own time says so), **read** (what is read is true), or **caught** (the device lies about its
arrival: the command ends as failed because the value is not what was asked for). After *reading*: how a reading of a
sensor ends. A dash: the wire can't show it, for the reason below the table.

| fault | what the device does | `pyros` | `indi` | `alpaca` |
|---|---|---|---|---|
"""
FOOT = """
Why a dash: INDI has no request numbers, so none can be wrong. Neither INDI nor Alpaca sends the device's own time with
a state, so no clock of theirs can be ahead, and a status that is repeated for ever is a device that has stuck; only a
weather station tells how old its measurements are. Reading Alpaca is tried once more where a connection broke, so an
answer that is cut off once is not even noticed by who reads; and it may open a connection for each request, so that the
links that went silent cost one request each.
"""


@dataclass(frozen=True)
class Seen:
    """What is allowed to be seen of a fault on one wire.

    :param ends: how a command ends
    :param state: what is known of the state then
    :param readers: how a reading ends; empty where sensors can't show the fault
    :param reads: what is known of a sensor's state then, if not the same
    :param mid: whether it strikes while the command runs
    :param sensors: which can show it
    """

    ends: tuple[str, ...]
    state: str
    readers: tuple[str, ...] = ()
    reads: str = ""
    mid: bool = False
    sensors: tuple[str, ...] = READERS

    def kinds(self, back_end: str) -> tuple[str, ...]:
        """The devices that can show it."""
        movers, readers = (MOVERS, READERS) if back_end == "pyros" else (FOREIGN_MOVERS, FOREIGN_READERS)
        return (*(movers if self.ends else ()), *(r for r in readers if self.readers and r in self.sensors))

    def allowed(self, kind: str) -> tuple[str, ...]:
        """How a call to a device of a kind may end."""
        return self.readers if kind in READERS else self.ends

    def known(self, kind: str) -> str:
        """What is known of the state of a device of a kind."""
        return (self.reads or self.state) if kind in READERS else self.state

    def __str__(self) -> str:
        words = [f"{' or '.join(self.ends)} → {self.state}"] if self.ends else []
        if self.readers and (self.readers != self.ends or self.reads):
            words.append(f"reading: {' or '.join(self.readers)} → {self.reads or self.state}")
        return "; ".join(words)


@dataclass(frozen=True)
class Row:
    """A fault: its effect, and what is allowed to be seen of it, by back end."""

    does: str
    pyros: Seen
    indi: Seen | None
    alpaca: Seen | None

    def seen(self, back_end: str) -> Seen | None:
        """What is allowed to be seen on a wire."""
        return {"pyros": self.pyros, "indi": self.indi, "alpaca": self.alpaca}[back_end]


LOST = ("NotConnected",)
LOST_OR_LATE = ("NotConnected", "Timeout")
NONSENSE = ("ProtocolError",)
SHORT = ("OperationAborted", "Failed", "ProtocolError")
FINE = Seen(("done",), "read", ("done",))
GONE = Seen(LOST_OR_LATE, "unknown", LOST_OR_LATE, mid=True)
CUT = Seen(LOST, "unknown", LOST, mid=True)
NO = Seen(("Rejected",), "read")
STUCK = Seen(("Timeout",), "read")
TABLE = {
    "refuse": Row("says no to every command", NO, NO, NO),
    "slow": Row("answers late", FINE, FINE, FINE),
    "mute": Row("takes lines, does nothing, answers nothing", GONE, GONE, GONE),
    "drop": Row(
        "ends the link within an answer, once",
        Seen(("NotConnected", "ProtocolError"), "unknown", ("NotConnected", "ProtocolError"), mid=True),
        CUT,
        Seen((*LOST, "done"), "unknown or read", ("done",), reads="read"),
    ),
    "half_open": Row(
        "is gone, without a word to the links that stand",
        GONE,
        GONE,
        Seen((*LOST_OR_LATE, "done"), "unknown or read", (*LOST_OR_LATE, "done"), mid=True),
    ),
    "storm": Row("cuts every link as soon as it stands", CUT, CUT, CUT),
    "garbage": Row(
        "answers random bytes",
        Seen(NONSENSE, "unknown", NONSENSE),
        Seen(("NotConnected", "ProtocolError"), "unknown", ("NotConnected", "ProtocolError")),
        Seen(("NotConnected", "ProtocolError"), "unknown", ("NotConnected", "ProtocolError")),
    ),
    "half_line": Row(
        "answers half a line, without its end",
        Seen(LOST_OR_LATE, "unknown", LOST_OR_LATE),
        Seen(LOST_OR_LATE, "unknown", LOST_OR_LATE),
        Seen(LOST_OR_LATE, "unknown", LOST_OR_LATE),
    ),
    "wrong_id": Row(
        "answers with somebody else's request number",
        Seen(LOST_OR_LATE, "unknown", LOST_OR_LATE),
        None,
        Seen(("NotConnected", "ProtocolError"), "unknown", ("NotConnected", "ProtocolError")),
    ),
    "twice": Row("answers everything twice", FINE, FINE, FINE),
    "stick": Row("begins to move, and never ends", STUCK, STUCK, STUCK),
    "stop_short": Row("stops on the way", Seen(SHORT, "read"), Seen(SHORT, "read"), Seen(SHORT, "read")),
    "lie": Row(
        "says that it has arrived, and has not moved",
        Seen((*SHORT, "Rejected"), "caught"),
        Seen(SHORT, "caught"),
        Seen((*SHORT, "Rejected"), "caught"),
    ),
    "nan": Row(
        "reports NaN for every number",
        Seen(NONSENSE, "unknown", NONSENSE, sensors=("plc", "weather_station")),
        Seen((*NONSENSE, "done"), "unknown", NONSENSE, sensors=("weather_station",)),
        Seen((*NONSENSE, "done"), "unknown", NONSENSE, sensors=("weather_station",)),
    ),
    "frozen": Row(
        "repeats one status, with its old time",
        Seen(("Timeout",), "stale", ("done",)),
        Seen((), "stale", ("done",)),
        Seen((), "stale", ("done",), sensors=("weather_station",)),
    ),
    "clock_jump": Row("has its clock an hour ahead", Seen(("done",), "stale", ("done",)), None, None),
    "crash": Row("ends, and starts again a second later", CUT, CUT, CUT),
}


def page() -> str:
    """Write the reference page."""
    rows = [
        f"| `{fault}` | {row.does} | {' | '.join(str(row.seen(b)) if row.seen(b) else '—' for b in BACK_ENDS)} |"
        for fault, row in TABLE.items()
    ]
    return HEAD + "\n".join(rows) + "\n" + FOOT


if __name__ == "__main__":
    print(page(), end="")
