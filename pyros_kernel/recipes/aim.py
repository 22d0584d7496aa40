"""Where the telescope must point while steps run, and how it is brought there."""

from __future__ import annotations

from dataclasses import dataclass, field

from instruments import InstrumentError, OperationAborted, Rejected
from pyros_kernel.cancellation import Cancellation, WorkCancelled
from pyros_kernel.devices import Missing
from pyros_kernel.recipes.core import Core
from pyros_kernel.recipes.errors import Refused
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import Limits, why_not_up
from pyros_kernel.store import StepStatus
from pyros_kernel.tasks.pointing import point

STOPPED = (WorkCancelled, OperationAborted)
REFUSED = (Refused, Rejected, Missing)


@dataclass(frozen=True, slots=True)
class Aim:
    """Where the telescope must point.

    :param target: None: wherever it points
    :param slew: name of the step that brings it there
    :param limits: of Sun and Moon, beyond which the target is not looked at
    """

    target: Target | None = None
    slew: str = ""
    limits: Limits = field(default_factory=Limits)

    def bring(self, core: Core, attempt: Cancellation) -> None:
        """Bring the telescope there, unless it is there and nothing came between.

        :param attempt: ends the steps under way
        :raises Refused: if the target can't be looked at now, but in a rehearsal
        :raises InstrumentError: if telescope or dome failed
        """
        target, name = self.target, self.slew
        if target is None:
            return
        with core.pointing:
            if core.pointed == (target.ra_deg, target.dec_deg, attempt) or attempt.is_set():
                return
            core.ledger.begin(name)
            try:
                if why := why_not_up(target, core.services, self.limits):
                    raise Refused(why)
                point(target.coord, core.services, attempt, core.take_slew(target, attempt))
            except STOPPED as stopped:
                core.ledger.end(name, StepStatus.INTERRUPTED, str(stopped))
                core.interrupted(attempt, str(stopped))
                return
            except REFUSED as refusal:
                core.ledger.end(name, StepStatus.REFUSED, str(refusal))
                core.refuse(name, refusal)
            except InstrumentError as error:
                core.ledger.end(name, StepStatus.FAILED, str(error))
                raise
            else:
                core.ledger.end(name, StepStatus.DONE)
                core.count()
            core.pointed = target.ra_deg, target.dec_deg, attempt


NOWHERE = Aim()
