"""Look through the store for what was lost or done twice; tell it, and the images that it knows."""

from __future__ import annotations

import json

from sqlalchemy import select

from pyros_kernel.settings import Settings
from pyros_kernel.store import Image, Plan, PlanStatus, Sequence, SequenceStatus, Store

OPEN = {SequenceStatus.EXECUTING, SequenceStatus.PLANNED, SequenceStatus.INTERRUPTED}

store = Store.open(Settings.from_environment().database_url)
wrong: list[str] = []
with store.session(read_only=True) as session:
    sequences, plans = session.scalars(select(Sequence)).all(), session.scalars(select(Plan)).all()
    images = session.scalars(select(Image)).all()
    for sequence in sequences:
        if sequence.status in OPEN or sequence.status is SequenceStatus.FAILED:
            wrong.append(f"sequence {sequence.id} is {sequence.status}: {sequence.reason}")
    for plan in plans:
        took = len([image for image in images if image.plan_id == plan.id and image.complete])
        done = plan.status is PlanStatus.EXECUTED
        if took > plan.number_of_images or (done and took < plan.number_of_images):
            wrong.append(f"plan {plan.id} is {plan.status} with {took} of {plan.number_of_images} images")
        if plan.status is PlanStatus.EXECUTING:
            wrong.append(f"plan {plan.id} says it executes")
    executed = len([s for s in sequences if s.status is SequenceStatus.EXECUTED])
    paths = sorted(image.path for image in images)
store.close()
print(json.dumps({"wrong": wrong, "executed": executed, "images": paths}))
