"""The whole examination, in the order in which things depend on each other."""

from __future__ import annotations

import os

from pyros_kernel.doctor.computer import clock, disk, iers, packages, python
from pyros_kernel.doctor.finding import Finding
from pyros_kernel.doctor.leftovers import lock, pid_files
from pyros_kernel.doctor.ports import agent_ports, device_ports
from pyros_kernel.doctor.services import broker, database
from pyros_kernel.settings import Settings


def examine(settings: Settings) -> list[Finding]:
    """Look at every prerequisite; nothing is changed.

    :param settings: where the observatory keeps its things
    """
    return [
        python(),
        packages(),
        database(settings.database_url),
        broker(os.environ.get("PYROS_BROKER_URL", "")),
        agent_ports(settings.agent_config, settings.data),
        device_ports(settings.database_url, settings.data),
        lock(settings.data),
        pid_files((settings.data,)),
        disk(settings.data),
        iers(),
        clock(),
    ]
