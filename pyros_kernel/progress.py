"""How far the night is: a small file beside the data, for whoever looks from outside."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import func, select

from pyros_kernel.services import Services
from pyros_kernel.store import Image, Night, Sequence, SequenceStatus

FILE_NAME = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a night is.

    :param fraction: from sunset to dawn, 0 to 1
    :param unix_s: the observatory's time
    """

    night: str
    status: str
    reason: str
    fraction: float
    unix_s: float
    executed: int
    images: int

    @classmethod
    def of(cls, services: Services) -> Progress:
        """Ask the store."""
        times, now_s = services.sky.night, services.clock.unix_s()
        with services.store.session(read_only=True) as session:
            night = session.get_one(Night, services.night_id)
            since = func.count(Sequence.id)
            executed = session.scalar(
                select(since).where(Sequence.status == SequenceStatus.EXECUTED, Sequence.ended >= night.sunset)
            )
            images = session.scalar(select(func.count(Image.id)).where(Image.night_id == services.night_id))
        fraction = (now_s - times.sunset_unix_s) / (times.dawn_unix_s - times.sunset_unix_s)
        return cls(
            services.night_name,
            night.status.value,
            night.reason,
            min(1.0, max(0.0, fraction)),
            now_s,
            executed or 0,
            images or 0,
        )

    def write(self, data: Path) -> None:
        """Replace the file in a data directory by this."""
        part = data / f"{FILE_NAME}.part"
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(data / FILE_NAME)

    @classmethod
    def read(cls, data: Path) -> Progress | None:
        """Read the file of a data directory; None while there is none."""
        try:
            return cls(**json.loads((data / FILE_NAME).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
