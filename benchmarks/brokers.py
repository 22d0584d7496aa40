"""Our broker next to Comet, as real processes on the loopback, taking turns in the same minute.

``vtp_bench.py`` drives either; storage is durable with ours, and as each comes with Comet: a ``dbm`` per stream,
which is gdbm where Python has it (``PYROS_GDBM_PYTHON=/usr/bin/python3`` names such a Python, with python3-gdbm) and
``dbm.dumb`` elsewhere.  ``bare`` acknowledges and does nothing else.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pyros_kernel.settings import ROOT

_TWISTD = "from twisted.scripts.twistd import run; run()"
PER_RUN = 200
ROUNDS = 2
_CORPUS = ROOT / "tests" / "pyros_kernel" / "alerts" / "packets"
_HERE = Path(__file__).parent

BARE = """
import asyncio, struct, sys
ACK = (b'<trn:Transport xmlns:trn="http://www.telescope-networks.org/xml/Transport/v1.1" version="1.0" role="ack">'
       b"<Origin>ivo://a/b#c</Origin><TimeStamp>2026-01-01T00:00:00Z</TimeStamp></trn:Transport>")
async def serve(reader, writer):
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    await reader.readexactly(length)
    writer.write(struct.pack("!I", len(ACK)) + ACK)
    await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024) as server:
        await server.serve_forever()
asyncio.run(main())
"""


def _ports() -> tuple[int, int]:
    with socket.socket() as a, socket.socket() as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        return a.getsockname()[1], b.getsockname()[1]


@contextmanager
def _process(words: list[str], directory: Path, ports: tuple[int, ...], env: dict[str, str] | None) -> Iterator[int]:
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=directory, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **(env or {})}
        )
    try:
        deadline_s = time.monotonic() + 60
        for port in ports:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline_s:
                        raise RuntimeError((directory / "log").read_text()[-2000:]) from None
                    time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _comet(python: str, author: int, subscriber: int, directory: Path) -> list[str]:
    return [
        python, *(() if python == sys.executable else ("-S",)), "-c", _TWISTD, "-n", "--pidfile=", "comet", "-q",
        "--receive", f"--receive-port={author}", "--broadcast", f"--broadcast-port={subscriber}",
        "--broadcast-test-interval=0", "--local-ivo=ivo://bench.pyros/comet", f"--eventdb={directory}",
    ]  # fmt: skip


def _pyros(author: int, subscriber: int, directory: Path) -> list[str]:
    return [
        sys.executable, "-m", "pyros_kernel.alerts.cli", f"--receive-port={author}", f"--broadcast-port={subscriber}",
        "--broadcast-test-interval=0", "--local-ivo=ivo://bench.pyros/pyros", f"--eventdb={directory}", "-q",
    ]  # fmt: skip


def _drive(author: int, subscriber: int, pid: int, *options: str) -> dict[str, object]:
    words = [sys.executable, str(_HERE / "vtp_bench.py"), f"--author-port={author}", f"--subscriber-port={subscriber}"]
    words += [f"--corpus={_CORPUS}", f"--pid={pid}", "--warmup=10", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def measure(per_run: int = PER_RUN, rounds: int = ROUNDS) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Drive all brokers in turns; return broker → kind of run → results."""
    results: dict[str, dict[str, list[dict[str, object]]]] = {}
    with ExitStack() as stack:
        running: dict[str, tuple[int, int, int]] = {}
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brokers-"))).resolve()
        programs: dict[str, tuple[list[str], tuple[int, int], dict[str, str] | None]] = {}
        gdbm = os.environ.get("PYROS_GDBM_PYTHON", "")
        for name in ("pyros", "comet", *(("comet with gdbm",) if gdbm else ()), "bare"):
            ports, directory = _ports(), base / name
            directory.mkdir()
            if name == "pyros":
                words, env = _pyros(*ports, directory), {"PYTHONPATH": str(ROOT)}
            elif name == "bare":
                words, env = [sys.executable, "-c", BARE, str(ports[0])], None
            else:
                own = name == "comet"
                site = next(p for p in sys.path if p.endswith("site-packages"))
                words = _comet(sys.executable if own else gdbm, *ports, directory)
                env = None if own else {"PYTHONPATH": site}
            programs[name] = words, ports, env
            wait_for = ports[:1] if name == "bare" else ports
            pid = stack.enter_context(_process(words, directory, wait_for, env))
            running[name] = (*ports, pid)
        for _ in range(rounds):
            for kind, options in (
                ("1 author", ("--authors=1", f"--n={per_run}")),
                ("10 authors", ("--authors=10", f"--n={per_run}")),
                ("50 subscribers", ("--authors=10", "--subscribers=50", "--rate=20", "--n=40", "--drain=5")),
            ):
                for name, (author, subscriber, pid) in running.items():
                    if name != "bare" or kind != "50 subscribers":
                        got = _drive(author, subscriber, pid, *options)
                        results.setdefault(name, {}).setdefault(kind, []).append(got)
    return results


def run() -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    results = measure()
    for kind in ("1 author", "10 authors", "50 subscribers"):
        for name, kinds in results.items():
            if kind not in kinds:
                continue
            runs = kinds[kind]
            if kind == "50 subscribers":
                late = [r["fanout_ms"] for r in runs]
                text = " ".join(
                    f"{p} {statistics.median(f[p] for f in late if f):.1f} ms"
                    for p in ("median", "p99")  # type: ignore[index]
                )
                delivered = sum(int(r["delivered"]) for r in runs) / sum(int(r["expected"]) for r in runs)  # type: ignore[call-overload]
                text += f", delivered {100 * delivered:.1f} %"
            else:
                speed = statistics.median(float(r["events_per_s"]) for r in runs)  # type: ignore[arg-type]
                text = f"{speed:.0f} events/s"
                if name != "pyros":
                    ours = statistics.median(float(r["events_per_s"]) for r in results["pyros"][kind])  # type: ignore[arg-type]
                    text += f" (ours {ours / speed:.2f} ×)"
            cpu = statistics.median(float(r["broker_cpu_ms_per_event"]) for r in runs)  # type: ignore[arg-type]
            rows.append((f"{kind}: {name}", f"{text}, {cpu:.2f} ms CPU per event"))
    return rows


def main() -> None:
    for label, figure in run():
        print(f"{label:<40} {figure}")


if __name__ == "__main__":
    main()
