"""Devices: a card for the telescope and the dome, and the table of all."""

from __future__ import annotations

from collections.abc import Callable

from pyros_kernel.snapshot import DeviceView, Snapshot
from widgets.tones import device_state
from widgets.words import age_text, esc, fields, frame, nothing, pill, table


def device_card(kind: str, title: str) -> Callable[[Snapshot], str]:
    """Make the writer of a card for the devices of one kind.

    :param kind: as in the store, e.g. ``telescope``
    """

    def write(snapshot: Snapshot) -> str:
        found = [d for d in snapshot.devices if d.kind == kind]
        if not found:
            return frame(title, nothing(f"No {title.lower()} in the store."))
        aside = "".join(pill(*device_state(d)) for d in found[:1])
        return frame(title, "".join(device_body(d) for d in found), aside)

    return write


def device_body(device: DeviceView) -> str:
    """Write what a device last said, greyed if it is too old to be believed."""
    stale = device.stale or not device.connected
    error = f'<p class="trouble">{esc(device.error)}</p>' if device.error else ""
    old = f'<p class="old">last read: {age_text(device.age_s)}</p>' if stale else ""
    body = fields(device.state) if device.state else nothing("Not read yet.")
    return f'<div class="{"stale" if stale else "fresh"}" title="{esc(device.name)}">{body}</div>{old}{error}'


def devices_html(snapshot: Snapshot) -> str:
    """Write the table of all devices."""
    if not snapshot.devices:
        return frame("Devices", nothing("No device is enabled in the store."))
    there = sum(d.connected for d in snapshot.devices)
    rows = (_row(d) for d in snapshot.devices)
    return frame(
        "Devices",
        f'<div class="scroll">{table(("Device", "Kind", "State", "#Age"), rows, "Devices")}</div>',
        f"{there} of {len(snapshot.devices)}",
    )


def _row(device: DeviceView) -> str:
    tone, word = device_state(device)
    note = device.error or ("observing pauses without it" if tone == "bad" else "")
    hint = f'<small class="note">{esc(note)}</small>' if note else ""
    return (
        f'<tr class="{"stale" if device.stale else "fresh"}"><th scope="row">{esc(device.name)}</th>'
        f"<td>{esc(device.kind.replace('_', ' '))}</td><td>{pill(tone, word)}{hint}</td>"
        f'<td class="num">{age_text(device.age_s)}</td></tr>'
    )
