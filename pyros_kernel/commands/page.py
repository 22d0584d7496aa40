"""``pyros page``: the read-only page of an observatory that runs elsewhere on this machine."""

from __future__ import annotations

import logging
import threading

import click

from pyros_kernel.handles import handle
from pyros_kernel.observatory import Observatory
from pyros_kernel.settings import Settings
from pyros_kernel.snapshot import NOTHING, Snapshot
from pyros_kernel.tasks.context import NoNight, read_context

logger = logging.getLogger(__name__)


class Attached:
    """Look on while an observatory runs in a data directory; none is ever started from here.

    :param settings: say where
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._watching: Observatory | None = None

    def snapshot(self) -> Snapshot:
        """Give the observatory that runs now, at one moment; an empty picture while none does."""
        with self._lock:
            if read_context(self._settings.data) is None:
                self._look_away()
                return NOTHING
            if self._watching is None:
                try:
                    self._watching = Observatory(self._settings.data).watch()
                except NoNight:  # it is just being started
                    return NOTHING
                logger.info("an observatory runs: watching it")
            return self._watching.snapshot()

    def close(self) -> None:
        """Stop looking."""
        with self._lock:
            self._look_away()

    def _look_away(self) -> None:
        if self._watching is not None:
            self._watching.stop()
            self._watching = None
            logger.info("the observatory was stopped")


@click.command()
@click.option("--port", type=int, default=8097, show_default=True, help="0 for any that is free.")
@click.pass_obj
def page(settings: Settings, port: int) -> None:
    """Serve a read-only page of the running observatory on this machine, until interrupted; never starts one."""
    attached = Attached(settings)
    try:
        served = handle("page")(attached, port)
    except OSError as error:
        raise click.ClickException(f"port {port} can't be had: {error}; --port 0 takes a free one") from None
    try:
        click.echo(served.url)
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("ended")
    finally:
        served.close()
        attached.close()
