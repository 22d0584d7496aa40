"""Our broker next to Comet, as real processes on the loopback, taking turns in the same minute.

One driver drives all of them; storage is durable with ours (the packet synced before it is acknowledged), and as each
comes with Comet: hashes in a ``dbm`` that is never synced, ``dbm.dumb`` with most Pythons, gdbm with Debian's
(``python3-gdbm``; ``PYROS_GDBM_PYTHON`` names another).  ``bare`` acknowledges and does nothing else.  A single author
waits for one sync of the disk per packet: the floor of that is measured in the same minute.

All remember some packets from before, by default a thousand, as many as a day brought in the archive's years (Comet
keeps thirty days of them); ``comet, empty`` is Comet as pip installs it on its first day.  ``PYROS_STORED=1000000``
gives ours and Comet with gdbm a million (minutes; Comet's default would take hours to be filled, and seconds a packet).

The data lie in ``/var/tmp``, on the disk but away from the tests' directories: ext4 looks at each recently deleted file
near a new one before it makes that.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.vtp.programs import bare, comet, free_ports, pyros, running, site
from pyros_kernel.alerts import parse
from pyros_kernel.alerts.row import columns_of
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, Store

ROUNDS, STORED = 2, 1000
PER_RUN, PER_SLOW_RUN, PER_FANOUT = 400, 100, 100
KINDS = {
    "1 author": ("--authors=1",),
    "10 authors": ("--authors=10",),
    "50 subscribers": ("--authors=10", "--subscribers=50", "--rate=20", f"--n={PER_FANOUT}", "--drain=5"),
}
OURS, GDBM, DUMB, EMPTY, BARE = "pyros", "comet with gdbm", "comet", "comet, empty", "bare"
_MANY = 10_000  # above it Comet's default is left out
_SLOW = (DUMB, EMPTY)
_CORPUS = ROOT / "tests" / "pyros_kernel" / "alerts" / "packets"
_DRIVER = Path(__file__).parent / "vtp" / "driver.py"
_BATCH = 10_000


def _gdbm_python() -> str:
    python = os.environ.get("PYROS_GDBM_PYTHON", "/usr/bin/python3")
    try:
        found = subprocess.run([python, "-c", "import dbm.gnu"], capture_output=True, timeout=30, check=False)
    except OSError:
        return ""
    return "" if found.returncode else python


def _remember_ours(directory: Path, count: int) -> None:
    now = datetime.now(UTC)
    row = columns_of(parse(next(_CORPUS.glob("fermi*.xml")).read_bytes()), now) | {
        "source": "",
        "path": "",
        "steps": {},
    }
    store = Store.open(f"sqlite:///{directory / 'broker.sqlite'}")
    for begin in range(0, count, _BATCH):
        rows = [
            row | {"ivorn": f"ivo://vtp.bench/stream#before-{n}", "digest": secrets.token_hex(20)}
            for n in range(begin, min(begin + _BATCH, count))
        ]
        with store.session() as session:
            session.connection().execute(insert(Alert), rows)
    store.close()


def _remember_comet(python: str, directory: Path, count: int) -> None:
    # As comet.utility.event_db does: SHA-1 of the packet → time, in a database that is named by the IVORN's path.
    program = (
        "import dbm, os, sys, time\n"
        "with dbm.open(sys.argv[1] + '/_stream', 'c') as db:\n"
        "    now = str(time.time())\n"
        "    for n in range(int(sys.argv[2])): db[os.urandom(20).hex()] = now\n"
    )
    subprocess.run([python, "-c", program, str(directory), str(count)], check=True, timeout=600)


def _drive(ports: tuple[int, int], pid: int, *options: str) -> dict[str, Any]:
    words = [sys.executable, str(_DRIVER), f"--author-port={ports[0]}", f"--subscriber-port={ports[1]}"]
    words += [f"--corpus={_CORPUS}", f"--pid={pid}", "--warmup=10", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=True)
    return json.loads(done.stdout)


def _sync_ms(directory: Path) -> list[float]:
    """Time what one author can't do without: a packet's bytes in a file of known size, and a sync."""
    with (directory / "sync").open("w+b", buffering=0) as file:
        file.write(bytes(1 << 20))
        os.fsync(file.fileno())
        times: list[float] = []
        for turn in range(100):
            began_s = time.perf_counter()
            os.pwrite(file.fileno(), secrets.token_bytes(4500), 4500 * turn)
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - began_s))
    return times


def _place() -> str:
    return "/var/tmp" if Path("/var/tmp").is_dir() else str(ROOT)


def _memory_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(rounds: int = ROUNDS, stored: int = STORED) -> dict[str, dict[str, list[Any]]]:
    """Drive all brokers in turns; return broker → kind of run → results (and ``sync`` → ``ms``, ``start``)."""
    results: dict[str, dict[str, list[Any]]] = {"sync": {"ms": []}, "start": {}}
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pyros-brokers-", dir=_place()))).resolve()
        listening = {}
        gdbm = _gdbm_python()
        names = (OURS, *(() if stored > _MANY else _SLOW), *((GDBM,) if gdbm else ()), BARE)
        for name in names:
            ports, directory = free_ports(), base / name
            directory.mkdir()
            common = (f"--receive-port={ports[0]}", f"--broadcast-port={ports[1]}", "--broadcast-test-interval=0")
            if name == OURS:
                _remember_ours(directory, stored)
                words, env = pyros(directory, *common, "--quiet"), {"PYTHONPATH": str(ROOT)}
            elif name == BARE:
                words, env = bare(ports[0]), {}
            else:
                python = gdbm if name == GDBM else sys.executable
                if name != EMPTY:
                    _remember_comet(python, directory, stored)
                words = comet(directory, "--receive", "--broadcast", *common, "-q", python=python)
                env = site() if name == GDBM else {}
            began_s = time.perf_counter()
            pid = stack.enter_context(running(words, directory, ports[: 1 + (name != BARE)], env))
            results["start"][name] = [time.perf_counter() - began_s, _memory_mb(pid)]
            listening[name] = ports, pid
        for _ in range(rounds):
            for kind, options in KINDS.items():
                results["sync"]["ms"] += _sync_ms(base)
                fanout = kind == "50 subscribers"
                for name, (ports, pid) in listening.items():
                    if not (fanout and name in (BARE, EMPTY)):
                        if not fanout:
                            options = (*KINDS[kind], f"--n={PER_SLOW_RUN if name in _SLOW else PER_RUN}")
                        results.setdefault(name, {}).setdefault(kind, []).append(_drive(ports, pid, *options))
    return results


def _median(runs: list[Any], *path: str) -> float:
    values: list[float] = []
    for found in runs:
        for name in path:
            found = found[name]
        values.append(float(found))
    return statistics.median(values)


def run() -> list[tuple[str, str]]:
    stored = int(os.environ.get("PYROS_STORED", str(STORED)))
    results = measure(stored=stored)
    syncs, starts = results.pop("sync")["ms"], results.pop("start")
    rows = [
        ("packets remembered before", f"{stored}"),
        ("one synced write: the floor of one author", f"median {statistics.median(syncs):.2f} ms"),
    ]
    rows += [(f"start: {name}", f"{s:.1f} s, then {mb:.0f} MB") for name, (s, mb) in starts.items()]
    for kind in KINDS:
        for name, kinds in results.items():
            if kind in kinds:
                cpu = _median(kinds[kind], "broker_cpu_ms_per_event")
                rows.append((f"{kind}: {name}", f"{_figure(kind, name, results)}, {cpu:.2f} ms CPU per event"))
    return rows


def _figure(kind: str, name: str, results: dict[str, dict[str, list[Any]]]) -> str:
    runs = results[name][kind]
    if kind == "50 subscribers":
        delivered = sum(r["delivered"] for r in runs) / sum(r["expected"] for r in runs)
        late = " ms, ".join(f"{p} {_median(runs, 'fanout_ms', p):.1f}" for p in ("median", "p99"))
        return f"{late} ms, delivered {100 * delivered:.1f} %"
    speed = _median(runs, "events_per_s")
    ratio = "" if name == OURS else f" (ours {_median(results[OURS][kind], 'events_per_s') / speed:.2f} ×)"
    return f"{speed:.0f} events/s{ratio}"


def main() -> None:
    for label, figure in run():
        print(f"{label:<48} {figure}")


if __name__ == "__main__":
    main()
