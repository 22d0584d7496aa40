"""Alerts by hand: send a packet, or replay an archived one at its time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from astropy.time import Time

from pyros_kernel.agents.alert_manager import AlertManager
from pyros_kernel.alerts import AlertReplay, Answer, send
from pyros_kernel.opening import fixture_path
from pyros_kernel.services import Services


class AlertDesk:
    """Send VOEvents to this observatory's own port, as a broker would.

    :param stack: closed with the observatory; what was to be replayed later ends with it
    """

    def __init__(self, services: Services, manager: AlertManager, stack: ExitStack) -> None:
        self._services, self._manager, self._stack = services, manager, stack

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where VOEvents are received."""
        return "127.0.0.1", self._manager.port

    def send(self, path: str | Path) -> Answer:
        """Send a packet now, and wait for the answer (a few milliseconds).

        :param path: a file, or the name of one of PyROS's fixtures
        :raises NotDelivered: if nobody takes it
        """
        return send(fixture_path(path).read_bytes(), *self.address)

    def replay(self, path: str | Path, when: Time | str) -> AlertReplay:
        """Send a packet at a moment of the observatory's clock; returns at once.

        :param path: a file, or the name of one of PyROS's fixtures
        :param when: the moment, a Time or an ISO string in UTC
        """
        moment = when if isinstance(when, Time) else Time(when, scale="utc")
        replay = AlertReplay(fixture_path(path).read_bytes(), moment, self._services.clock, port=self._manager.port)
        replay.start()
        self._stack.callback(replay.stop)
        return replay
