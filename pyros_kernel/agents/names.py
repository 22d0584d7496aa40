"""The agents of a night, and the messages that every agent knows, by name."""

from __future__ import annotations

from typing import Final

MAJORDOME: Final = "majordome"
ALERT_MANAGER: Final = "alert_manager"
SCHEDULER: Final = "scheduler"
MONITORING: Final = "monitoring"
WATCHER: Final = "watcher"

NAMES: Final = (MAJORDOME, ALERT_MANAGER, SCHEDULER, MONITORING, WATCHER)

SHUTDOWN: Final = "Shutdown"
STATUS: Final = "status"
