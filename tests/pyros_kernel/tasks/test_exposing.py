"""A frame that left the camera is kept whatever fails, and one that can't be what it saw stops the work by name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from instruments import Camera, CameraState, Frame, FrameKind, NotConnected, Operation, Rejected
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.clock import ManualClock
from pyros_kernel.images import ArchiveError, BadFrame, ImageArchive, ImageContext
from pyros_kernel.images.spare import bring_back, spare_archive
from pyros_kernel.store import Image, Night, Site, Store, patience
from pyros_kernel.store.errors import StoreClosed
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks.exposing import bring_filter, take_frame

NIGHT = "2026-11-21"


class ScriptedCamera(Camera):
    """Gives the frames that it is told to, ``late_s`` after they are asked for."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("camera_vis", "scripted")
        self.clock, self.data, self.late_s, self.seed = clock, None, 0.0, 0

    @property
    def connected(self) -> bool:
        return True

    @property
    def last_state(self) -> CameraState | None:
        return None

    def connect(self, timeout_s: float = 5.0) -> None: ...

    def state(self, timeout_s: float = 2.0) -> CameraState:
        raise NotImplementedError

    def abort(self, reason: str = "") -> None: ...

    def disconnect(self) -> None: ...

    def set_filter(self, name: str) -> Operation[CameraState]:
        raise NotImplementedError

    def set_cooling(self, setpoint: u.Quantity | None) -> None: ...

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        operation: Operation[Frame] = Operation(self.name, "expose")
        start = self.clock.now() + self.late_s * u.s
        self.seed += 1
        data = self.data
        if data is None:
            data = np.random.default_rng(self.seed).integers(400, 600, (16, 16)).astype(np.uint16)
        self.clock.advance(float(exposure_time.to_value(u.s)) + 2.0)
        operation.finish(Frame(data, {}, start, exposure_time, kind, "r", self.name))
        return operation


class CutCamera(ScriptedCamera):
    """Loses each exposure with its link, and gives the frame after ``cuts`` of them; with 0 it can't.

    Of the first ``gone`` exposures the frame can't be had any more; its link is cut ``again`` times more.
    """

    gone, again = 0, 0

    def __init__(self, clock: ManualClock, cuts: int) -> None:
        super().__init__(clock)
        self.cuts, self.whole, self.connects = cuts, None, 0

    def connect(self, timeout_s: float = 5.0) -> None:
        self.connects += 1

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        self.whole = super().expose(exposure_time, kind)
        return self._lost()

    def pick_up(self, lost: Operation[Frame]) -> Operation[Frame] | None:
        if self.again:
            self.again -= 1
            raise NotConnected(self.name, "expose", "the link broke once more")
        if self.gone:
            self.gone -= 1
            return None
        if not self.cuts:
            return super().pick_up(lost)
        self.cuts -= 1
        assert self.whole is not None
        return self._lost() if self.cuts else self.whole

    def _lost(self) -> Operation[Frame]:
        operation: Operation[Frame] = Operation(self.name, "expose")
        operation.lose(NotConnected(self.name, "expose", "the link broke; its outcome is unknown"))
        return operation


class ShyCamera(ScriptedCamera):
    """Loses the link within each command to expose, as ``cuts`` says: ``lost``, or ``begun`` though unanswered."""

    def __init__(self, clock: ManualClock, cuts: list[str]) -> None:
        super().__init__(clock)
        self.cuts, self.frames = cuts, 0
        self.begun: Operation[Frame] | None = None

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        cut = self.cuts.pop(0) if self.cuts else ""
        if self.begun is not None:
            raise Rejected(self.name, "expose", "busy", "it exposes")
        if cut != "lost":
            self.frames += 1
            operation = super().expose(exposure_time, kind)
            if not cut:
                return operation
            self.begun = operation
        raise NotConnected(self.name, "expose", "the link broke before the answer")

    def take_up(self) -> Operation[Frame] | None:
        if self.cuts and self.cuts[0] == "late":  # what was sent first is still on its way
            self.cuts.pop(0)
            return None
        begun, self.begun = self.begun, None
        return begun


@dataclass
class Services:
    clock: ManualClock
    store: Store
    archive: ImageArchive


@pytest.fixture
def services(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with store.session() as session:
        sunset, dusk, dawn, sunrise = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (0, 1, 13, 14))
        site = session.scalars(select(Site)).first()
        session.add(Night(name=NIGHT, site=site, sunset=sunset, dusk=dusk, dawn=dawn, sunrise=sunrise))
    yield Services(ManualClock(Time("2026-11-22T06:00:00")), store, ImageArchive(tmp_path / "data"))


