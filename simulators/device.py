"""What a simulated device is, to the port that serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from simulators.config import Settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Params = Mapping[str, Any]
T = TypeVar("T", bound="DataclassInstance")


class Refusal(Exception):
    """The device says no; nothing has moved.

    :param code: ``refused``, ``busy`` or ``range``
    :param text: why, and what would help
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Reply:
    """What an OK carries.

    :param values: the JSON object
    :param payload: the raw bytes after the line
    """

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    payload: bytes = b""


Handler = Callable[[Params], Reply]


class SimulatedDevice(Protocol):
    """Something that serves the operations of one device of the grammar, without ever waiting."""

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each (action, operation)."""
        ...


def settings_of(kind: type[T], settings: Settings, where: str) -> T:
    """Make a settings dataclass from what the configuration says.

    :raises ValueError: if a key is unknown, or a value of another type than its default
    """
    known = {f.name: f.default for f in fields(kind)}
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"{where}: no setting {key!r}; it has {', '.join(known)}")
        wanted = known[key]
        fits = isinstance(value, type(wanted))
        fits |= isinstance(wanted, float) and isinstance(value, int)
        fits |= isinstance(wanted, tuple) and isinstance(value, list)
        if not fits or isinstance(value, bool):
            raise ValueError(f"{where}: setting {key} must be like {wanted!r}, not {value!r}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})
