"""A night in figures."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from pyros_kernel.report.facts import read_night
from pyros_kernel.report.sequences import INTERRUPTED, SequenceFacts
from pyros_kernel.report.services import ReportServices


def summarise(night_id: int, *, services: ReportServices) -> dict[str, Any]:
    """Give a night's figures, in JSON's own types.

    Times are UTC in ISO form under ``*_utc`` and HH:MM:SS under ``start`` and ``end``; ``steps_ms`` counts real
    milliseconds since the alert's last byte.
    """
    night = read_night(night_id, services)
    outcomes = Counter(fact.outcome for fact in night.sequences)
    folder = services.settings.data / night.name
    started_unix_s, started_real_s = services.started
    return {
        "night": night.name,
        "site": services.site.name,
        "status": night.status,
        "sequences": {
            "placed": sum(fact.planned is not None for fact in night.sequences),
            "executed": outcomes["executed"],
            "interrupted": outcomes[INTERRUPTED],
            "failed": outcomes["failed"],
            "rejected": [{"name": fact.name, "reason": fact.reason} for fact in night.rejected],
            "all": [_sequence(fact) for fact in night.sequences],
        },
        "alerts": [
            {
                "ivorn": alert.ivorn,
                "status": alert.status,
                "reason": alert.reason,
                "request": alert.request,
                "received_utc": alert.received.isoformat(),
                "steps_ms": alert.steps_ms,
            }
            for alert in night.alerts
        ],
        "recipes": night.recipes,
        "images": {
            "total": len(night.images),
            "by_camera": dict(sorted(Counter(image.camera for image in night.images).items())),
            "by_kind": dict(sorted(Counter(image.kind for image in night.images).items())),
        },
        "simulated_s": round(services.clock.unix_s() - started_unix_s, 1),
        "real_s": round(time.monotonic() - started_real_s, 1),
        "speed": services.clock.speed,
        "report": str(folder / "report.html"),
        "images_path": str(folder / "images"),
    }


def write_summary(night_id: int, *, services: ReportServices) -> Path:
    """Write a night's figures to ``<data>/<night>/summary.json``, and say where."""
    figures = summarise(night_id, services=services)
    text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
    return write_whole(services.settings.data / figures["night"] / "summary.json", text + "\n")


def write_whole(path: Path, text: str) -> Path:
    """Write a text so that its name shows the old or the new content, and never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _sequence(fact: SequenceFacts) -> dict[str, Any]:
    start = fact.started or (fact.planned[0] if fact.planned else None)
    end = fact.ended if fact.started else (fact.planned[1] if fact.planned else None)
    return {
        "name": fact.name,
        "programme": fact.programme,
        "status": fact.outcome,
        "reason": fact.reason,
        "start": _clock(start),
        "end": _clock(end),
        "start_utc": None if start is None else start.isoformat(),
        "images": len(fact.images),
    }


def _clock(when: datetime | None) -> str | None:
    return None if when is None else f"{when:%H:%M:%S}"
