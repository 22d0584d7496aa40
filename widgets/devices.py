"""Devices: a card for the telescope and the dome, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from pyros_kernel.scheduling.constraints import airmass
from pyros_kernel.snapshot import DeviceView, Snapshot
from widgets.tones import device_state
from widgets.words import age_text, esc, fields, frame, nothing, pill, table

_AIRMASS_ABOVE_DEG = 10.0


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


def device_body(device: DeviceView, without: Collection[str] = ()) -> str:
    """Write what a device last said, greyed if it is too old to be believed.

    :param without: labels that are shown elsewhere
    """
    stale = device.stale or not device.connected
    state = {label: text for label, text in device.state.items() if label not in without and not _idle(label, device)}
    if device.kind == "telescope" and "airmass" not in state and (text := _airmass(device.values)):
        state["airmass"] = text
    error = f'<p class="trouble">{esc(device.error)}</p>' if device.error else ""
    old = f'<p class="old">last read: {age_text(device.age_s)}</p>' if stale else ""
    body = fields(state) if state else nothing("Not read yet.")
    return f'<div class="{"stale" if stale else "fresh"}" title="{esc(device.name)}">{body}</div>{old}{error}'


def _airmass(values: Mapping[str, float]) -> str:
    """Write the airmass of a telescope's altitude; empty low above the horizon, where it means nothing."""
    altitude_deg = values.get("altitude", 0.0)
    return f"{airmass(np.array([altitude_deg]))[0]:.2f}" if altitude_deg > _AIRMASS_ABOVE_DEG else ""


def _idle(label: str, device: DeviceView) -> bool:
    """Tell whether a field says nothing: no time remains of no exposure."""
    return label == "remaining" and not device.values.get(label)


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
