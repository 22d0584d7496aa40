"""The recipes that PyROS brings along."""

from pyros_kernel.recipes.standard.autofocus import autofocus
from pyros_kernel.recipes.standard.calibration import take_bias, take_darks
from pyros_kernel.recipes.standard.expose import expose
from pyros_kernel.recipes.standard.flats import take_flats, take_lamp_flats
from pyros_kernel.recipes.standard.mosaic import follow_alert, mosaic
from pyros_kernel.recipes.standard.observe import observe
from pyros_kernel.recipes.standard.pointing_run import pointing_run
from pyros_kernel.recipes.standard.sequence import observe_sequence
from pyros_kernel.recipes.standard.series import time_series

__all__ = [
    "autofocus",
    "expose",
    "follow_alert",
    "mosaic",
    "observe",
    "observe_sequence",
    "pointing_run",
    "take_bias",
    "take_darks",
    "take_flats",
    "take_lamp_flats",
    "time_series",
]
