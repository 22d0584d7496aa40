"""Reach an instrument over a PyROS line.

Names only; the modules behind it are free to move.
"""

from instruments.pyros.control import FAULTS, SimulatorControl
from instruments.pyros.grammar import Grammar, GrammarError, grammar
from instruments.pyros.line import Command, command, format_command, parse_command
from instruments.pyros.scenario import Event, Scenario

__all__ = [
    "FAULTS",
    "Command",
    "Event",
    "Grammar",
    "GrammarError",
    "Scenario",
    "SimulatorControl",
    "command",
    "format_command",
    "grammar",
    "parse_command",
]
