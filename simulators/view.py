"""What a simulated camera sees from where it stands, and what it writes about it."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass

from instruments.horizon import Horizon
from simulators.chance import Wandering
from simulators.config import Site
from simulators.detector import CameraSettings, saturation_adu
from simulators.dome import SimulatedDome
from simulators.focuser import SimulatedFocuser
from simulators.frame import Scene, cosmic_rays
from simulators.moon import mag_of_nanolambert, moonlight_nanolambert, nanolambert_of_mag
from simulators.rotator import SimulatedRotator
from simulators.telescope import SimulatedTelescope
from simulators.weather import Forced, Weather

_SEEING_ARCSEC = 1.6
_CLEAR = "transparency"


class Air:
    """Blur and dim starlight: seeing and transparency that vary.

    :param weather: whose clouds dim
    :param seed: of what varies
    """

    def __init__(self, weather: Weather, seed: int) -> None:
        self._weather = weather
        self._seeing = Wandering(seed + 1, memory_s=1800.0, step_s=90.0)
        self._haze = Wandering(seed + 2, memory_s=3600.0, step_s=180.0)
        self.forced = Forced()

    def seeing_arcsec(self, unix_s: float) -> float:
        """Tell the full width at half maximum of a star in focus: log-normal about 1.6 arcsec."""
        return float(self.forced.at("seeing", unix_s, _SEEING_ARCSEC * math.exp(0.15 * self._seeing.at(unix_s))))

    def transparency(self, unix_s: float) -> float:
        """Tell which part of the light comes through haze and clouds, 0 to 1."""
        cloud = float(self._weather.at(unix_s)["cloud"]) / 100
        clear = (1 - 0.03 * min(abs(self._haze.at(unix_s)), 3.0)) * (1 - 0.95 * cloud**1.5)
        return min(max(float(self.forced.at(_CLEAR, unix_s, clear)), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a camera.

    :param site: where
    :param telescope: what it looks through; None for a closed tube
    :param dome: what it stands in; None for the open air
    :param threads: where frames are made
    :param focuser: what focuses; None for always in focus
    :param rotator: what turns it; None for north up
    :param air: what the light comes through; None for the best of nights
    """

    site: Site
    telescope: SimulatedTelescope | None
    dome: SimulatedDome | None
    threads: Executor
    focuser: SimulatedFocuser | None = None
    rotator: SimulatedRotator | None = None
    air: Air | None = None


class View:
    """Look through the telescope out of the dome.

    :param camera: what looks
    :param around: what stands around it
    :param seed: of noise, and of the detector's own pattern
    """

    def __init__(self, camera: CameraSettings, around: Around, seed: int) -> None:
        self._camera, self._around, self._seed = camera, around, seed
        self._horizon = Horizon(around.site.latitude_deg, around.site.longitude_deg)

    def scene(self, kind: str, exposure_s: float, unix_s: float, warmer_c: float, number: int) -> Scene:
        """Tell what will fall on the detector.

        :param warmer_c: how much warmer the detector is than its setpoint
        :param number: of the frame, which seeds its noise
        """
        telescope, dome, air = self._around.telescope, self._around.dome, self._around.air
        middle_s = unix_s + exposure_s / 2
        open_air = dome is None or dome.shutter_at(unix_s) == "open"
        # With the dome open a flat is one of the twilight sky; the lamp shines in the closed one.
        of_the_sky = kind == "flat" and dome is not None and open_air
        sees = telescope is not None and ((kind == "light" and open_air) or of_the_sky)
        ra, dec = telescope.true_deg(unix_s) if telescope and sees else (None, None)
        trail = telescope.trail_arcsec(unix_s, exposure_s) if telescope and sees else (0.0, 0.0)
        focuser, rotator = self._around.focuser, self._around.rotator
        return Scene(
            ra_deg=ra,
            dec_deg=dec,
            lamp=kind == "flat" and not of_the_sky,
            exposure_s=exposure_s,
            seeing_arcsec=air.seeing_arcsec(middle_s) if air else _SEEING_ARCSEC,
            sky_mag=self._sky_mag(ra, dec, middle_s),
            dark_e_s=self._camera.dark_e_s * 2 ** (min(warmer_c, 100.0) / 6),
            seed=abs(self._seed) * 1_000_003 + number,
            pattern_seed=abs(self._seed),
            blur_arcsec=focuser.blur_arcsec_at(unix_s) if focuser else 0.0,
            focus_steps=focuser.position_at(unix_s) if focuser else None,
            best_focus_steps=focuser.best_position_at(unix_s) if focuser else None,
            transparency=air.transparency(middle_s) if air else 1.0,
            trail_arcsec=trail,
            angle_deg=rotator.angle_at(unix_s) if rotator else 0.0,
        )

    def _sky_mag(self, ra_deg: float | None, dec_deg: float | None, unix_s: float) -> float:
        """Brighten a dark sky by twilight and Moon."""
        dark = sky_brightness_mag(self._camera.sky_mag, self._horizon.sun_altitude_deg(unix_s))
        if ra_deg is None or dec_deg is None:
            return dark
        # Moonlight is blue: in the near infrared it adds as much to a sky that is a hundred times brighter.
        moon = moonlight_nanolambert(self._horizon, ra_deg, dec_deg, unix_s)
        return mag_of_nanolambert(nanolambert_of_mag(dark) + moon)


def sky_brightness_mag(dark_mag: float, sun_altitude_deg: float) -> float:
    """Brighten a dark sky by twilight.

    A parabola that joins the dark sky at a Sun of -18° and is some 16 mag brighter at sunset, roughly as
    Patat et al. 2006 (A&A 455, 385) measured.
    """
    return dark_mag - 0.05 * max(sun_altitude_deg + 18.0, 0.0) ** 2


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
        "SIM_FWHM": (round(scene.fwhm_arcsec, 3), "[arcsec] true width of a star: seeing and focus"),
        "SIM_TRAN": (round(scene.transparency, 4), "true transparency of the air, 0 to 1"),
        "SIM_SKY": (round(scene.sky_mag, 3), "[mag/arcsec2] true sky brightness"),
        "SIM_DARK": (scene.dark_e_s, "[electron/s] true dark current"),
        "SIM_BIAS": (camera.bias_adu, "[adu] true bias level"),
        "SIM_ZP": (camera.zero_point_mag, "[mag] that gives 1 electron/s"),
        "SIM_COSM": (cosmic_rays(camera, scene), "true number of cosmic rays"),
    }
    if scene.ra_deg is not None and scene.dec_deg is not None:
        cards["SIM_RA"] = (round(scene.ra_deg, 7), "[deg] true pointing, ICRS")
        cards["SIM_DEC"] = (round(scene.dec_deg, 7), "[deg] true pointing, ICRS")
        cards["SIM_ROT"] = (round(scene.angle_deg, 4), "[deg] true position angle, north through east")
        cards["SIM_TRX"] = (round(scene.trail_arcsec[0], 3), "[arcsec] trail to the east while exposing")
        cards["SIM_TRY"] = (round(scene.trail_arcsec[1], 3), "[arcsec] trail to the north while exposing")
    if scene.focus_steps is not None and scene.best_focus_steps is not None:
        cards["SIM_FOC"] = (round(scene.focus_steps, 1), "[step] true focus position")
        cards["SIM_BEST"] = (round(scene.best_focus_steps, 1), "[step] where focus would be best")
    return cards
