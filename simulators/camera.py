"""A camera that is not there."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from instruments.clock import Clock
from instruments.horizon import Horizon
from instruments.pyros.values import iso_ms
from simulators.config import Settings, Site
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.dome import SimulatedDome
from simulators.fitsfile import fits_bytes
from simulators.frame import NIR, CameraSettings, Scene, render, saturation_adu, sky_brightness_mag
from simulators.telescope import SimulatedTelescope

_SEEING_ARCSEC = 1.6


@dataclass(frozen=True, slots=True)
class _Exposure:
    number: int
    start_s: float
    exposure_s: float
    ready_s: float
    kind: str
    filter: str
    fits: Future[bytes]


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


class SimulatedCamera:
    """Behave like a camera, as a function of the clock's time.

    :param name: of the camera, for INSTRUME
    :param kind: ``camera_vis`` or ``camera_nir``
    :param clock: the shared clock
    :param settings: see :class:`simulators.frame.CameraSettings`
    :param around: what stands around it
    :param seed: of noise and seeing
    """

    def __init__(self, name: str, kind: str, clock: Clock, settings: Settings, around: Around, seed: int) -> None:
        self._name, self._clock, self._around, self._seed = name, clock, around, seed
        given = settings_of(CameraSettings, settings, name)
        keys = {key: getattr(given, key) for key in settings}
        self._set = replace(NIR if kind == "camera_nir" else CameraSettings(), **keys)
        if not self._set.filters:
            raise ValueError(f"{name}: a camera needs at least one filter")
        self._horizon = Horizon(around.site.latitude_deg, around.site.longitude_deg)
        self._waves = [random.Random(seed + i).uniform(0, 6.3) for i in range(3)]
        self._upload: tuple[float, str] | None = None
        self._wanted_filter: str | None = None
        self._filter, self._filter_ready_s = self._set.filters[0], 0.0
        self._setpoint: float | None = self._set.setpoint_c
        self._temperature = (self._set.setpoint_c, clock.unix_s())
        self._running: _Exposure | None = None
        self._last: _Exposure | None = None
        self._number = 0

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("GET", "IMAGE"): self._image,
            ("SET", "EXPOSURE"): self._set_exposure,
            ("SET", "FILTER"): self._set_filter,
            ("SET", "COOLER"): self._set_cooler,
            ("DO", "EXPOSE"): self._expose,
            ("DO", "FILTER"): self._move_filter,
            ("DO", "ABORT"): self._abort,
        }

    def _settle(self, unix_s: float) -> None:
        """Make a finished exposure the last frame."""
        running = self._running
        if running is not None and unix_s >= running.ready_s and running.fits.done():
            self._last, self._running = running, None

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._settle(now)
        activity, remaining = "idle", 0.0
        if self._running is not None:
            remaining = max(self._running.ready_s - now, 0.0)
            exposing = now < self._running.start_s + self._running.exposure_s
            activity = "exposing" if exposing else "reading"
        return Reply(
            {
                "time": iso_ms(now),
                "activity": activity,
                "filter": self._filter,
                "filter_moving": now < self._filter_ready_s,
                "filters": list(self._set.filters),
                "temperature": round(self._temperature_at(now), 2),
                "cooler": self._setpoint is not None,
                "remaining": round(remaining, 3),
                "frame": 0 if self._last is None else self._last.number,
            }
        )

    def _image(self, params: Params) -> Reply:
        self._settle(self._clock.unix_s())
        if self._last is None:
            raise Refusal("refused", "there is no frame yet; use DO EXPOSE first")
        last, payload = self._last, self._last.fits.result(0)
        return Reply(
            {
                "bytes": len(payload),
                "frame": last.number,
                "start": iso_ms(last.start_s),
                "exposure": last.exposure_s,
                "kind": last.kind,
                "filter": last.filter,
            },
            payload,
        )

    def _set_exposure(self, params: Params) -> Reply:
        self._upload = 0.0 if params["kind"] == "bias" else float(params["time"]), str(params["kind"])
        return Reply()

    def _set_filter(self, params: Params) -> Reply:
        self._wanted_filter = None
        if params["name"] not in self._set.filters:
            raise Refusal("range", f"no filter {params['name']!r}; there are {', '.join(self._set.filters)}")
        self._wanted_filter = str(params["name"])
        return Reply()

    def _set_cooler(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._temperature = self._temperature_at(now), now
        self._setpoint = None if params["temperature"] == "off" else float(params["temperature"])
        return Reply()

    def _expose(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._must_be_idle(now)
        if self._upload is None:
            raise Refusal("refused", "no exposure was uploaded; use SET EXPOSURE first")
        exposure_s, kind = self._upload
        self._number += 1
        # The frame is made while the exposure runs, so that it is there when a fast clock wants it.
        scene = self._scene(kind, exposure_s, now)
        fits = self._around.threads.submit(self._make, scene, self._cards(kind, exposure_s, now, scene))
        ready_s = now + exposure_s + self._set.readout_s
        self._running = _Exposure(self._number, now, exposure_s, ready_s, kind, self._filter, fits)
        return Reply({"eta": round(ready_s - now, 3), "frame": self._number})

    def _move_filter(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._must_be_idle(now)
        if self._wanted_filter is None:
            raise Refusal("refused", "no filter was uploaded; use SET FILTER first")
        if self._wanted_filter != self._filter:
            self._filter, self._filter_ready_s = self._wanted_filter, now + self._set.filter_s
        return Reply({"eta": round(max(self._filter_ready_s - now, 0.0), 3)})

    def _abort(self, params: Params) -> Reply:
        self._settle(self._clock.unix_s())
        self._running = None
        return Reply()

    def _must_be_idle(self, now: float) -> None:
        self._settle(now)
        if self._running is not None:
            raise Refusal("busy", f"frame {self._running.number} is being taken; wait, or DO ABORT")
        if now < self._filter_ready_s:
            raise Refusal("busy", f"the filter {self._filter} is on its way; wait")

    def _scene(self, kind: str, exposure_s: float, now: float) -> Scene:
        telescope, dome = self._around.telescope, self._around.dome
        sees_sky = kind == "light" and telescope is not None and (dome is None or dome.shutter_at(now) == "open")
        ra, dec = telescope.true_deg(now) if telescope is not None and sees_sky else (None, None)
        warmer = self._temperature_at(now) - self._set.setpoint_c
        return Scene(
            ra_deg=ra,
            dec_deg=dec,
            lamp=kind == "flat",
            exposure_s=exposure_s,
            seeing_arcsec=self._seeing_arcsec(now),
            sky_mag=sky_brightness_mag(self._set.sky_mag, self._horizon.sun_altitude_deg(now)),
            dark_e_s=self._set.dark_e_s * 2 ** (min(warmer, 100.0) / 6),
            seed=abs(self._seed) * 1_000_003 + self._number,
        )

    def _cards(self, kind: str, exposure_s: float, now: float, scene: Scene) -> dict[str, tuple[object, str]]:
        cards: dict[str, tuple[object, str]] = {
            "DATE-OBS": (iso_ms(now), "start of exposure, UTC"),
            "TIMESYS": ("UTC", "time scale"),
            "EXPTIME": (exposure_s, "[s] open-shutter time"),
            "IMAGETYP": (kind, "kind of frame"),
            "FILTER": (self._filter, "filter in the beam"),
            "INSTRUME": (self._name, "name of the camera"),
            "GAIN": (self._set.gain_e_adu, "[electron/adu] gain"),
            "RDNOISE": (self._set.read_noise_e, "[electron] read noise"),
            "CCD-TEMP": (round(self._temperature_at(now), 2), "[deg C] detector temperature"),
            "SATURATE": (round(saturation_adu(self._set), 1), "[adu] saturation level"),
            "PIXSCALE": (self._set.scale_arcsec, "[arcsec] of a pixel"),
            "SIM_SEE": (round(scene.seeing_arcsec, 3), "[arcsec] true seeing"),
            "SIM_SKY": (round(scene.sky_mag, 3), "[mag/arcsec2] true sky brightness"),
            "SIM_DARK": (scene.dark_e_s, "[electron/s] true dark current"),
            "SIM_BIAS": (self._set.bias_adu, "[adu] true bias level"),
            "SIM_ZP": (self._set.zero_point_mag, "[mag] that gives 1 electron/s"),
        }
        if scene.ra_deg is not None and scene.dec_deg is not None:
            cards["SIM_RA"] = (round(scene.ra_deg, 7), "[deg] true pointing, ICRS")
            cards["SIM_DEC"] = (round(scene.dec_deg, 7), "[deg] true pointing, ICRS")
        return cards

    def _make(self, scene: Scene, cards: Mapping[str, tuple[object, str]]) -> bytes:
        return fits_bytes(render(self._set, scene), cards)

    def _seeing_arcsec(self, now: float) -> float:
        a, b, c = self._waves
        slow = math.sin(now / 1900 + a) + math.sin(now / 700 + b) + math.sin(now / 290 + c)
        return _SEEING_ARCSEC * (1 + 0.12 * slow)

    def _temperature_at(self, now: float) -> float:
        start, since_s = self._temperature
        goal = self._set.ambient_c if self._setpoint is None else self._setpoint
        reach = self._set.cooling_c_s * (now - since_s)
        return start + max(-reach, min(reach, goal - start))
