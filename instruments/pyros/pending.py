"""A command on its way."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from instruments.errors import InstrumentError
from instruments.pyros.answer import Answer
from instruments.pyros.line import Command


@dataclass(slots=True)
class Pending:
    """A command that was sent and waits for its answer."""

    asked: Command
    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    payload: bytes = b""
    error: InstrumentError | None = None
    sent_monotonic_s: float = 0.0

    @property
    def values(self) -> Mapping[str, Any]:
        """What the device's OK carried."""
        return self.answer.values if self.answer is not None else {}
