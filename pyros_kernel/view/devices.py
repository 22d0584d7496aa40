"""The devices as they last were, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeGuard

from sqlalchemy.orm import Session

from instruments import CameraActivity, CameraState
from pyros_kernel import describe
from pyros_kernel.services import Services
from pyros_kernel.snapshot import DeviceView
from pyros_kernel.view.exposures import ExposureLook

_STALE_S = 15.0
_STALE_REAL_S = 1.5  # as a fast clock can't be polled faster; see safety.watch


@dataclass(frozen=True, slots=True)
class _Said:
    """What a device last said, in words and numbers."""

    state: object
    words: dict[str, str]
    numbers: dict[str, float]
    read_s: float


class DeviceLook:
    """Look at the devices; they are read elsewhere."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._said: dict[str, _Said] = {}
        self._exposures = ExposureLook()

    def read(self, session: Session) -> None:
        """Look up how long the exposures are that another process began; one thread at a time."""
        members = self._services.devices.members
        theirs = {n: m.row.id for n, m in members.items() if _of_another(m.instrument.last_state)}
        self._exposures.read(session, theirs)

    def look(self, now_s: float) -> tuple[DeviceView, ...]:
        """Show every device."""
        limit_s = max(_STALE_S, _STALE_REAL_S * self._services.clock.speed)
        views: list[DeviceView] = []
        for name, member in self._services.devices.members.items():
            said = self._in_words(name, member.instrument.last_state)
            age_s = None if said is None else max(0.0, now_s - said.read_s)
            views.append(
                DeviceView(
                    name=name,
                    kind=member.row.kind.value,
                    connected=member.usable,
                    blocking=member.row.blocking,
                    state={} if said is None else said.words,
                    age_s=age_s,
                    stale=age_s is None or age_s > limit_s,
                    error=member.error,
                    values={} if said is None else said.numbers,
                )
            )
        return tuple(views)

    def _in_words(self, name: str, state: object | None) -> _Said | None:
        """Put a state into words once, however often it is looked at."""
        if state is None:
            return None
        said = self._said.get(name)
        if said is None or said.state is not state:
            said = _Said(state, describe.words(state), describe.numbers(state), describe.read_s(state))
        if _of_another(state) and "exposure" not in said.numbers:
            length_s = self._exposures.length_s(name, said.read_s + state.remaining.value)
            if length_s is not None:
                words = said.words | {"exposure": f"{length_s:.1f} s"}
                said = replace(said, words=words, numbers=said.numbers | {"exposure": length_s})
        self._said[name] = said
        return said


def _of_another(state: object | None) -> TypeGuard[CameraState]:
    """Tell whether a camera makes an exposure that this process did not begin."""
    return isinstance(state, CameraState) and state.exposure is None and state.activity.value is not CameraActivity.IDLE
