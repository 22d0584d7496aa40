"""The work of a night: plain functions with JSON-able arguments, and Celery tasks made of them.

The functions run in a thread of the night, or in a worker (see :mod:`pyros_kernel.tasks.kinds`); ``app`` is the
Celery application.  Names are loaded when first used: neither the night needs Celery, nor a worker astropy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyros_kernel.tasks.analysis import analyse_image
    from pyros_kernel.tasks.application import app
    from pyros_kernel.tasks.plan import execute_plan
    from pyros_kernel.tasks.scheduling import schedule_night
    from pyros_kernel.tasks.workers import Workers

__all__ = [
    "Workers",
    "analyse_image",
    "app",
    "execute_plan",
    "schedule_night",
]

_MODULES = {
    "Workers": "workers",
    "analyse_image": "analysis",
    "app": "application",
    "execute_plan": "plan",
    "schedule_night": "scheduling",
}


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name == "app":
        found.loader.import_default_modules()  # so that it knows its tasks
    return found
