"""Why observing can't go on now: the lease, the weather, what is missing, or a person's word."""

from __future__ import annotations

from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.services import Services
from pyros_kernel.store.night import PAUSED_BY_HAND

_HELD = "paused"  # how a hold begins that doesn't close the dome


def hold(services: Services, wishes: Wishes) -> str:
    """Say why observing can't go on now, or nothing."""
    if wishes.lost:
        return f"{_HELD}, this kernel does not command: {wishes.lost}"
    verdict = services.safety.verdict()
    if not verdict.safe:
        return f"unsafe: {verdict}"
    if missing := services.devices.missing_blocking():
        return "missing: " + "; ".join(missing)
    if verdict.pausing:
        return f"{_HELD} by the weather: " + "; ".join(reason.text for reason in verdict.pausing)
    return PAUSED_BY_HAND + wishes.paused if wishes.paused else ""


def closes(why: str) -> bool:
    """Tell whether a hold closes the dome; with any other it stays open while it is safe."""
    return bool(why) and not why.startswith(_HELD)
