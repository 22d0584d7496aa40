"""What a recipe is started on."""

from __future__ import annotations

from typing import Protocol

from pyros_kernel.services import Services


class Host(Protocol):
    """The part of an observatory that a recipe needs."""

    @property
    def services(self) -> Services:
        """Store, clock, devices and the rest."""
        ...

    def pause(self, reason: str) -> object:
        """Ask the night to hold."""
        ...

    def resume(self) -> object:
        """Ask it to go on."""
        ...

    def commanded_by(self) -> str:
        """Say who commands instead of this one; empty if it does."""
        ...
