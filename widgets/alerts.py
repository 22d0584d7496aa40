"""The inbox of alerts: what each became, and how fast."""

from __future__ import annotations

from pyros_kernel.snapshot import AlertView, Snapshot
from widgets.tones import alert_tone
from widgets.words import clock_text, esc, frame, nothing, pill


def alerts_html(snapshot: Snapshot) -> str:
    """Write the inbox, the newest alert first."""
    if not snapshot.alerts:
        return frame("Alerts", nothing("No alert tonight."))
    newest_first = sorted(snapshot.alerts, key=lambda a: a.received_s, reverse=True)
    items = "".join(_item(alert) for alert in newest_first)
    return frame("Alerts", f'<ul class="inbox scroll">{items}</ul>', str(len(snapshot.alerts)))


def _item(alert: AlertView) -> str:
    where = "" if alert.ra_deg is None or alert.dec_deg is None else f"{alert.ra_deg:.3f}° {alert.dec_deg:+.3f}°"
    steps = "".join(
        f"<span>{esc(step.replace('_', ' '))} <b>{ms_text(ms)}</b></span>" for step, ms in alert.steps.items()
    )
    reason = f'<p class="why">{esc(alert.reason)}</p>' if alert.reason else ""
    return (
        f'<li class="{alert_tone(alert.status)}"><p><b title="{esc(alert.ivorn)}">{esc(alert.title)}</b> '
        f"{pill(alert_tone(alert.status), alert.status)}"
        f'<time>{clock_text(alert.received_s)}</time></p>{reason}<p class="steps">{steps}'
        f'<span class="where">{esc(where.replace("-", "−"))}</span></p></li>'
    )


def ms_text(milliseconds: float) -> str:
    """Write a reaction time."""
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"
