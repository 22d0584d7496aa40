"""The cameras: what each does, and its last image."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as W

from pyros_kernel.snapshot import DeviceView, ImageView, Snapshot
from widgets.card import Calm
from widgets.devices import device_body
from widgets.tones import device_state
from widgets.words import age_text, esc, frame, nothing, pill
from widgets.writing import close_tree, put

NO_CAMERA = frame("Cameras", nothing("No camera in the store."))


class Cameras:
    """A column per camera, made when the camera first shows in a snapshot."""

    def __init__(self) -> None:
        self._none = W.HTML(NO_CAMERA)
        self.widget = W.HBox([self._none])
        self.widget.add_class("pyros-card").add_class("pyros-cameras")
        self._cameras: dict[str, _Camera] = {}

    def draw(self, snapshot: Snapshot) -> None:
        """Write state, caption and image of each camera."""
        devices = {d.name: d for d in snapshot.devices if d.kind.startswith("camera")}
        images = {i.camera: i for i in snapshot.images}
        names = dict.fromkeys((*devices, *images))
        for name in names:
            camera = self._cameras.get(name)
            if camera is None:
                camera = self._cameras[name] = _Camera(name)
            camera.draw(devices.get(name), images.get(name), snapshot.time_s)
        put(self.widget, children=(self._none, *(self._cameras[name].widget for name in names)))
        put(self._none.layout, display="none" if names else "")
        for gone in self._cameras.keys() - names.keys():
            close_tree(self._cameras.pop(gone).widget)


class _Camera:
    """One camera's column: its name, last image and state; the image first, so that all stand in a row."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._title, self._image, self._caption, self._state = W.HTML(), W.Image(), W.HTML(), W.HTML()
        self._image.add_class("pyros-image")
        self._said = Calm(self._caption), Calm(self._state)
        self.widget = W.VBox([self._title, self._image, self._caption, self._state])
        self.widget.add_class("pyros-camera")

    def draw(self, device: DeviceView | None, image: ImageView | None, now_s: float) -> None:
        put(self._title, value=frame(self._name, "", pill(*device_state(device)) if device else ""))
        caption, state = self._said
        caption.write(_caption(image, now_s))
        state.write(device_body(device) if device else "")
        put(self._image.layout, display="none" if image is None else "")
        if image is not None:
            put(self._image, value=image.png)


def cameras_html(snapshot: Snapshot, source: Callable[[ImageView], str]) -> str:
    """Write the cameras where no widget shows an image.

    :param source: gives an image's address
    """
    devices = {d.name: d for d in snapshot.devices if d.kind.startswith("camera")}
    images = {i.camera: i for i in snapshot.images}
    columns: list[str] = []
    for name in dict.fromkeys((*devices, *images)):
        device, image = devices.get(name), images.get(name)
        shown = (
            "" if image is None else f'<img class="pyros-image" src="{esc(source(image))}" alt="{esc(image.caption)}">'
        )
        said = shown + _caption(image, snapshot.time_s) + (device_body(device) if device else "")
        aside = pill(*device_state(device)) if device else ""
        columns.append(f'<div class="pyros-camera">{frame(name, said, aside)}</div>')
    return "".join(columns) or NO_CAMERA


def _caption(image: ImageView | None, now_s: float) -> str:
    if image is None:
        return nothing("No image yet.")
    age = age_text(max(0.0, now_s - image.time_s))
    return (
        f'<p class="caption"><span>{esc(image.caption)}</span> <small title="{esc(image.path)}">{age} ago</small></p>'
    )
