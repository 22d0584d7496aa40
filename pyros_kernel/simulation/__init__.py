"""Simulated instruments as the kernel knows them: a child process, or somebody else's; and drills that break them."""

from pyros_kernel.simulation.drill import Drill
from pyros_kernel.simulation.elsewhere import SimulatorsAway, SimulatorsElsewhere, find_simulators
from pyros_kernel.simulation.process import SimulatorProcess, describe_devices, monitors_of, serve

__all__ = [
    "Drill",
    "SimulatorProcess",
    "SimulatorsAway",
    "SimulatorsElsewhere",
    "describe_devices",
    "find_simulators",
    "monitors_of",
    "serve",
]
