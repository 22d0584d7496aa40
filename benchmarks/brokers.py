"""Our broker next to Comet, as real processes on the loopback, taking turns in the same minute.

One driver drives all of them; storage is durable with ours (the packet synced before it is acknowledged), and as each
comes with Comet: hashes in a ``dbm`` that is never synced, ``dbm.dumb`` with most Pythons, gdbm with Debian's
(``python3-gdbm``; ``PYROS_GDBM_PYTHON`` names another).  ``bare`` acknowledges and does nothing else.  A single author
waits for one sync of the disk per packet: the floor of that is measured in the same minute.

``PYROS_STORED=1000000`` gives ours and Comet with gdbm that many remembered packets first (minutes).
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

PER_RUN, ROUNDS = 150, 2
KINDS = {
    "1 author": ("--authors=1", f"--n={PER_RUN}"),
    "10 authors": ("--authors=10", f"--n={PER_RUN}"),
    "50 subscribers": ("--authors=10", "--subscribers=50", "--rate=20", "--n=60", "--drain=5"),
}
OURS, GDBM = "pyros", "comet with gdbm"
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
    # As comet.utility.event_db does: SHA-1 of the packet → time, in a database per authority and path.
    program = (
        "import dbm.gnu, os, sys, time\n"
        "os.makedirs(sys.argv[1] + '/vtp.bench', exist_ok=True)\n"
        "with dbm.gnu.open(sys.argv[1] + '/vtp.bench/stream', 'cf') as db:\n"
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


def measure(rounds: int = ROUNDS, stored: int = 0) -> dict[str, dict[str, list[Any]]]:
    """Drive all brokers in turns; return broker → kind of run → results (and ``sync`` → ``ms``)."""
    results: dict[str, dict[str, list[Any]]] = {"sync": {"ms": []}}
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".brokers-", dir=ROOT))).resolve()
        listening = {}
        gdbm = _gdbm_python()
        # With so many remembered, Comet's default would take hours to be filled, and seconds per packet.
        names = (OURS, *(() if stored else ("comet",)), *((GDBM,) if gdbm else ()), "bare")
        for name in names:
            ports, directory = free_ports(), base / name
            directory.mkdir()
            common = (f"--receive-port={ports[0]}", f"--broadcast-port={ports[1]}", "--broadcast-test-interval=0")
            if name == OURS:
                _remember_ours(directory, stored)
                words, env = pyros(directory, *common, "--quiet"), {"PYTHONPATH": str(ROOT)}
            elif name == "bare":
                words, env = bare(ports[0]), {}
            else:
                python = sys.executable if name == "comet" else gdbm
                if stored:
                    _remember_comet(python, directory, stored)
                words = comet(directory, "--receive", "--broadcast", *common, "-q", python=python)
                env = {} if name == "comet" else site()
            listening[name] = ports, stack.enter_context(running(words, directory, ports[: 1 + (name != "bare")], env))
        for _ in range(rounds):
            for kind, options in KINDS.items():
                results["sync"]["ms"] += _sync_ms(base)
                for name, (ports, pid) in listening.items():
                    if name != "bare" or kind != "50 subscribers":
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
    stored = int(os.environ.get("PYROS_STORED", "0"))
    results = measure(stored=stored)
    syncs = results.pop("sync")["ms"]
    rows = [("packets remembered before", f"{stored}")] if stored else []
    rows.append(("one synced write: the floor of one author", f"median {statistics.median(syncs):.2f} ms"))
    for kind in KINDS:
        for name, kinds in results.items():
            if kind not in kinds:
                continue
            runs = kinds[kind]
            if kind == "50 subscribers":
                delivered = sum(r["delivered"] for r in runs) / sum(r["expected"] for r in runs)
                late = " ms, ".join(f"{p} {_median(runs, 'fanout_ms', p):.1f}" for p in ("median", "p99"))
                text = f"{late} ms, delivered {100 * delivered:.1f} %"
            else:
                speed = _median(runs, "events_per_s")
                text = f"{speed:.0f} events/s"
                if name != OURS:
                    text += f" (ours {_median(results[OURS][kind], 'events_per_s') / speed:.2f} ×)"
            cpu = _median(runs, "broker_cpu_ms_per_event")
            rows.append((f"{kind}: {name}", f"{text}, {cpu:.2f} ms CPU per event"))
    return rows


def main() -> None:
    for label, figure in run():
        print(f"{label:<48} {figure}")


if __name__ == "__main__":
    main()
