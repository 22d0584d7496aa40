"""The work of a run, in whatever thread, and how it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from instruments import InstrumentError
from pyros_kernel.cancellation import WorkCancelled
from pyros_kernel.devices import Missing
from pyros_kernel.images import ArchiveError
from pyros_kernel.recipes.core import Core
from pyros_kernel.recipes.errors import BadArgument, RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.store import RecipeStatus
from pyros_kernel.store.patience import AWAY

logger = logging.getLogger(__name__)

_EXPECTED = (
    Refused,
    BadArgument,
    InstrumentError,
    Missing,
    ArchiveError,
    WorkCancelled,
)  # of the sky and the hardware, no defects


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    :param error: what ended it before its end
    """

    state: RecipeStatus
    reason: str = ""
    result: Any = None
    error: BaseException | None = None

    @property
    def defect(self) -> bool:
        """Whether it ended by a defect: neither by its own end, nor by what sky, hardware or people do."""
        known = (*_EXPECTED, *AWAY, RecipeAborted, RecipeInterrupted)
        return self.error is not None and not isinstance(self.error, known)

    def give(self) -> Any:
        """Give the result, or raise what ended it."""
        if self.error is not None:
            raise self.error
        return self.result


def perform(core: Core, work: Callable[[Steps], Any]) -> Outcome:
    """Do the work of a run, write down how it ended, and give the telescope back; never raises."""
    outcome = _outcome(core, work)
    core.end_analyses()
    try:
        core.say(f"{outcome.state}" + (f": {outcome.reason}" if outcome.reason else ""))
        core.ledger.become(outcome.state, outcome.reason, outcome.result)
    except AWAY as gone:
        logger.warning("recipe %s: its end can't be written down: %s", core.name, gone)
    except Exception:  # as below
        logger.exception("recipe %s: its end could not be written down", core.name)
    try:
        core.give_back()
    except (RecipeInterrupted, *AWAY) as gone:
        logger.warning("recipe %s: %s", core.name, gone)
    except Exception:  # whoever waits must be told all the same, and the log has it
        logger.exception("recipe %s could not give the telescope back", core.name)
    finally:
        core.ledger.release()
    return outcome


def _outcome(core: Core, work: Callable[[Steps], Any]) -> Outcome:
    try:
        return Outcome(RecipeStatus.DONE, result=work(Steps(core)))
    except RecipeAborted as aborted:
        return Outcome(RecipeStatus.ABORTED, str(aborted), error=aborted)
    except RecipeInterrupted as stopped:
        return Outcome(RecipeStatus.INTERRUPTED, str(stopped), error=stopped)
    except AWAY as away:
        logger.warning("recipe %s: the store is away for too long: %s", core.name, away)
        return Outcome(RecipeStatus.INTERRUPTED, "the store is away", error=away)
    except _EXPECTED as error:
        return Outcome(RecipeStatus.FAILED, str(error), error=error)
    except Exception as error:  # a defect of the recipe must reach whoever waits, and the log
        if not core.refusals:  # after one that a rehearsal went past, anything may be missing
            logger.exception("recipe %s ended by a defect", core.name)
        return Outcome(RecipeStatus.FAILED, str(error) or repr(error), error=error)
