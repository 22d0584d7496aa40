"""Where things are: the PYROS_* variables, with defaults that need no set-up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where an observatory keeps its things.

    :param data: the data directory: database, images, alerts, logs
    :param database_url: SQLAlchemy address of the store
    :param agent_config: the ini file that says where each agent listens
    :param simulators: ``host:port`` of the control of simulators that somebody else started; empty if none
    :param strict_priority: plan the night by strict priority, in place of most value
    :param alerts_apart: whether a child process takes alerts, instead of a thread of the kernel
    """

    data: Path
    database_url: str
    agent_config: Path
    simulators: str = ""
    strict_priority: bool = False
    alerts_apart: bool = False

    @classmethod
    def from_environment(cls, data: Path | str | None = None) -> Settings:
        """Read the PYROS_… variables: DATA, DATABASE_URL, AGENT_CONFIG, SIMULATORS, STRICT_PRIORITY and ALERTS.

        PYROS_STRICT_PRIORITY is 1 or 0, PYROS_ALERTS ``thread`` or ``process``.

        :param data: the data directory, instead of PYROS_DATA (default: ``data`` in the present directory)
        :raises ValueError: if PYROS_ALERTS is something else
        """
        if (alerts := os.environ.get("PYROS_ALERTS", "thread")) not in {"thread", "process"}:
            raise ValueError(f"PYROS_ALERTS={alerts!r}: alerts are taken by a 'thread' or by a 'process'")
        directory = Path(data if data is not None else os.environ.get("PYROS_DATA", "data")).resolve()
        return cls(
            data=directory,
            database_url=os.environ.get("PYROS_DATABASE_URL", f"sqlite:///{directory / 'pyros.sqlite'}"),
            agent_config=Path(os.environ.get("PYROS_AGENT_CONFIG", directory / "pyros_agent_config.ini")),
            simulators=os.environ.get("PYROS_SIMULATORS", ""),
            strict_priority=os.environ.get("PYROS_STRICT_PRIORITY", "0").lower() not in ("", "0", "no", "false"),
            alerts_apart=alerts == "process",
        )
