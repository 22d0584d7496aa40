"""Drills: break simulated instruments by chance while a night runs, and heal them again."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from astropy.time import Time

from instruments import InstrumentError
from instruments.pyros import FAULTS, Scenario, SimulatorControl
from pyros_kernel.clock import Clock

logger = logging.getLogger(__name__)

_LEAST_REAL_S = 3.0  # a fault that passes faster than a device is asked teaches nothing


@dataclass(frozen=True, slots=True)
class Drilled:
    """A fault that a device had.

    :param time: when it began, by the observatory's clock
    :param device: name of the device
    :param fault: name of the fault
    """

    time: Time
    device: str
    fault: str

    def __str__(self) -> str:
        return f"{self.time.isot[:19]} {self.device}: {self.fault}"


class Drill:
    """Break one device after the other, seeded, for as long as the context lasts; at its end all are healed.

    :param control: of the simulators; the drill connects it and gives it back
    :param clock: the observatory's
    :param seed: of which device has which fault, and when
    :param devices: names of those that may break; all if left out
    :param faults: names of the faults, of :data:`instruments.pyros.FAULTS`; all if left out
    :param every_s: mean time from one fault to the next, observatory seconds
    :param lasts_s: how long each lasts, observatory seconds; three real seconds at least
    :raises ValueError: if there is no such fault
    """

    def __init__(
        self,
        control: SimulatorControl,
        clock: Clock,
        seed: int = 0,
        *,
        devices: Sequence[str] | None = None,
        faults: Sequence[str] | None = None,
        every_s: float = 1800.0,
        lasts_s: float = 120.0,
    ) -> None:
        unknown = set(faults or ()) - set(FAULTS)
        if unknown:
            raise ValueError(f"no fault {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
        self._control, self._clock, self._seed = control, clock, seed
        self._devices, self._faults = devices, tuple(faults or FAULTS)
        self._every_s, self._lasts_s = every_s, max(lasts_s, _LEAST_REAL_S * clock.speed)
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._done: list[Drilled] = []

    @property
    def done(self) -> tuple[Drilled, ...]:
        """What happened so far."""
        return tuple(self._done)

    def fault(self, device: str, fault: str, value: float | None = None) -> None:
        """Break a device by hand, until :meth:`heal`.

        :param value: how much; the usual measure if left out
        :raises Rejected: if there is no such device or fault
        """
        self._control.fault(device, fault, value, self._seed)
        self._done.append(Drilled(self._clock.now(), device, fault))

    def heal(self, device: str = "all") -> None:
        """Heal a device, or all."""
        self._control.heal(device)

    def play(self, scenario: Scenario | Path | str) -> None:
        """Let a scenario begin now.

        :param scenario: one, or its file
        :raises ValueError: if it is none
        """
        self._control.play(Path(scenario) if isinstance(scenario, str) else scenario)

    def __enter__(self) -> Self:
        self._control.connect()
        try:
            there = cast("dict[str, Any]", self._control.status()["devices"])
            known = sorted(name for name, one in there.items() if one["kind"] != "simulator")
            unknown = set(self._devices or ()) - set(known)
            if unknown:
                raise ValueError(f"no device {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        except BaseException:
            self._control.disconnect()
            raise
        names = sorted(self._devices) if self._devices is not None else known
        if names:
            self._thread = threading.Thread(target=self._run, args=(names,), name="pyros-drill", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join(10)
        try:
            self._control.heal()
            self._control.clear()
        finally:
            self._control.disconnect()

    def _run(self, names: Sequence[str]) -> None:
        dice = random.Random(self._seed)
        while self._clock.wait(dice.expovariate(1 / self._every_s), self._end):
            name, fault = dice.choice(names), dice.choice(self._faults)
            try:
                self.fault(name, fault)
                logger.info("drill: %s", self._done[-1])
                self._clock.wait(self._lasts_s, self._end)
                self._control.heal(name)
            except InstrumentError as error:
                logger.warning("the drill ends: the simulators can't be reached: %s", error)
                return
