"""One camera closely: its last frame in a stretch of one's choice, histogram, figures, and the running exposure."""

from __future__ import annotations

import logging

import ipywidgets as W
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pyros_kernel.snapshot import DeviceView, ImageView, Snapshot
from widgets.cameras import NO_CAMERA
from widgets.card import Calm
from widgets.devices import device_body
from widgets.stretch import STRETCHES, histogram, stretched_png
from widgets.tones import device_state
from widgets.words import age_text, esc, fields, frame, nothing, pill
from widgets.writing import close_tree, put

logger = logging.getLogger(__name__)

_FIGURES = (
    ("stars", "stars", "{:.0f}"),
    ("fwhm_px", "FWHM", "{:.1f} px"),
    ("median", "sky", "{:.0f}"),
    ("noise", "noise", "{:.1f}"),
    ("saturated", "saturated", "{:.0f} px"),
)


_SHOWN_ABOVE = ("activity", "remaining", "exposure")


class FrameViews:
    """A :class:`FrameView` per camera, made when the camera first shows."""

    def __init__(self) -> None:
        self._none = W.HTML(NO_CAMERA)
        self._none.add_class("pyros-card")
        self.widget = W.Box([self._none])
        self.widget.add_class("pyros-frames")
        self._views: dict[str, FrameView] = {}

    def draw(self, snapshot: Snapshot) -> None:
        """Draw each camera."""
        devices = {d.name: d for d in snapshot.devices if d.kind.startswith("camera")}
        images = {i.camera: i for i in snapshot.images}
        names = dict.fromkeys((*devices, *images))
        for name in names:
            view = self._views.get(name)
            if view is None:
                view = self._views[name] = FrameView(name)
            view.draw(devices.get(name), images.get(name), snapshot.time_s)
        put(self.widget, children=(self._none, *(self._views[name].widget for name in names)))
        put(self._none.layout, display="none" if names else "")
        for gone in self._views.keys() - names.keys():
            close_tree(self._views.pop(gone).widget)


class FrameView:
    """One camera."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._head, self._exposing, self._image, self._below = W.HTML(), W.HTML(), W.Image(), W.HTML()
        self._image.add_class("pyros-image")
        self._calm, self._calm_exposing = Calm(self._below), Calm(self._exposing)
        self._choice = W.Dropdown(
            options=list(STRETCHES), value="asinh", description="Stretch", tooltip="How counts become grey"
        )
        self._choice.add_class("pyros-choice")
        self.widget = W.VBox([self._head, self._exposing, self._image, self._choice, self._below])
        self.widget.add_class("pyros-card").add_class("pyros-frame")
        self._drawn: tuple[str, str] = ("", "")
        self._read: tuple[str, NDArray[np.generic] | None] = ("", None)
        self._bars = ""
        self._longest_s = 0.0

    def draw(self, device: DeviceView | None, image: ImageView | None, now_s: float) -> None:
        """Write what changed; the file is read once, and drawn again when another stretch is chosen."""
        put(self._head, value=frame(self._name, "", pill(*device_state(device)) if device else ""))
        put(self._image.layout, display="none" if image is None else "")
        put(self._choice.layout, display="none" if image is None else "")
        if image is not None:
            self._draw_image(image, str(self._choice.value))
        self._calm_exposing.write(self._exposure(device))
        self._calm.write(_said(image, now_s, self._bars) + (device_body(device, _SHOWN_ABOVE) if device else ""))

    def _exposure(self, device: DeviceView | None) -> str:
        """Show how far the running exposure is; of one that another process began the longest rest that was seen."""
        activity = "" if device is None or device.stale else device.state.get("activity", "")
        if device is None or activity not in ("exposing", "reading"):
            self._longest_s = 0.0  # the line stays, so that nothing below it jumps
            return f'<p class="exposing rest">{esc(activity or "not heard of")}</p>'
        left_s = device.values.get("remaining", 0.0)
        self._longest_s = max(self._longest_s, left_s)
        length_s = device.values.get("exposure", self._longest_s)
        bar = f'max="{max(length_s, 1.0):g}" value="{max(length_s - left_s, 0.0):g}" aria-label="{esc(activity)}"'
        of = f" of {length_s:g}" if "exposure" in device.values else ""
        text = f"{esc(activity)}, {left_s:.0f}{of} s left"
        return f'<p class="exposing"><span>{text}</span> <progress {bar}></progress></p>'

    def _draw_image(self, image: ImageView, how: str) -> None:
        if self._drawn == (image.path, how):
            return
        self._drawn = image.path, how
        data = self._data(image)
        self._bars = "" if data is None else _histogram_svg(data)
        put(self._image, value=image.png if data is None else stretched_png(data, how))

    def _data(self, image: ImageView) -> NDArray[np.generic] | None:
        if self._read[0] != image.path:
            self._read = image.path, _read(image.file)
        return self._read[1]


def _read(file: str) -> NDArray[np.generic] | None:
    if not file:
        return None
    try:
        return np.asarray(fits.getdata(file, memmap=False))
    except (OSError, ValueError) as error:
        logger.warning("%s can't be shown: %s; its thumbnail is shown instead", file, error)
        return None


def _said(image: ImageView | None, now_s: float, bars: str) -> str:
    if image is None:
        return nothing("No image yet.")
    age = age_text(max(0.0, now_s - image.time_s))
    figures = fields(
        ((label, form.format(image.figures[k])) for k, label, form in _FIGURES if k in image.figures), "figures"
    )
    return (
        f'<p class="caption"><span>{esc(image.caption)}</span> <small>{age} ago</small></p>'
        f'{figures}{bars}<p class="path"><small>{esc(image.path)}</small></p>'
    )


def _histogram_svg(data: NDArray[np.generic]) -> str:
    heights, low, high = histogram(data)
    points = " ".join(f"{i},{40 * (1 - h):.1f}" for i, h in enumerate(heights.tolist()))
    return (
        f'<svg class="histogram" role="img" aria-label="histogram of counts, {low:.0f} to {high:.0f}" '
        f'viewBox="0 0 {len(heights) - 1} 40" preserveAspectRatio="none">'
        f'<polygon points="0,40 {points} {len(heights) - 1},40"/></svg>'
        f'<p class="caption"><small>{low:.0f}</small><small>counts (logarithmic)</small><small>{high:.0f}</small></p>'
    )
