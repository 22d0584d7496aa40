"""What a simulated camera sees from where it stands, and what it writes about it."""

from __future__ import annotations

import math
import random
from concurrent.futures import Executor
from dataclasses import dataclass

from instruments.horizon import Horizon
from simulators.config import Site
from simulators.detector import CameraSettings, saturation_adu
from simulators.dome import SimulatedDome
from simulators.frame import Scene, sky_brightness_mag
from simulators.telescope import SimulatedTelescope

_SEEING_ARCSEC = 1.6


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a camera.

    :param site: where
    :param telescope: what it looks through; None for a closed tube
    :param dome: what it stands in; None for the open air
    :param threads: where frames are made
    """

    site: Site
    telescope: SimulatedTelescope | None
    dome: SimulatedDome | None
    threads: Executor


class View:
    """Look through the telescope out of the dome.

    :param camera: what looks
    :param around: what stands around it
    :param seed: of noise and seeing
    """

    def __init__(self, camera: CameraSettings, around: Around, seed: int) -> None:
        self._camera, self._around, self._seed = camera, around, seed
        self._horizon = Horizon(around.site.latitude_deg, around.site.longitude_deg)
        dice = random.Random(seed)
        self._waves = [(period_s, dice.uniform(0, 2 * math.pi)) for period_s in (1900.0, 700.0, 290.0)]

    def scene(self, kind: str, exposure_s: float, unix_s: float, warmer_c: float, number: int) -> Scene:
        """Tell what will fall on the detector.

        :param warmer_c: how much warmer the detector is than its setpoint
        :param number: of the frame, which seeds its noise
        """
        telescope, dome = self._around.telescope, self._around.dome
        open_air = dome is None or dome.shutter_at(unix_s) == "open"
        ra, dec = telescope.true_deg(unix_s) if telescope and kind == "light" and open_air else (None, None)
        return Scene(
            ra_deg=ra,
            dec_deg=dec,
            lamp=kind == "flat",
            exposure_s=exposure_s,
            seeing_arcsec=_SEEING_ARCSEC * (1 + 0.12 * sum(math.sin(unix_s / p + a) for p, a in self._waves)),
            sky_mag=sky_brightness_mag(self._camera.sky_mag, self._horizon.sun_altitude_deg(unix_s)),
            dark_e_s=self._camera.dark_e_s * 2 ** (min(warmer_c, 100.0) / 6),
            seed=abs(self._seed) * 1_000_003 + number,
        )


def camera_cards(camera: CameraSettings, scene: Scene) -> dict[str, tuple[object, str]]:
    """Make the FITS cards of a camera's figures, and of the truth (SIM_…)."""
    cards: dict[str, tuple[object, str]] = {
        "TIMESYS": ("UTC", "time scale"),
        "EXPTIME": (scene.exposure_s, "[s] open-shutter time"),
        "GAIN": (camera.gain_e_adu, "[electron/adu] gain"),
        "RDNOISE": (camera.read_noise_e, "[electron] read noise"),
        "SATURATE": (round(saturation_adu(camera), 1), "[adu] saturation level"),
        "PIXSCALE": (camera.scale_arcsec, "[arcsec] of a pixel"),
        "SIM_SEE": (round(scene.seeing_arcsec, 3), "[arcsec] true seeing"),
        "SIM_SKY": (round(scene.sky_mag, 3), "[mag/arcsec2] true sky brightness"),
        "SIM_DARK": (scene.dark_e_s, "[electron/s] true dark current"),
        "SIM_BIAS": (camera.bias_adu, "[adu] true bias level"),
        "SIM_ZP": (camera.zero_point_mag, "[mag] that gives 1 electron/s"),
    }
    if scene.ra_deg is not None and scene.dec_deg is not None:
        cards["SIM_RA"] = (round(scene.ra_deg, 7), "[deg] true pointing, ICRS")
        cards["SIM_DEC"] = (round(scene.dec_deg, 7), "[deg] true pointing, ICRS")
    return cards
