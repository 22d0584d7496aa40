"""What else is done with each packet: functions that anyone may bring, which can harm nobody.

An installed package names its functions as entry points of the group ``pyros.alert_plugins``::

    [project.entry-points."pyros.alert_plugins"]
    lamp = "my_package:light_the_lamp"

Each is called with the :class:`~pyros_kernel.alerts.packet.Packet`, one at a time, in a thread of its own, after the
acknowledgement.  What it raises is logged; while it is busy a bounded number of packets wait for it.
"""

from __future__ import annotations

import logging
import queue
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from pathlib import Path

from pyros_kernel.alerts.files import file_name, write_file
from pyros_kernel.alerts.packet import Packet

logger = logging.getLogger(__name__)

GROUP = "pyros.alert_plugins"
WAITING = 1000
_STOP_S = 2.0
_COMMAND_S = 60.0

Plugin = Callable[[Packet], object]


class Plugins:
    """Call functions with each packet, each in its own thread.

    :param functions: name → function
    """

    def __init__(self, functions: dict[str, Plugin], waiting: int = WAITING) -> None:
        self._workers = [_Worker(name, function, waiting) for name, function in functions.items()]

    def __call__(self, packet: Packet) -> None:
        """Give a packet to all of them; never waits."""
        for worker in self._workers:
            worker.put(packet)

    def close(self) -> None:
        """End the threads; one that hangs is left behind, as a daemon."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join()


class _Worker:
    def __init__(self, name: str, function: Plugin, waiting: int) -> None:
        self._name, self._function = name, function
        self._packets: queue.Queue[Packet] = queue.Queue(waiting)
        self._ending = threading.Event()
        self._missed = 0
        self._thread = threading.Thread(target=self._run, name=f"pyros-plugin-{name}", daemon=True)
        self._thread.start()

    def put(self, packet: Packet) -> None:
        try:
            self._packets.put_nowait(packet)
        except queue.Full:
            self._missed += 1
            if self._missed & (self._missed - 1) == 0:  # the 1st, 2nd, 4th, 8th …
                logger.warning("plugin %s is too slow: it has missed %d packets", self._name, self._missed)

    def end(self) -> None:
        self._ending.set()

    def join(self) -> None:
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            logger.error("plugin %s did not end within %.0f s", self._name, _STOP_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                packet = self._packets.get(timeout=0.1)
            except queue.Empty:
                continue
            try:
                self._function(packet)
            except Exception:  # somebody else's code: it is told, and the next packet is tried
                logger.exception("plugin %s failed on %s", self._name, packet.ivorn)


def installed() -> dict[str, Plugin]:
    """Give the functions that installed packages bring; one that can't be loaded is logged and left out."""
    found: dict[str, Plugin] = {}
    for entry in entry_points(group=GROUP):
        try:
            found[entry.name] = entry.load()
        except Exception:  # somebody else's code: it is told, and the others are loaded
            logger.exception("plugin %s can't be loaded", entry.name)
    return found


def saver(directory: Path) -> Plugin:
    """Make a function that saves each packet's bytes, as they came, in a directory."""

    def save(packet: Packet) -> None:
        write_file(directory / file_name(packet), packet.raw)

    return save


def printer(packet: Packet) -> None:
    """Write a packet to standard output."""
    sys.stdout.buffer.write(packet.raw + b"\n")
    sys.stdout.flush()


def command(words: str) -> Plugin:
    """Make a function that runs a command with each packet on its standard input, one at a time.

    :param words: as one would type it
    """
    arguments = shlex.split(words)

    def run(packet: Packet) -> None:
        done = subprocess.run(arguments, input=packet.raw, timeout=_COMMAND_S, check=False)
        if done.returncode:
            logger.warning("%s ended with %d on %s", arguments[0], done.returncode, packet.ivorn)

    return run


def named(functions: Iterable[tuple[str, Plugin]]) -> dict[str, Plugin]:
    """Give the installed functions and these."""
    return installed() | dict(functions)
