"""The observatory without a notebook: all agents in one process, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading

import click

from pyros_kernel.agents import AlreadyRunning
from pyros_kernel.lease import LeaseHeld
from pyros_kernel.lock import Held
from pyros_kernel.observatory import Observatory
from pyros_kernel.settings import Settings
from pyros_kernel.simulation import SimulatorsAway

_LOOK_REAL_S = 0.5


def run(settings: Settings, *, simulate: bool, observe: bool) -> int:
    """Run until SIGINT, SIGTERM, or all agents were told to shut down.

    :return: exit status: 1 if another observatory works here
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    stop = threading.Event()

    def on_signal(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    observatory = Observatory(settings.data, simulate=simulate)
    try:
        observatory.start()
    except (Held, LeaseHeld, AlreadyRunning, SimulatorsAway) as error:
        click.echo(str(error), err=True)
        return 1
    try:
        if observe:
            observatory.observe()
        while not stop.wait(_LOOK_REAL_S):
            if not observatory.agents.is_running():
                break
    finally:
        observatory.stop()
    return 0
