"""Start brokers as real processes: ours, Comet, and one that only acknowledges."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_TWISTD = "from twisted.scripts.twistd import run; run()"
_START_S = 60.0
_BARE = """
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


def comet(directory: Path, *options: str, python: str = sys.executable) -> list[str]:
    """Give the words that start Comet.

    :param directory: where it remembers what it has seen
    :param python: whose ``dbm`` it uses; another than ours finds Comet by :func:`site`
    """
    alone = () if python == sys.executable else ("-S",)
    return [python, *alone, "-c", _TWISTD, "-n", "--pidfile=", "comet", "--local-ivo=ivo://pyros.test/comet",
            f"--eventdb={directory}", *options]  # fmt: skip


def site() -> dict[str, str]:
    """Give the environment in which another Python finds our packages."""
    return {"PYTHONPATH": next(path for path in sys.path if path.endswith("site-packages"))}


def pyros(directory: Path, *options: str) -> list[str]:
    """Give the words that start our broker."""
    return [sys.executable, "-m", "pyros_kernel.alerts.cli", "--local-ivo=ivo://pyros.test/pyros",
            f"--eventdb={directory}", *options]  # fmt: skip


def bare(port: int) -> list[str]:
    """Give the words that start what acknowledges and does nothing else."""
    return [sys.executable, "-c", _BARE, str(port)]


def free_ports() -> tuple[int, int]:
    """Give two ports that nobody uses."""
    with socket.socket() as a, socket.socket() as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        return a.getsockname()[1], b.getsockname()[1]


@contextmanager
def running(
    words: Sequence[str], directory: Path, ports: Sequence[int] = (), env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a broker until the block ends; give its process id once its ports are open.

    :param directory: where it runs, and writes ``log``
    :raises RuntimeError: if it does not start, with the end of its log
    """
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=directory, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **(env or {})}
        )
    try:
        deadline_s = time.monotonic() + _START_S
        for port in ports:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline_s:
                        raise RuntimeError((directory / "log").read_text()[-2000:]) from None
                    time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
