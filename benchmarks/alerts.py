"""An alert's way, from its last byte to its acknowledgement and to its request, next to what it can't do without:
parsing the packet and one synced write of its bytes.

Everything runs in this process over TCP on the loopback, durable storage on; rounds of the two alternate, so that
what else the machine does falls on both.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from astropy.time import Time

from pyros_kernel.alerts import AlertInbox, Received, VtpReceiver, parse, quick, react, send, warm_up
from pyros_kernel.alerts.files import write_durably
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store, load

ROUNDS = 20
PER_ROUND = 15
_PACKET = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()


def _new_packets() -> Iterator[bytes]:
    for number in count(2_000_000):
        yield _PACKET.replace(b"1125809", str(number).encode())


@contextmanager
def _receiver(directory: Path, clock: ManualClock) -> Iterator[tuple[int, Callable[[], Received]]]:
    store = Store.open(f"sqlite:///{directory / 'pyros.sqlite'}")
    load(store, ROOT / "fixtures" / "initial_fixture.json")
    soon = quick(store)
    inbox = AlertInbox(soon, directory, clock, durable=store)
    warm_up(soon, clock)
    done: list[Received] = []
    ready = threading.Semaphore(0)

    def act(received: Received) -> None:
        react(soon, received.alert_id, received.packet, clock, received.note)
        received.note("committed")
        done.append(received)
        ready.release()

    receiver = VtpReceiver(inbox.receive_all, act, port=0)
    receiver.start()

    def wait() -> Received:
        if not ready.acquire(timeout=30):
            raise TimeoutError("an alert was acknowledged and not acted on")
        return done.pop()

    try:
        yield receiver.port, wait
    finally:
        receiver.stop()
        inbox.close()
        soon.close()
        store.close()


def measure() -> dict[str, list[float]]:
    """Time both ways; return name → milliseconds."""
    times: dict[str, list[float]] = {"reference": [], "acknowledged": [], "committed": [], "round trip": []}
    clock = ManualClock(Time("2022-09-30T11:12:20"))
    packets = _new_packets()
    with tempfile.TemporaryDirectory(dir=".") as name, _receiver(Path(name).resolve(), clock) as (port, wait):
        for _ in range(ROUNDS):
            for raw, _ in zip(packets, range(PER_ROUND), strict=False):
                began_s = time.perf_counter()
                parse(raw)
                write_durably(Path(name).resolve() / "reference.xml", raw)
                times["reference"].append(1000 * (time.perf_counter() - began_s))
            for raw, _ in zip(packets, range(PER_ROUND), strict=False):
                began_s = time.perf_counter()
                if not send(raw, port=port).ack:
                    raise RuntimeError("a packet was refused")
                times["round trip"].append(1000 * (time.perf_counter() - began_s))
                steps = wait().steps
                for step in ("acknowledged", "committed"):
                    times[step].append(steps[step])
    return times


def run() -> list[tuple[str, str]]:
    times = measure()
    median = {name: statistics.median(values) for name, values in times.items()}
    p99 = {name: statistics.quantiles(values, n=100)[98] for name, values in times.items()}
    labels = {
        "reference": "parse + one synced write (file and directory)",
        "acknowledged": "last byte → acknowledged (durable: journal synced, file and row written)",
        "round trip": "author: connect → acknowledgement read",
        "committed": "last byte → request committed (durable with the slew's note)",
    }
    return [
        (
            f"{label}: median / p99",
            f"{median[name]:.2f} / {p99[name]:.2f} ms"
            + ("" if name == "reference" else f"; median {median[name] / median['reference']:.1f} × the reference"),
        )
        for name, label in labels.items()
    ]


def main() -> None:
    for label, figure in run():
        print(f"{label:<80} {figure}")


if __name__ == "__main__":
    main()
