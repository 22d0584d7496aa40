"""One line in the log when the store goes away, and one when it is back, however often it is tried in between."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError


class Outage:
    """Tell of the outages of one who tries again and again; used by one thread.

    :param what: who tries, for the log
    """

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger, self._what, self._lasts = logger, what, False

    def lasts(self, error: BaseException) -> None:
        """The store was away at this try."""
        if not self._lasts:
            why = error.orig if isinstance(error, DBAPIError) else error  # without the statement and its values
            self._logger.warning("%s has to wait, the store is away: %s", self._what, why)
        self._lasts = True

    def over(self) -> None:
        """It was there at this try."""
        if self._lasts:
            self._logger.warning("%s goes on, the store is back", self._what)
        self._lasts = False