@pytest.fixture
def camera(services: Services) -> ScriptedCamera:
    return ScriptedCamera(services.clock)


def take(camera: Camera, services: Services, kind: FrameKind = FrameKind.LIGHT, cancelled: Cancellation | None = None):  # type: ignore[no-untyped-def]
    return take_frame(camera, 10 * u.s, kind, ImageContext(night=NIGHT), services, cancelled or Cancellation())


def kept(services: Services) -> list[str]:
    on_disk = sorted(p.relative_to(services.archive.root).as_posix() for p in services.archive.root.rglob("*.fits"))
    with services.store.session(read_only=True) as session:
        assert sorted(session.scalars(select(Image.path))) == on_disk
    return on_disk


def repeat(camera: ScriptedCamera) -> None:
    camera.data = np.random.default_rng(1).integers(400, 600, (16, 16)).astype(np.uint16)


def stand_still(camera: ScriptedCamera) -> None:
    camera.late_s = -12.0  # the frame before took 12 s of this clock, which is as late as the exposure's slack allows


@pytest.mark.parametrize(
    ("flag", "spoil"),
    [
        ("black", lambda camera: setattr(camera, "data", np.zeros((16, 16), np.uint16))),
        ("constant", lambda camera: setattr(camera, "data", np.full((16, 16), 512, np.uint16))),
        ("duplicate", repeat),
        ("wrong_time", lambda camera: setattr(camera, "late_s", 3600.0)),
        ("wrong_time", lambda camera: setattr(camera, "late_s", -3600.0)),
        ("wrong_time", stand_still),
    ],
)
def test_a_frame_that_can_not_be_what_it_saw_is_kept_and_stops_the_work_by_name(
    services: Services, camera: ScriptedCamera, flag: str, spoil: Callable[[ScriptedCamera], object]
) -> None:
    take(camera, services)
    spoil(camera)
    with pytest.raises(BadFrame, match=rf"camera_vis: expose: bad frame \({flag}\)") as bad:
        take(camera, services)
    assert bad.value.flag == flag
    with services.store.session(read_only=True) as session:
        assert session.get_one(Image, bad.value.image_id).path in kept(services)
    assert len(kept(services)) == 2


def test_an_exposure_is_followed_through_cuts_of_its_link(services: Services) -> None:
    camera = CutCamera(services.clock, cuts=3)
    frame, _ = take(camera, services)
    assert camera.whole is not None and frame is camera.whole.wait(0)
    assert camera.connects == 3
    assert len(kept(services)) == 1


def test_an_exposure_whose_frame_is_gone_is_taken_again(services: Services) -> None:
    camera = CutCamera(services.clock, cuts=1)
    camera.gone, camera.again = 2, 3
    frame, _ = take(camera, services)
    assert camera.whole is not None and frame is camera.whole.wait(0)
    assert camera.seed == 3  # exposures
    assert len(kept(services)) == 1


def test_a_camera_that_can_not_pick_up_fails_with_what_cut_it(services: Services) -> None:
    camera = CutCamera(services.clock, cuts=0)
    with pytest.raises(NotConnected, match="the link broke"):
        take(camera, services)
    assert kept(services) == []


@pytest.mark.parametrize(
    "cuts", [["lost"], ["begun"], ["lost", "lost", "begun"], ["begun", "late"], ["lost", "begun", "late", "late"]]
)
def test_an_exposure_whose_command_was_cut_is_taken_once(services: Services, cuts: list[str]) -> None:
    camera = ShyCamera(services.clock, cuts)
    take(camera, services)
    assert camera.frames == 1
    assert len(kept(services)) == 1


def test_a_camera_that_cuts_each_command_fails_by_name(services: Services) -> None:
    camera = ShyCamera(services.clock, ["lost"] * 99)
    with pytest.raises(NotConnected, match="before the answer"):
        take(camera, services)
    assert camera.frames == 0


class WheelCamera(ScriptedCamera):
    """Turns its wheel though the link is cut before the answer, and is busy for ``turns`` looks."""

    def __init__(self, clock: ManualClock, turns: int) -> None:
        super().__init__(clock)
        self.turns, self.sent = turns, 0

    def state(self, timeout_s: float = 2.0) -> CameraState:
        self.turns -= self.sent > 0
        there = self.sent > 0 and self.turns <= 0
        return SimpleNamespace(filter=SimpleNamespace(value="J" if there else "H"))  # type: ignore[return-value]

    def set_filter(self, name: str) -> Operation[CameraState]:
        self.sent += 1
        if self.sent == 1:
            raise NotConnected(self.name, "set_filter", "the link broke before the answer")
        raise Rejected(self.name, "set_filter", "busy: it is on its way")


