"""Make trouble in the simulators, for tests and drills."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from instruments.clock import Clock, to_unix_s
from instruments.errors import Rejected
from instruments.pyros.device import Device, Status, time_of
from instruments.pyros.grammar import grammar
from instruments.pyros.scenario import Scenario

FAULTS = next(f.choices for f in grammar().entries["SIMULATOR", "DO", "FAULT"].fields if f.name == "fault")


_ASK_CLOCK = 5  # the quickest of so many answers tells best what time it is there


class SimulatorControl:
    """Speak to the control port of a running ``python -m simulators``.

    :param address: ``pyros://host:port/SIMULATOR``
    :param clock: the observatory's; the system's if left out
    """

    def __init__(self, address: str, clock: Clock | None = None) -> None:
        self._device: Device[Status] = Device("simulator", address, clock or Clock(), _as_is)

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect.

        :raises NotConnected: if no simulator answers there
        """
        self._device.connect(timeout_s)

    def disconnect(self) -> None:
        """Give the link back."""
        self._device.disconnect()

    def status(self) -> Mapping[str, object]:
        """Read which devices listen, are muted or frozen, and what weather is forced."""
        return self._device.read(2.0)

    def clock(self) -> tuple[str, Clock]:
        """Ask which clock the simulators go by.

        :return: its words, which name it, and that clock as it can be read on this machine: right to half of the time
            that the quickest answer took, times its speed
        """
        quickest = None
        for _ in range(_ASK_CLOCK):
            asked_s = time.monotonic()
            said = self._device.ask("GET", "CLOCK").values
            took_s = time.monotonic() - asked_s
            if quickest is None or took_s < quickest[0]:
                quickest = took_s, asked_s + took_s / 2, said
        assert quickest is not None
        _, at_s, said = quickest
        words = str(said["words"])
        return words, Clock.seen_from_afar(words, to_unix_s(time_of(str(said["time"]))), at_s)

    def stars(self, ra_deg: float, dec_deg: float, radius_deg: float) -> Mapping[str, list[float]]:
        """Read the brightest stars of the simulated sky around a place; ICRS degrees and magnitudes.

        :param radius_deg: at most 1
        :return: ``ra``, ``dec`` and ``mag``: a list of numbers each
        """
        return cast(
            "Mapping[str, list[float]]", self._device.ask("GET", "STARS", ra_deg, dec_deg, radius_deg).values["stars"]
        )

    def set_weather(self, name: str, value: float | bool | None) -> None:
        """Make the PLC report ``value``; None gives the quantity back to the simulation.

        :param name: as in :meth:`instruments.plc.PlcState.readings`
        """
        word: float | str = "auto" if value is None else str(value).lower() if isinstance(value, bool) else value
        self._device.ask("SET", "WEATHER", name, word)

    def freeze(self, name: str = "plc") -> None:
        """Let a PLC's values and their times stand still."""
        self._device.ask("DO", "FREEZE", name)

    def thaw(self, name: str = "plc") -> None:
        """Let a frozen PLC go on."""
        self._device.ask("DO", "THAW", name)

    def stop(self, name: str) -> None:
        """Close a device's port and all its links."""
        self._device.ask("DO", "STOP", name)

    def start(self, name: str) -> None:
        """Open a stopped device's port again, where it was."""
        self._device.ask("DO", "START", name)

    def mute(self, name: str) -> None:
        """Let a device take lines, but neither act on them nor answer."""
        self._device.ask("DO", "MUTE", name)

    def unmute(self, name: str) -> None:
        """Let a muted device answer again."""
        self._device.ask("DO", "UNMUTE", name)

    def fault(self, name: str, fault: str, value: float | None = None, seed: int = 0) -> None:
        """Let a device misbehave until it is healed.

        :param name: of the device
        :param fault: one of :data:`FAULTS`
        :param value: how much of it, in real seconds (``clock_jump``: in seconds); the usual measure if left out
        :param seed: of what chance decides
        :raises Rejected: if there is no such fault or device
        """
        self._device.ask("DO", "FAULT", name, fault, "usual" if value is None else value, float(seed))

    def heal(self, name: str = "all") -> None:
        """End all faults of a device, or of all."""
        self._device.ask("DO", "HEAL", name)

    def play(self, scenario: Scenario | Path) -> None:
        """Plan the events of a scenario that begins now.

        :param scenario: one, or the path of its file
        :raises ValueError: if the file is no scenario
        :raises Rejected: if it is about something that is not simulated here; nothing of it will happen
        """
        script = Scenario.read(scenario) if isinstance(scenario, Path) else scenario
        longitude_deg, now_s = float(self._device.read(2.0)["longitude"]), self._device.clock.unix_s()
        try:
            for event in script.events:
                delay_s = event.delay_s(now_s, longitude_deg)
                self._device.ask("DO", "EVENT", delay_s, event.key, event.word, event.ramp_s)
        except Rejected:
            self.clear()
            raise

    def clear(self) -> None:
        """Forget all events that are still to come, and end what the past ones did."""
        self._device.ask("DO", "CLEAR")

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.disconnect()


def _as_is(status: Status) -> Status:
    return status
