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
    :param strict_priority: plan the night by strict priority, in place of most value
    """

    data: Path
    database_url: str
    agent_config: Path
    strict_priority: bool = False

    @classmethod
    def from_environment(cls, data: Path | str | None = None) -> Settings:
        """Read PYROS_DATA, PYROS_DATABASE_URL, PYROS_AGENT_CONFIG and PYROS_STRICT_PRIORITY (1 or 0).

        :param data: the data directory, instead of PYROS_DATA (default: ``data`` in the present directory)
        """
        directory = Path(data if data is not None else os.environ.get("PYROS_DATA", "data")).resolve()
        return cls(
            data=directory,
            database_url=os.environ.get("PYROS_DATABASE_URL", f"sqlite:///{directory / 'pyros.sqlite'}"),
            agent_config=Path(os.environ.get("PYROS_AGENT_CONFIG", directory / "pyros_agent_config.ini")),
            strict_priority=os.environ.get("PYROS_STRICT_PRIORITY", "0").lower() not in ("", "0", "no", "false"),
        )
