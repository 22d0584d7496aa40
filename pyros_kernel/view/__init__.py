"""What panels show: the snapshot, made from store, sky, weather and tasks by one hand for all of them."""

from pyros_kernel.view.view import View

__all__ = ["View"]
