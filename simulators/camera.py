"""A camera that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from instruments.clock import Clock
from instruments.pyros.values import iso_ms
from simulators.config import Settings
from simulators.detector import NIR, CameraSettings
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.fitsfile import fits_bytes
from simulators.frame import Scene, render
from simulators.motion import EvenMove
from simulators.view import Around, View, camera_cards
from simulators.wheel import Wheel


@dataclass(frozen=True, slots=True)
class _Exposure:
    number: int
    start_s: float
    exposure_s: float
    ready_s: float
    kind: str
    filter: str
    fits: Future[bytes]


class SimulatedCamera:
    """Behave like a camera, as a function of the clock's time.

    :param name: of the camera, for INSTRUME
    :param kind: ``camera_vis`` or ``camera_nir``
    :param clock: the shared clock
    :param settings: see :class:`simulators.detector.CameraSettings`
    :param around: what stands around it
    :param seed: of noise and seeing
    """

    def __init__(self, name: str, kind: str, clock: Clock, settings: Settings, around: Around, seed: int) -> None:
        self._name, self._clock, self._threads = name, clock, around.threads
        given = settings_of(CameraSettings, settings, name)
        keys = {key: getattr(given, key) for key in settings}
        self._set = replace(NIR if kind == "camera_nir" else CameraSettings(), **keys)
        if not self._set.filters:
            raise ValueError(f"{name}: a camera needs at least one filter")
        self._view = View(self._set, around, seed)
        self._upload: tuple[float, str] | None = None
        self.wheel = Wheel(self._set.filters, self._set.filter_s)
        self._cooled = True
        self._temperature = EvenMove(self._set.setpoint_c, self._set.setpoint_c, 0.0, self._set.cooling_c_s)
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
            ("DO", "STOP"): self._stop,
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
                "filter": self.wheel.at(now),
                "filter_moving": self.wheel.left_s(now) > 0,
                "filters": list(self._set.filters),
                "temperature": round(self._temperature.at(now), 2),
                "cooler": self._cooled,
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
        self.wheel.upload(str(params["name"]))
        return Reply()

    def _set_cooler(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._cooled = params["temperature"] != "off"
        goal = float(params["temperature"]) if self._cooled else self._set.ambient_c
        self._temperature = self._temperature.to(goal, now)
        return Reply()

    def _expose(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._must_be_idle(now)
        if self._upload is None:
            raise Refusal("refused", "no exposure was uploaded; use SET EXPOSURE first")
        exposure_s, kind = self._upload
        self._number += 1
        self._running = running = self._begin(self._number, now, exposure_s, kind)
        return Reply({"eta": round(running.ready_s - now, 3), "frame": running.number})

    def _begin(self, number: int, start_s: float, exposure_s: float, kind: str) -> _Exposure:
        # The frame is made while the exposure runs, so that it is there when a fast clock wants it.
        warmer_c = self._temperature.at(start_s) - self._set.setpoint_c
        scene = self._view.scene(kind, exposure_s, start_s, warmer_c, number)
        cards = {
            "DATE-OBS": (iso_ms(start_s), "start of exposure, UTC"),
            "IMAGETYP": (kind, "kind of frame"),
            "FILTER": (self.wheel.goal, "filter in the beam"),
            "INSTRUME": (self._name, "name of the camera"),
            "CCD-TEMP": (round(self._temperature.at(start_s), 2), "[deg C] detector temperature"),
            **camera_cards(self._set, scene),
        }
        fits = self._threads.submit(self._make, scene, cards)
        ready_s = start_s + exposure_s + self._set.readout_s
        return _Exposure(number, start_s, exposure_s, ready_s, kind, self.wheel.goal, fits)

    def _stop(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._settle(now)
        running = self._running
        if running is None:
            return Reply({"eta": 0.0})
        if now < running.start_s + running.exposure_s:
            running = self._begin(running.number, running.start_s, round(now - running.start_s, 3), running.kind)
            self._running = running
        return Reply({"eta": round(max(running.ready_s - now, 0.0), 3)})

    def _move_filter(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._must_be_idle(now)
        return Reply({"eta": round(self.wheel.go(now), 3)})

    def _abort(self, params: Params) -> Reply:
        self._settle(self._clock.unix_s())
        self._running = None
        return Reply()

    def _must_be_idle(self, now: float) -> None:
        self._settle(now)
        if self._running is not None:
            raise Refusal("busy", f"frame {self._running.number} is being taken; wait, or DO ABORT")
        if self.wheel.left_s(now) > 0:
            raise Refusal("busy", f"the filter {self.wheel.goal} is on its way; wait")

    def _make(self, scene: Scene, cards: Mapping[str, tuple[object, str]]) -> bytes:
        return fits_bytes(render(self._set, scene), cards)
