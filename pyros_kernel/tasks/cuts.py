"""Work that goes on though the link to an instrument is cut: the instrument itself did not stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from instruments import Instrument, InstrumentError, NotConnected, ProtocolError
from pyros_kernel.cancellation import Cancellation

logger = logging.getLogger(__name__)

R = TypeVar("R")

_BACK_REAL_S = 10.0  # a link that is away for longer is a failure
_ALL_REAL_S = 60.0  # and so is an instrument that loses it again and again
_CONNECT_REAL_S = 1.0
_PAUSE_REAL_S = 0.1


def through_cuts(instrument: Instrument[Any], attempt: Callable[[], R], cancelled: Cancellation) -> R:
    """Do something that may be done twice, and do it again where a cut link left it unknown.

    :param attempt: commands the instrument, and waits if it has to
    :raises WorkCancelled: if the work was cancelled
    :raises InstrumentError: if the link does not come back, or for any other failure
    """
    deadline = time.monotonic() + _ALL_REAL_S
    while True:
        try:
            return attempt()
        except (NotConnected, ProtocolError) as error:
            if time.monotonic() > deadline:
                raise
            link_again(instrument, error, cancelled)


def link_again(instrument: Instrument[Any], lost: InstrumentError, cancelled: Cancellation) -> None:
    """Wait until there is a link again, connecting where nobody else does.

    :param lost: why there was none
    :raises WorkCancelled: if the work was cancelled
    :raises InstrumentError: ``lost``, if there is none in time
    """
    logger.info("%s: %s; it is connected again", instrument.name, lost.what)
    deadline = time.monotonic() + _BACK_REAL_S
    while True:
        cancelled.check()
        try:
            instrument.connect(_CONNECT_REAL_S)
        except InstrumentError:
            if time.monotonic() > deadline:
                raise lost from None
            cancelled.wait(_PAUSE_REAL_S)
        else:
            return
