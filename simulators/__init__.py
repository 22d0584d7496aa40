"""Hardware that is not there: TCP servers that behave like instruments.

Start them with ``python -m simulators``; names only here.
"""

from simulators.config import DeviceConfig, SimulatorConfig, Site
from simulators.host import Host

__all__ = ["DeviceConfig", "Host", "SimulatorConfig", "Site"]
