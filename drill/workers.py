"""Workers of a running observatory, killed while they execute a plan."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from drill.cell import FIXTURE
from drill.measured import Measured
from drill.place import Late, until
from drill.witness import in_one_only, lasting, too_many
from pyros_kernel import Observatory
from pyros_kernel.store import Channel, Image, Plan, PlanStatus
from pyros_kernel.tasks import Workers, app, ledger

_BEGIN, _SPEED = "2022-09-30T04:00:00", 100.0
_QUEUE, _TASK = "plan_vis_q", "execute_plan_vis"
_LIVES = 4  # of one host: who dies often is started again later and later
_LONGEST_S = 2.0
_WAIT_S = 60.0
_PLAN_IMAGES = 6


def killed_workers(directory: Path, kills: int, dice: random.Random) -> list[Measured]:
    """Kill the worker that executes a plan, or the process in which it does so, again and again."""
    settled = Measured("worker killed → its task has ended and no plan is executing without it", 10.0)
    taken = Measured("… and the next worker takes the same plan up, and ends it", _WAIT_S)
    kept = Measured("… with every image on disk and in the store, none too many")
    with Observatory(directory, start=_BEGIN, speed=_SPEED, fixtures=(FIXTURE,)) as obs:
        try:
            done = 0
            while done < kills:
                with Workers(obs.settings, [_QUEUE]) as workers:
                    for _ in range(min(_LIVES, kills - done)):
                        done += 1
                        _kill_one(obs, workers, done, dice, settled)
                    _end_it(obs, taken, done)
            kept.runs = done
            kept.violations += [
                f"{p} is only in one of the two" for p in lasting(lambda: in_one_only(directory, obs.store))
            ]
            kept.violations += too_many(obs.store)
        finally:
            app.use(None)
    return [settled, taken, kept]


def _kill_one(obs: Observatory, workers: Workers, number: int, dice: random.Random, settled: Measured) -> None:
    plan_id = _plan(obs)
    result = app.tasks[_TASK].delay(plan_id)
    settled.runs += 1
    try:
        until(lambda: bool(_row(result.id).worker or result.ready()), "a worker takes it", _WAIT_S)
        time.sleep(dice.uniform(0.0, _LONGEST_S))
        (of_queue,) = (s.pid for s in workers.status() if s.queue == _QUEUE)
        os.kill(dice.choice((of_queue, int(_row(result.id).worker.rpartition(":")[2]))), signal.SIGKILL)
        settled.seconds.append(
            until(lambda: bool(result.ready()) and not _executes(obs, plan_id), "it is put right", _WAIT_S)
        )
    except (Late, ProcessLookupError) as error:
        settled.violations.append(f"kill {number}: {error}")


def _end_it(obs: Observatory, taken: Measured, number: int) -> None:
    plan_id = _plan(obs)
    taken.runs += 1
    began_s = time.monotonic()
    result = app.tasks[_TASK].delay(plan_id)
    until(lambda: bool(result.ready()), "it ends", _WAIT_S)
    taken.seconds.append(time.monotonic() - began_s)
    if result.state != "SUCCESS":
        taken.violations.append(f"after kill {number}: plan {plan_id} is {result.state}: {_row(result.id).reason}")
    with obs.store.session(read_only=True) as session:
        there = len(session.scalars(select(Image.id).where(Image.plan_id == plan_id, Image.complete)).all())
        wanted = session.get_one(Plan, plan_id).number_of_images
    if there != wanted:
        taken.violations.append(f"after kill {number}: plan {plan_id} has {there} images of {wanted}")


def _plan(obs: Observatory) -> int:
    """Give the first plan of the camera that is not done; asked for so many images that a kill comes in between."""
    with obs.store.session() as session:
        plans = session.scalars(select(Plan).where(Plan.status != PlanStatus.EXECUTED).order_by(Plan.id)).all()
        plan = next(p for p in plans if p.album.channel is Channel.VIS)
        plan.number_of_images, plan.exposure_time_s = max(plan.number_of_images, _PLAN_IMAGES), 30.0
        return plan.id


def _executes(obs: Observatory, plan_id: int) -> bool:
    with obs.store.session(read_only=True) as session:
        return session.get_one(Plan, plan_id).status is PlanStatus.EXECUTING


def _row(uuid: str) -> Any:
    row = ledger.read(uuid)
    assert row is not None, "it was sent a moment ago"
    return row
