"""Tasks by hand, from a notebook or a panel: revoke one of this observatory's."""

from __future__ import annotations

from pyros_kernel.settings import Settings


class TaskRefused(Exception):
    """A task could not be revoked; says why."""


class TaskDesk:
    """The tasks of an observatory.

    :param settings: where its store and its broker are
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def revoke(self, uuid: str, *, terminate: bool = True, reason: str = "revoked by hand") -> str:
        """Take a task back, and say what came of it.

        :param terminate: end it even if it runs; it has its grace to leave things safe
        :raises TaskRefused: if there is no such task, if it had ended, or if it runs and goes on
        """
        from pyros_kernel.tasks import app, ledger, place

        if place.settings() != self._settings:
            app.use(self._settings)
        outcome = app.control.revoke(uuid, terminate=terminate, reason=reason)[uuid]
        if outcome not in (ledger.Revoked.NEVER, ledger.Revoked.TOLD):
            raise TaskRefused(f"task {uuid}: {outcome.value}")
        return outcome.value
