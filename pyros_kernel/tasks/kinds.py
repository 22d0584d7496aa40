"""The work of a night as Celery tasks: each kind, its queue, and what becomes of it when its worker dies.

Each wraps a plain function; here it runs in a worker that opens its own store and instruments.  What is heavy is
imported by the task that needs it.  Those that recipes do are in :mod:`pyros_kernel.upper_tasks`.
"""
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

from pyros_kernel.tasks.application import app


@app.task(name="scheduling", goes_to="scheduling_q", rerun=True, time_limit=120, soft_time_limit=110)
def scheduling(reason: str = "asked for", night_id: int | None = None, start_unix_s: float | None = None) -> int:
    """Plan the rest of a night; gives the schedule's id."""
    from pyros_kernel.tasks.context import services
    from pyros_kernel.tasks.scheduling import schedule_night

    here = services()
    begin_s = here.clock.unix_s() if start_unix_s is None else start_unix_s
    return schedule_night(here.night_id if night_id is None else night_id, begin_s, reason, services=here)


def put_sequence_back(_task: Any, sequence_id: int, chain: str | None = None) -> None:
    """Put right what a dead worker left of a sequence."""
    from pyros_kernel.tasks.ending import put_back
    from pyros_kernel.tasks.place import store

    put_back(store(), sequence_id, "its worker died", chain)


def _end_plan(_task: Any, plan_id: int) -> None:
    from pyros_kernel.store import Plan, PlanStatus
    from pyros_kernel.tasks.place import store

    with store().session() as session:
        plan = session.get_one(Plan, plan_id)
        if plan.status is PlanStatus.EXECUTING:
            plan.become(PlanStatus.INTERRUPTED, "its worker died")


@app.task(name="execute_plan_vis", goes_to="plan_vis_q", bind=True, gentle=True, grace_s=15.0, put_right=_end_plan)
def execute_plan_vis(self: Any, plan_id: int) -> int:
    """Take a plan's missing images with the visible camera; gives how many it took."""
    return _execute_plan(self, plan_id, "VIS")


@app.task(name="execute_plan_nir", goes_to="plan_nir_q", bind=True, gentle=True, grace_s=15.0, put_right=_end_plan)
def execute_plan_nir(self: Any, plan_id: int) -> int:
    """Take a plan's missing images with the near-infrared camera; gives how many it took."""
    return _execute_plan(self, plan_id, "NIR")


@app.task(
    name="analysis",
    goes_to="analysis_q",
    rerun=True,
    autoretry_for=(OSError,),
    retry_backoff=1,
    retry_backoff_max=60,
    max_retries=5,
    time_limit=300,
    soft_time_limit=280,
)
def analysis(image_id: int) -> dict[str, Any]:
    """Look at an image for the first time; gives its figures."""
    from pyros_kernel.tasks.analysis import analyse_image
    from pyros_kernel.tasks.context import StoreOnly

    return analyse_image(image_id, services=StoreOnly.here())


@app.task(name="monitoring", goes_to="monitoring_q", every_s=60.0, time_limit=50, rerun=True)
def monitoring() -> dict[str, str]:
    """Ask every device how it is; gives its trouble, or "ok", by name."""
    from pyros_kernel.tasks.context import services

    return {name: member.error or "ok" for name, member in services().devices.members.items()}


def _execute_plan(task: Any, plan_id: int, channel: str) -> int:
    from pyros_kernel.store import Plan
    from pyros_kernel.tasks.context import services
    from pyros_kernel.tasks.plan import execute_plan

    here = services()
    with here.store.session(read_only=True) as session:
        needed = session.get_one(Plan, plan_id).album.channel
    if needed.value.upper() != channel:
        raise ValueError(f"plan {plan_id} is for channel {needed}, not {channel}: send it to the other queue")

    def tell(done: int, total: int) -> None:
        task.update_state(state="PROGRESS", meta={"done": done, "total": total})

    return execute_plan(plan_id, services=here, cancelled=task.cancellation, analysis=ByTask(), tell=tell)


class ByTask(Executor):
    """Send each image to the analysis worker, instead of analysing it here."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send an analysis.

        :param args: the image's id, and what an analysis here would need besides
        """
        sent: Future[Any] = Future()
        sent.set_result(app.tasks["analysis"].delay(args[0]).id)
        return sent
