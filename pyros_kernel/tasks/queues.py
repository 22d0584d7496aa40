"""The tasks, their queues and what happens to each when its worker dies, read from the code."""

from __future__ import annotations

from dataclasses import dataclass

from celery import Celery


@dataclass(frozen=True, slots=True)
class Route:
    """A task and where it goes.

    :param rerun: whether it runs again after its worker died; otherwise it is marked LOST
    :param every_s: how often it is sent by itself, in real seconds; 0 if it isn't
    """

    task: str
    queue: str
    does: str
    rerun: bool
    grace_s: float
    time_limit_s: float | None
    every_s: float


def routes(app: Celery) -> list[Route]:
    """Give every task of an application, by queue."""
    app.loader.import_default_modules()
    found = [
        Route(
            task=name,
            queue=task.goes_to,
            does=(task.__doc__ or "").strip().partition("\n")[0].rstrip("."),
            rerun=task.rerun,
            grace_s=task.grace_s,
            time_limit_s=task.time_limit,
            every_s=getattr(task, "every_s", 0.0),
        )
        for name, task in app.tasks.items()
        if not name.startswith("celery.")
    ]
    return sorted(found, key=lambda r: (r.queue, r.task))


def queues_of(app: Celery) -> list[str]:
    """Name the queues, each once."""
    return sorted({route.queue for route in routes(app)})


def reference(app: Celery) -> str:
    """Write the page of docs/reference."""
    lines = [
        "# Tasks, queues and routes",
        "",
        "Made from the code by `python -m pyros_kernel.tasks.queues`; a test holds it there.  A queue has exactly one",
        "worker of one process, which takes one message at a time.",
        "",
        "| task | queue | what it does | its worker dies | end within | time limit | by itself |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in routes(app):
        dies = "runs again" if r.rerun else "is marked LOST"
        limit = f"{r.time_limit_s:g} s" if r.time_limit_s else "none"
        every = f"every {r.every_s:g} s" if r.every_s else ""
        lines.append(f"| `{r.task}` | `{r.queue}` | {r.does} | {dies} | {r.grace_s:g} s | {limit} | {every} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from pyros_kernel.tasks.application import app

    print(reference(app), end="")  # noqa: T201
