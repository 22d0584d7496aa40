"""Going through the motions once, so that the night's first alert is as fast as its second."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from sqlalchemy import select

from pyros_kernel.alerts.event import find_request_id
from pyros_kernel.alerts.packet import parse
from pyros_kernel.alerts.reaction import foresee
from pyros_kernel.alerts.request import UnusableStrategy, make_request
from pyros_kernel.alerts.row import row_of
from pyros_kernel.alerts.strategy import decide
from pyros_kernel.clock import Clock
from pyros_kernel.store import Store, Strategy

logger = logging.getLogger(__name__)

_PACKET = (
    b'<VOEvent ivorn="ivo://pyros/warm-up#0" role="observation" version="2.0"><What><Param name="TrigID" value="1"/>'
    b"</What><WhereWhen><ObsDataLocation><ObservationLocation><AstroCoords><Time><TimeInstant><ISOTime>"
    b"2000-01-01T00:00:00</ISOTime></TimeInstant></Time><Position2D><Value2><C1>1</C1><C2>1</C2></Value2>"
    b"<Error2Radius>1</Error2Radius></Position2D></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>"
    b"</VOEvent>"
)


class _Undo(Exception):
    """Ends the session without keeping anything."""


def warm_up(store: Store, clock: Clock) -> None:
    """Make and undo an alert and a request: statements are compiled, connections open (about 0.1 s)."""
    packet = parse(_PACKET)
    now = datetime.fromtimestamp(clock.unix_s(), UTC)
    foresee(store, packet, clock.unix_s())
    try:
        with store.session() as session:
            alert = row_of(packet, now)
            session.add(alert)
            session.flush()
            find_request_id(session, alert.id, packet, now)
            strategies = list(session.scalars(select(Strategy)))
            decide(packet, strategies, clock.unix_s())
            for strategy in strategies:
                make_request(session, alert, strategy, now)
            session.flush()
            raise _Undo
    except _Undo:
        pass
    except UnusableStrategy as error:
        logger.error("%s; mend it before an alert needs it", error)
