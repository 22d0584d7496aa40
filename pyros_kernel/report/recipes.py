"""The recipes that a night's own work was done by, and how often each came to its end."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pyros_kernel.store import RecipeRecord, RecipeStatus, RecipeStep, Sequence, StepStatus
from pyros_kernel.store.recipe import BEST_FOCUS


def recipes_of_night(session: Session, span: tuple[datetime, datetime]) -> dict[str, int]:
    """Count what was done, by recipe; a sequence counts for the one that it names.

    :param span: within which the night's work began
    """
    ended: Counter[str] = Counter()
    its = RecipeRecord.of_night, RecipeRecord.started.between(*span)
    for run in session.scalars(select(RecipeRecord).where(*its, RecipeRecord.status == RecipeStatus.DONE)):
        row = session.get(Sequence, run.arguments["sequence"]) if "sequence" in run.arguments else None
        ended[row.recipe if row else run.name] += 1
    # Where the focus was due, it was found within another run.
    within = RecipeStep.run_id.in_(select(RecipeRecord.id).where(*its)), RecipeStep.name.endswith(BEST_FOCUS)
    found = session.scalars(select(RecipeStep.id).where(*within, RecipeStep.status == StepStatus.DONE)).all()
    if found:
        ended["autofocus"] = len(found)
    return dict(sorted(ended.items()))
