"""A device as the guardian knows it, whatever wire leads to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

TIMEOUT_REAL_S = 0.4  # for an answer, and for a connection

Measured = Mapping[str, tuple[float | bool, float]]  # quantity → value, and when its sensor measured it (unix seconds)


class Ward(Protocol):
    """One device; each call is answered within its time-out, or raises :class:`Silent` or :class:`Said`."""

    @property
    def name(self) -> str:
        """Its name in the store."""
        ...

    @property
    def silent_since_s(self) -> float | None:
        """Since when it does not answer (``time.monotonic()``); None if it does."""
        ...

    def shutter(self, *, urgent: bool) -> tuple[str, bool]:
        """Give a dome's word for its shutter, and whether it is confirmed closed."""
        ...

    def motion(self, *, urgent: bool) -> str:
        """Give a telescope's motion: ``parked``, ``parking``, ``slewing``, ``tracking`` or ``idle``."""
        ...

    def exposes(self) -> bool:
        """Tell whether a camera exposes."""
        ...

    def weather(self) -> Measured:
        """Read a weather station or PLC."""
        ...

    def safety(self) -> tuple[bool, str, float]:
        """Give what a safety monitor says: whether it is safe, why not, and as of when (unix seconds)."""
        ...

    def obey(self, order: str) -> float | None:
        """Do ``close``, ``park`` or ``abort``.

        :return: how long it says that takes, observatory seconds; None if it doesn't say
        """
        ...

    def tell_watchdog(self, command: str) -> None:
        """Tell a dome's own watchdog; a dome without one has nothing to be told."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


def ward_for(kind: str, name: str, address: str, now_s: Callable[[], float]) -> Ward:
    """Make what leads to a device; it connects when it is first asked.

    :param kind: as the store names it, e.g. ``camera_vis``
    :param now_s: tells the observatory's time, unix seconds
    :raises ValueError: if the address is of no wire that is known here
    """
    # Loaded as they are needed: the guardian stays small.
    match urlsplit(address).scheme:
        case "pyros":
            from pyros_kernel.safety.guardian.pyros import PyrosWard

            return PyrosWard(name, address)
        case "indi":
            from pyros_kernel.safety.guardian.indi import IndiWard

            return IndiWard(name, address, now_s)
        case "alpaca":
            from pyros_kernel.safety.guardian.alpaca import AlpacaWard

            return AlpacaWard(name, address, now_s)
        case _:
            raise ValueError(f"{name}: the guardian knows no way to {address!r} ({kind})")
