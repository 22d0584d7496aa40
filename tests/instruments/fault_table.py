"""What each fault must look like from this side of the wire: the table that the tests hold and the docs show."""

from __future__ import annotations

from dataclasses import dataclass

MOVERS = ("telescope", "camera_vis", "camera_nir", "filter_wheel", "focuser", "rotator", "dome")
READERS = ("plc", "weather_station")
HEAD = """\
# Faults and what they look like

<!-- Made from tests/instruments/fault_table.py by `python -m tests.instruments.fault_table`; a test holds it. -->

What an instrument over a PyROS line shows when its device misbehaves, fault by fault.
`tests/instruments/test_drills.py` breaks every simulated device in every way that it can show, holds the call to its
deadline, and uses the device again after the fault, without restarting anything; with `-s` it prints what it saw.

*Call*: how a running operation ends, or for the weather how a reading ends. *State*: what is known two real seconds
later: **unknown** (it can't be read), **stale** (its own time says so), or **read**. Under `stick` and `stop_short` the
state that is read is true; under `lie` it is not, and only the value shows it. Measured with the simulators over
`pyros://`; INDI and Alpaca have the conformance suite.

| fault | what the device does | call | state | devices |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """A fault: its effect, and what is allowed to be seen of it."""

    does: str
    ends: tuple[str, ...]
    state: str
    readers: tuple[str, ...] = ()
    mid: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The devices that can show it."""
        return (*MOVERS, *(READERS if self.readers else ()))

    def allowed(self, kind: str) -> tuple[str, ...]:
        """How a call to a device of a kind may end."""
        return self.readers if kind in READERS else self.ends


LOST = ("NotConnected",)
TABLE = {
    "refuse": Row("says no to every SET and DO", ("Rejected",), "read"),
    "slow": Row("answers half a second late", ("done",), "read", ("done",)),
    "mute": Row("takes lines, does nothing, answers nothing", LOST, "unknown", ("NotConnected", "Timeout"), True),
    "drop": Row("ends the link within an answer", ("NotConnected", "ProtocolError"), "unknown",
                ("NotConnected", "ProtocolError"), True),
    "half_open": Row("is gone, without a word to the link", LOST, "unknown", ("NotConnected", "Timeout"), True),
    "storm": Row("cuts every link as soon as it stands", LOST, "unknown", LOST, True),
    "garbage": Row("answers random bytes", ("ProtocolError",), "unknown", ("ProtocolError",)),
    "half_line": Row("answers half a line, without its end", ("NotConnected", "Timeout"), "unknown",
                     ("NotConnected", "Timeout")),
    "wrong_id": Row("answers with somebody else's id", ("NotConnected", "Timeout"), "unknown",
                    ("NotConnected", "Timeout")),
    "twice": Row("answers everything twice", ("done",), "read", ("done",)),
    "stick": Row("begins to move, and never ends", ("Timeout",), "read"),
    "stop_short": Row("stops on the way", ("OperationAborted", "Failed", "ProtocolError"), "read"),
    "lie": Row("says that it has arrived, and has not moved",
               ("OperationAborted", "Failed", "ProtocolError", "Rejected"), "read"),
    "nan": Row("reports NaN for every number", ("ProtocolError",), "unknown", ("ProtocolError",)),
    "frozen": Row("repeats one status, with its old time", ("Timeout",), "stale", ("done",)),
    "clock_jump": Row("has its clock an hour ahead", ("done",), "stale", ("done",)),
    "crash": Row("ends, and starts again a second later", LOST, "unknown", LOST, True),
}  # fmt: skip


def page() -> str:
    """Write the reference page."""
    rows: list[str] = []
    for fault, row in TABLE.items():
        calls = " or ".join(row.ends)
        if row.readers and row.readers != row.ends:
            calls += f"; a reading: {' or '.join(row.readers)}"
        rows.append(f"| `{fault}` | {row.does} | {calls} | {row.state} | {'all' if row.readers else 'all that move'} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
