"""The tone of each state: ok, busy, idle, warn, bad or alert; colour always comes with the word."""

from __future__ import annotations

from pyros_kernel.safety import Safety
from pyros_kernel.snapshot import AgentView, DeviceView, SequenceView

_NIGHT = {
    "closed": "idle",
    "waiting": "busy",
    "opening": "busy",
    "observing": "ok",
    "paused": "warn",
    "closing": "busy",
    "calibrating": "busy",
    "done": "idle",
}
_SEQUENCE = {
    "planned": "idle",
    "executing": "busy",
    "executed": "ok",
    "interrupted": "warn",
    "failed": "bad",
    "cancelled": "warn",
}
_ALERT = {"accepted": "alert", "observing": "alert", "observed": "ok", "failed": "bad", "retracted": "warn"}
_AGENT = {
    "starting": "busy",
    "running": "ok",
    "busy": "busy",
    "failed": "bad",
    "hung": "bad",
    "stopped": "idle",
}
_TASK = {
    "PENDING": "idle",
    "RETRY": "warn",
    "STARTED": "busy",
    "PROGRESS": "busy",
    "SUCCESS": "ok",
    "FAILURE": "bad",
    "LOST": "bad",
    "REVOKED": "warn",
}
_RUN = {
    "running": "busy",
    "waiting": "warn",
    "paused": "warn",
    "done": "ok",
    "failed": "bad",
    "aborted": "bad",
    "interrupted": "warn",
}
_SAFETY = {Safety.SAFE: "ok", Safety.UNSAFE: "bad", Safety.UNKNOWN: "warn"}
_LEVEL = {"DEBUG": "idle", "INFO": "idle", "WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}


def night_tone(status: str) -> str:
    """Tell the tone of a night's state."""
    return _NIGHT.get(status, "idle")


def sequence_tone(sequence: SequenceView) -> str:
    """Tell the tone of a sequence; one that failed says so even when an alert asked for it."""
    return status_tone(sequence.status, is_alert=sequence.is_alert)


def status_tone(status: str, *, is_alert: bool = False) -> str:
    """Tell the tone of a sequence's state."""
    tone = _SEQUENCE.get(status, "idle")
    return "alert" if is_alert and tone in ("idle", "busy", "ok") else tone


def alert_tone(status: str) -> str:
    """Tell the tone of an alert's state."""
    return _ALERT.get(status, "idle")


def agent_tone(agent: AgentView) -> str:
    """Tell the tone of an agent's state."""
    return _AGENT.get(agent.state, "warn")


def task_tone(state: str) -> str:
    """Tell the tone of a task's state."""
    return _TASK.get(state, "idle")


def is_open(state: str) -> bool:
    """Tell whether a task in this state may still be taken back."""
    return state in ("PENDING", "RETRY", "STARTED", "PROGRESS")


def run_tone(state: str) -> str:
    """Tell the tone of a recipe's run."""
    return _RUN.get(state, "idle")


def safety_tone(safety: Safety) -> str:
    """Tell the tone of a verdict."""
    return _SAFETY[safety]


def level_tone(level: str) -> str:
    """Tell the tone of a log level."""
    return _LEVEL.get(level, "idle")


def device_state(device: DeviceView) -> tuple[str, str]:
    """Tell tone and word of a device: whether it is there, and whether it may be believed."""
    if not device.connected:
        return ("bad" if device.blocking else "warn"), "absent"
    if device.error:
        return "bad", "in trouble"
    if device.stale:
        return "warn", "stale"
    return "ok", "connected"
