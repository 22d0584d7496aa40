"""The kernel of a night killed at random moments, and the same cell started again: one night after the other."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from astropy.time import Time

from drill.kernel import GOES_ON_S, Kernel
from drill.measured import Measured
from drill.place import Late, until
from drill.witness import (
    Frames,
    executing,
    images,
    in_one_only,
    lasting,
    lost_alerts,
    plans_without_sequence,
    too_many,
)
from pyros_kernel.alerts import NotDelivered, send
from pyros_kernel.clock import Clock
from pyros_kernel.opening import fixture_path
from pyros_kernel.store import Store

_DUSK, _BEFORE_DAWN = "2022-09-30T02:50:00", "2022-09-30T11:30:00"
_SPEED = 30.0
_LONGEST_LIFE_S = 7.0
_EARLY, _ALERT = 0.15, 0.15  # share of the kills that come during the start, and of the lives with an alert
_IVORN = b"BAT_GRB_Pos_1125809-092"


@dataclass(slots=True)
class _Found:
    """What killing found, a row of the table each."""

    again: Measured = field(
        default_factory=lambda: Measured(
            f"kernel of a night (×{_SPEED:g}) killed → same cell in a new process → the night goes on", GOES_ON_S
        )
    )
    rows: Measured = field(
        default_factory=lambda: Measured("… and no row is executing without somebody who executes it")
    )
    kept: Measured = field(default_factory=lambda: Measured("… and every image is on disk and in the store"))
    frames: Measured = field(default_factory=lambda: Measured("… and every frame that a camera gave is kept"))
    alerts: Measured = field(
        default_factory=lambda: Measured("… and each acknowledged alert is there once, with one request")
    )
    twice: Measured = field(
        default_factory=lambda: Measured("… and nothing is done twice: no plan has more images than it asks for")
    )
    said: Measured = field(
        default_factory=lambda: Measured("… and the log says which sequences were interrupted, and why")
    )

    def all(self) -> list[Measured]:
        return [self.again, self.rows, self.kept, self.frames, self.alerts, self.twice, self.said]


def killed_nights(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill the kernel of a night again and again; where a night comes to its end, another one begins.

    :param kills: how many
    """
    found, done, night = _Found(), 0, 0
    while done < kills:
        night += 1
        done += _Night(directory / f"night-{night}", dice, found).run(kills - done)
    if not found.alerts.runs:
        found.alerts.violations.append("no alert was acknowledged: this proves nothing")
    return found.all()


class _Night:
    def __init__(self, data: Path, dice: random.Random, found: _Found) -> None:
        self._data, self._dice, self._found = data, dice, found
        self._clock, self._end = Clock(Time(_DUSK), _SPEED), Time(_BEFORE_DAWN)
        self._acknowledged: set[str] = set()
        self._lost: set[str] = set()
        self._left: dict[int, str] = {}  # what said that it executes when the kernel died
        self._log_read = 0

    def run(self, kills: int) -> int:
        """Kill so often, or until dawn; give how often it was."""
        with ExitStack() as stack:
            self._first_start()
            store = stack.enter_context(closing(Store.open(f"sqlite:///{self._data / 'pyros.sqlite'}")))
            self._left = executing(store)
            done = 1
            while done < kills and self._clock.now() < self._end:
                with Kernel(self._data, self._clock) as kernel:
                    if self._dice.random() < _EARLY:
                        time.sleep(self._dice.uniform(0.0, 4.0))
                    else:
                        self._live(kernel, store, done)
                    kernel.kill()
                self._left |= executing(store)
                done += 1
            with Kernel(self._data, self._clock) as kernel:
                self._live(kernel, store, done)
                kernel.stop()
            self._found.rows.violations += [f"at the end {name} executes" for name in executing(store).values()]
            if not images(store):
                self._found.kept.violations.append("no image was taken at all: this proves nothing")
        return done

    def _first_start(self) -> None:
        """Make the database and a first image, and die: no restart yet."""
        with Kernel(self._data, self._clock) as kernel:
            kernel.started()
            kernel.goes_on()
            until(lambda: any(self._data.glob("*/images/*.fits")), "a first image", 120.0)
            kernel.kill()

    def _live(self, kernel: Kernel, store: Store, number: int) -> None:
        """Live for a random time after the start, of which all is measured."""
        found = self._found
        found.again.runs += 1
        try:
            port = int(kernel.started()["port"])
            kernel.goes_on()
            found.again.seconds.append(time.monotonic() - kernel.began_s)
            self._check(kernel, store, number)
            longest_s = _LONGEST_LIFE_S
            if self._dice.random() < _ALERT or not self._acknowledged:
                self._send(port, number)
                longest_s = self._dice.choice((0.3, _LONGEST_LIFE_S))
            time.sleep(self._dice.uniform(0.0, longest_s))
        except Late as error:
            found.again.violations.append(f"kill {number}: {error}")

    def _send(self, port: int, number: int) -> None:
        """Send a burst of its own, somewhere in the sky, and note whether it was acknowledged."""
        name, ra_deg = b"1%06d" % number, b"%.4f" % self._dice.uniform(0.0, 360.0)
        raw = fixture_path("swift_bat_grb_1125809.xml").read_bytes()
        raw = raw.replace(b"1125809", name).replace(b"64.7373", ra_deg)
        try:
            if send(raw, port=port).ack:
                self._acknowledged.add(f"ivo://nasa.gsfc.gcn/SWIFT#{_IVORN.replace(b'1125809', name).decode()}")
        except NotDelivered as error:
            self._found.alerts.violations.append(f"kill {number}: {error}")

    def _check(self, kernel: Kernel, store: Store, number: int) -> None:
        def nobodys() -> set[int]:
            rows = set(executing(store))
            return rows - {kernel.ask("state")["running"]} if rows else rows

        def note(measured: Measured, wrong: list[str]) -> None:
            measured.runs += 1
            measured.violations += [f"kill {number}: {what}" for what in wrong]

        found = self._found
        rows = [f"sequence {i} says that it executes" for i in sorted(lasting(nobodys))]
        rows += [f"plan {i} says that it executes" for i in sorted(lasting(lambda: plans_without_sequence(store)))]
        note(found.rows, rows)
        apart = sorted(lasting(lambda: in_one_only(self._data, store)))
        note(found.kept, [f"{path} is only in one of the two" for path in apart])
        note(found.twice, too_many(store))
        lost = lasting(lambda: set(Frames.missing(self._data, store)) - self._lost)
        note(found.frames, sorted(lost))
        self._lost |= lost
        if self._acknowledged:
            note(found.alerts, sorted(lasting(lambda: set(lost_alerts(store, self._acknowledged)))))
        if self._left:
            note(found.said, self._unsaid())
        self._left = {}

    def _unsaid(self) -> list[str]:
        with (self._data / "log" / "pyros.log").open(encoding="utf-8") as log:
            log.seek(self._log_read)
            text = log.read()
            self._log_read = log.tell()
        return [
            f"the log does not say that {name} was interrupted"
            for name in self._left.values()
            if f"sequence {name} was interrupted by the last stop" not in text
        ]
