"""PyROS: an observatory that runs from Jupyter; ``%load_ext pyros_kernel`` gives a kernel its ``obs``."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyros_kernel.extension import load_ipython_extension, unload_ipython_extension
    from pyros_kernel.observatory import Observatory

__all__ = ["Observatory", "load_ipython_extension", "unload_ipython_extension"]


def __getattr__(name: str) -> Any:
    # Looked up when first asked for, so that a child process that needs one small module loads only that.
    if name == "Observatory":
        # Nothing of what an import makes is garbage: looking for some takes a tenth of its time, at each start.
        collects = gc.isenabled()
        gc.disable()
        try:
            from pyros_kernel.observatory import Observatory
        finally:
            if collects:
                gc.enable()
        return Observatory
    if name in ("load_ipython_extension", "unload_ipython_extension"):
        from pyros_kernel import extension

        return getattr(extension, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
