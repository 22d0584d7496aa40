"""From an alert's last byte to the slew command on the telescope's socket, in a night that observes: while the kernel
rests, while a cell spins in pure Python, and while one prints every millisecond; next to what an alert can't do
without, parsing the packet and one synced write of its bytes.

Everything is real but the instruments, which are simulators in a process of their own, on the loopback.  The packets
come from another process, whose clock starts when its last byte is written; each is retracted after its slew, so that
the next one finds an ordinary sequence to interrupt.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyros_kernel import Observatory
from pyros_kernel.alerts import parse
from pyros_kernel.alerts.files import write_durably
from pyros_kernel.settings import ROOT

PER_KIND = 12
_PACKET = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
_CITES = b'<Citations><EventIVORN cite="retraction">%b</EventIVORN></Citations></voe:VOEvent>'
_SENDER = """
import socket, struct, sys, time
for line in sys.stdin:
    raw = open(line.strip(), "rb").read()
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as link:
        link.sendall(struct.pack("!I", len(raw)) + raw)
        print(time.monotonic(), flush=True)
        link.recv(65536)
"""


def _idle(_ending: threading.Event) -> None:
    return


def _spin(ending: threading.Event) -> None:
    number = 0
    while not ending.is_set():
        number = (number * 7 + 1) % 1_000_003


def _print(ending: threading.Event) -> None:
    with contextlib.redirect_stdout(io.TextIOWrapper(Path("/dev/null").open("wb"), write_through=True)):
        until_s = time.perf_counter()
        while not ending.is_set():
            until_s += 0.001
            while time.perf_counter() < until_s:
                pass
            print("busy")


KINDS: dict[str, Callable[[threading.Event], None]] = {
    "the kernel rests": _idle, "a cell spins": _spin, "a cell prints every millisecond": _print,
}  # fmt: skip


def _until(true: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    deadline_s = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(0.05)


@contextlib.contextmanager
def _sender(port: int) -> Iterator[Callable[[Path], float]]:
    words = [sys.executable, "-c", _SENDER, str(port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def send(path: Path) -> float:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        yield send
        assert process.stdin is not None
        process.stdin.close()


def _observing(obs: Observatory) -> bool:
    night = obs.snapshot().night
    return night is not None and night.status == "observing"


def _busy_with_alert(obs: Observatory) -> bool:
    return any(s.is_alert and s.status == "executing" for s in obs.snapshot().placed)


def measure(per_kind: int = PER_KIND) -> dict[str, list[float]]:
    """Time alerts in turns of the kinds; return kind → milliseconds, and ``reference``."""
    times: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "reference")}
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".slew-", dir=ROOT))).resolve()
        obs = Observatory(place / "data", start="2022-09-30T08:00:00", speed=60, fixtures=("night_2022-09-29.json",))
        stack.enter_context(obs)
        send = stack.enter_context(_sender(obs.alerts.address[1]))
        telescope: Any = obs.services.devices.telescope
        sent: list[float] = []
        slew_to = telescope.slew_to

        def slewing(target: Any) -> Any:
            operation = slew_to(target)
            sent.append(operation.sent_monotonic_s or time.monotonic())
            return operation

        telescope.slew_to = slewing
        obs.observe()
        _until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
        for number in range(per_kind * len(KINDS)):
            kind = list(KINDS)[number % len(KINDS)]
            raw = _PACKET.replace(b"1125809", str(5_000_000 + number).encode())
            began_s = time.perf_counter()
            ivorn = parse(raw).ivorn.encode()
            write_durably(place / "reference.xml", raw)
            times["reference"].append(1000 * (time.perf_counter() - began_s))
            (place / "packet.xml").write_bytes(raw)
            _until(lambda: not _busy_with_alert(obs) and _observing(obs), "its turn")
            time.sleep(1.0)  # what the retraction ended is put away
            sent.clear()
            last_byte: list[float] = []
            ending = threading.Event()

            def author(ending: threading.Event = ending, last_byte: list[float] = last_byte) -> None:
                time.sleep(0.3)  # the cell runs by then
                last_byte.append(send(place / "packet.xml"))
                deadline_s = time.monotonic() + 20
                while not sent and time.monotonic() < deadline_s:
                    time.sleep(0.02)
                ending.set()

            thread = threading.Thread(target=author)
            thread.start()
            KINDS[kind](ending)  # in the main thread, where cells run
            thread.join()
            after = [s for s in sent if s >= last_byte[0]]
            if after:
                times[kind].append(1000 * (after[0] - last_byte[0]))
            retraction = raw.replace(b"-092", b"-093").replace(b"</voe:VOEvent>", _CITES % ivorn)
            (place / "retraction.xml").write_bytes(retraction)
            send(place / "retraction.xml")
    return times


def run() -> list[tuple[str, str]]:
    times = measure()
    reference = statistics.median(times["reference"])
    rows = [("parse + one synced write (file and directory): median", f"{reference:.2f} ms")]
    for kind in KINDS:
        values = sorted(times[kind])
        text = (
            f"median {statistics.median(values):.1f} ms ({statistics.median(values) / reference:.1f} × the reference)"
        )
        rows.append((f"last byte → slew command, {kind}", f"{text}, max {values[-1]:.1f} ms of {len(values)}"))
    return rows


def main() -> None:
    for label, figure in run():
        print(f"{label:<64} {figure}")


if __name__ == "__main__":
    main()
