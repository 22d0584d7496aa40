"""A simulated frame of 1024² pixels with some 500 stars, next to numpy's bare Poisson noise of that size.

Both in this process and one after the other, in rounds; processor time, so that what else the machine does does not
count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulators.detector import CameraSettings
from simulators.frame import Scene, render
from simulators.sky import stars_around
from simulators.starlight import project

_ROUNDS = 7
_LIMIT_S = 0.1


def _best_s(once: Callable[[int], object]) -> float:
    times: list[float] = []
    for i in range(_ROUNDS):
        began = time.process_time()
        once(i)
        times.append(time.process_time() - began)
    return min(times)


def run() -> list[tuple[str, str]]:
    """Return what was measured, as label and text."""
    camera = CameraSettings(width=1024, height=1024)
    scene = Scene(83.2, 22.0, False, 60.0, 1.6, 20.8, 0.01, 1)
    stars = stars_around(scene.ra_deg or 0.0, scene.dec_deg or 0.0, 0.3)
    _, _, seen = project(stars, 83.2, 22.0, camera)
    dice = np.random.default_rng(1)
    render(camera, scene)  # catalogue, patterns and the noise pool are made once
    frame_s = _best_s(lambda i: render(camera, replace(scene, seed=i)))
    poisson_s = _best_s(lambda i: dice.poisson(100.0, (1024, 1024)))
    return [
        (
            f"simulated frame, 1024², {int(seen.sum())} stars: CPU time",
            f"{frame_s * 1e3:.1f} ms (promised: at most {_LIMIT_S * 1e3:.0f} ms)",
        ),
        ("bare numpy poisson, 1024²: CPU time", f"{poisson_s * 1e3:.1f} ms"),
        ("frame / bare poisson", f"{frame_s / poisson_s:.2f}"),
        ("frames per second of CPU", f"{1 / frame_s:.1f}"),
    ]


if __name__ == "__main__":
    for label, figure in run():
        print(f"{label:<64} {figure}")