def test_a_filter_that_is_on_its_way_is_waited_for(services: Services) -> None:
    camera = WheelCamera(services.clock, turns=3)
    bring_filter(camera, "J", services.clock, Cancellation())
    assert camera.sent == 3


def test_a_filter_that_is_refused_is_not_insisted_on(services: Services) -> None:
    camera = WheelCamera(services.clock, turns=3)
    camera.sent = 1
    with pytest.raises(Rejected):
        bring_filter(camera, "J", services.clock, Cancellation())


def test_a_start_that_did_not_move_is_named(services: Services, camera: ScriptedCamera) -> None:
    start = services.clock.now()
    take(camera, services)
    camera.late_s = float((start - services.clock.now()).to_value(u.s))
    services.clock.speed = 100.0  # type: ignore[misc]  # whose slack hides that it is early
    with pytest.raises(BadFrame, match="same_time"):
        take(camera, services)


def test_a_calibration_may_be_as_even_as_it_likes(services: Services, camera: ScriptedCamera) -> None:
    camera.data = np.full((16, 16), 300, np.uint16)
    for _ in range(2):
        take(camera, services, FrameKind.BIAS)
    assert len(kept(services)) == 2


def test_a_frame_waits_for_a_disk_that_does_not_take_it(services: Services, camera: ScriptedCamera) -> None:
    services.archive.root.mkdir()
    obstacle = services.archive.root / NIGHT
    obstacle.write_text("no folder can be made here")
    done: list[object] = []
    work = threading.Thread(target=lambda: done.append(take(camera, services)))
    work.start()
    time.sleep(0.3)
    assert not done and work.is_alive()
    obstacle.unlink()
    work.join(20)
    assert len(done) == len(kept(services)) == 1


def test_cancelled_meanwhile_it_lies_in_a_second_place_and_is_brought_back(
    services: Services, camera: ScriptedCamera
) -> None:
    services.archive.root.mkdir()
    obstacle = services.archive.root / NIGHT
    obstacle.write_text("no folder can be made here")
    cancelled = Cancellation()
    timer = threading.Timer(0.3, cancelled.set, ("an alert",))
    timer.start()
    with pytest.raises(ArchiveError, match="until the next start the frame lies in") as told:
        take(camera, services, cancelled=cancelled)
    timer.join()
    assert Path(str(told.value).rpartition("lies in ")[2]).is_file()
    assert bring_back(services.archive) == ()  # not yet
    obstacle.unlink()
    (path,) = bring_back(services.archive)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["INSTRUME"] == "camera_vis"
    assert path.is_relative_to(services.archive.root) and bring_back(services.archive) == ()


def test_a_second_place_of_somebody_else_is_not_used(services: Services, tmp_path: Path) -> None:
    root = spare_archive(services.archive).root
    root.rmdir()
    root.symlink_to(tmp_path)
    with pytest.raises(ArchiveError, match="somebody else's"):
        spare_archive(services.archive)


def test_a_row_is_made_once_though_the_answer_was_lost(services: Services, camera: ScriptedCamera) -> None:
    frame, image = take(camera, services)
    path = services.archive.root / image.path
    again = services.archive.add(frame, ImageContext(night=NIGHT), services.store, path)
    assert again.id == image.id and len(kept(services)) == 1


def test_a_store_that_is_away_is_waited_for_but_not_for_ever() -> None:
    tries: list[int] = []

    def work() -> str:
        tries.append(len(tries))
        if len(tries) < 3:
            raise OperationalError("UPDATE", {}, OSError("server closed the connection"))
        return "done"

    assert patiently("this", work) == "done"

    def never() -> None:
        raise OperationalError("UPDATE", {}, OSError("server closed the connection"))

    with pytest.raises(OperationalError):
        patiently("this", never, longest_real_s=0.3)


def test_whoever_waits_for_a_store_ends_with_its_owner(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LAST_REAL_S", 0.3)
    tried = threading.Event()

    def never() -> None:
        tried.set()
        raise OperationalError("UPDATE", {}, OSError("server closed the connection"))

    with ThreadPoolExecutor(2) as pool:
        waits = pool.submit(patiently, "this", never, store.ending)
        assert tried.wait(5)
        store.ending.set()
        with pytest.raises(OperationalError):
            waits.result(timeout=10)
        store.close()

        def closed() -> None:
            with store.session():
                pass

        with pytest.raises(StoreClosed):
            pool.submit(patiently, "this", closed).result(timeout=10)
