"""In which nights something is asked for: tonight only, up to N nights, from a night on, or until it is done."""

from __future__ import annotations

from datetime import date, timedelta


def last_night(first_night: str | None, nights: int | None, night: str) -> str | None:
    """Give the last night in which something may be observed, None if there is no last one.

    :param first_night: evening date, ``2026-11-22``
    :param nights: how many nights from then on
    :param night: the first one if none is named
    :raises ValueError: for a first night that is no date
    """
    if nights is None:
        return None
    return (_date(first_night or night) + timedelta(days=max(nights, 1) - 1)).isoformat()


def not_in(first_night: str | None, nights: int | None, night: str) -> str:
    """Tell why something is not asked for in a night; empty if it is.

    :raises ValueError: for a first night that is no date
    """
    if first_night is not None and _date(first_night) > _date(night):
        return f"asked for from the night {first_night} on"
    last = last_night(first_night, nights, night)
    if last is not None and _date(last) < _date(night):
        return f"asked for until the night {last} only"
    return ""


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"night {text!r} is no date: write the evening's date as YYYY-MM-DD") from None
