"""What an observatory shows of itself: one immutable picture, pulled by panels a few times a second.

Plain values only (unix seconds UTC, degrees), so that drawing costs nothing; no widget is known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pyros_kernel.lease import LeaseView
from pyros_kernel.safety import Rule, Verdict


@dataclass(frozen=True, slots=True)
class NightView:
    """The night: its name, state and limits (unix seconds)."""

    name: str
    status: str
    reason: str
    sunset_s: float
    dusk_s: float
    dawn_s: float
    sunrise_s: float


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device as it last was.

    :param state: label → text, as it is shown
    :param age_s: age of that state in observatory seconds; None if it was never read
    :param stale: whether it is too old to be believed
    :param error: why it can't be reached, or empty
    :param values: the numbers among that state, in the units of the instrument's state
    """

    name: str
    kind: str
    connected: bool
    blocking: bool
    state: dict[str, str] = field(default_factory=dict[str, str])
    age_s: float | None = None
    stale: bool = True
    error: str = ""
    values: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class ImageView:
    """The last image of a camera.

    :param path: of the FITS file, in the data directory
    :param png: a thumbnail
    :param file: the whole path of the FITS file; empty if there is none to read
    :param figures: what the quick-look found: ``stars``, ``fwhm_px``, ``median``, ``noise``, ``saturated``
    """

    camera: str
    path: str
    caption: str
    time_s: float
    png: bytes
    file: str = ""
    figures: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class SequenceView:
    """A sequence in the schedule: placed (with times) or not (with the reason).

    :param curve: (unix seconds, altitude in degrees) through the night
    :param pinned: whether a person fixed its time; ``dropped`` whether one took it out
    :param why: why it has the place it has, or none
    :param needs: constraint → text: what must hold for it to be observed
    """

    id: int
    name: str
    programme: str
    status: str
    reason: str
    start_s: float | None
    end_s: float | None
    is_alert: bool = False
    curve: tuple[tuple[float, float], ...] = ()
    why: str = ""
    min_altitude_deg: float = 0.0
    needs: dict[str, str] = field(default_factory=dict[str, str])
    priority: float = 0.0
    pinned: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class PlanView:
    """The current schedule as a whole.

    :param reason: why it was made, and ``changes`` what it moved
    :param value: in priority × seconds; ``bound`` is what no plan can exceed, None where it is not known (yet)
    """

    made_s: float
    reason: str
    changes: str
    value: float | None
    bound: float | None

    @property
    def gap(self) -> float | None:
        """By what share of its bound it may be short of the best plan at most."""
        if self.value is None or not self.bound:
            return None
        return max(0.0, 1.0 - self.value / self.bound)


@dataclass(frozen=True, slots=True)
class QuotaView:
    """A programme's share of the semester, in seconds; no limit is None."""

    programme: str
    percent: float
    limit_s: float | None
    used_s: float


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert and what became of it.

    :param steps: step → milliseconds (real) since the packet's last byte, in the order they were reached
    :param file: where the packet lies; empty if it was not kept
    :param became: the request that was made of it, with its state; empty if none was
    """

    id: int
    ivorn: str
    title: str
    status: str
    reason: str
    received_s: float
    ra_deg: float | None
    dec_deg: float | None
    steps: dict[str, float] = field(default_factory=dict[str, float])
    file: str = ""
    became: str = ""


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent: state is starting, running, busy, failed, hung, stopped, or unknown: it listens and does not answer.

    :param uptime_s: observatory seconds since its start; None if it does not run
    """

    name: str
    state: str
    last_message: str
    last_message_s: float | None
    queue_depth: int
    errors: int
    restarts: int
    uptime_s: float | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task that waits, runs, or has just ended.

    :param state: a word of Celery's, or LOST
    :param fraction: how far it is, 0 to 1; None if it doesn't say
    :param age_s: real seconds since it ended, else since it began, else since it was sent
    """

    uuid: str
    name: str
    arguments: str
    queue: str
    state: str
    fraction: float | None
    reason: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Spot:
    """Something in the sky: where it is now, and what state it is in.

    :param azimuth_deg: from north through east
    """

    name: str
    status: str
    altitude_deg: float
    azimuth_deg: float
    is_alert: bool = False


@dataclass(frozen=True, slots=True)
class SkyView:
    """The sky above the site.

    :param min_altitude_deg: the site's limit for observing
    """

    moon: Spot
    targets: tuple[Spot, ...]
    min_altitude_deg: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A quantity of the weather over the last hours.

    :param points: (unix seconds, value), oldest first
    :param limit: beyond it a safety rule says unsafe
    :param upper: whether beyond means above
    """

    quantity: str
    unit: str
    points: tuple[tuple[float, float], ...]
    limit: float | None = None
    upper: bool = True


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the observatory's log."""

    time_s: float
    level: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole observatory at one moment.

    :param running: whether the observatory is started
    :param taken_real_s: ``time.monotonic()`` when it was taken, so that a dead refresher shows
    :param timezone: of the site, as in the IANA database
    :param moon_curve: (unix seconds, altitude in degrees) through the night
    :param rules: the safety rules the verdict is made of
    :param lease: who commands; None before the store was asked
    """

    time_s: float
    taken_real_s: float
    speed: float
    running: bool
    site: str
    latitude_deg: float
    longitude_deg: float
    sun_altitude_deg: float
    moon_altitude_deg: float
    moon_illumination: float
    night: NightView | None
    verdict: Verdict | None
    devices: tuple[DeviceView, ...] = ()
    images: tuple[ImageView, ...] = ()
    placed: tuple[SequenceView, ...] = ()
    rejected: tuple[SequenceView, ...] = ()
    alerts: tuple[AlertView, ...] = ()
    agents: tuple[AgentView, ...] = ()
    log: tuple[LogLine, ...] = ()
    errors: tuple[str, ...] = ()
    timezone: str = "UTC"
    moon_curve: tuple[tuple[float, float], ...] = ()
    sky: SkyView | None = None
    weather: tuple[Strip, ...] = ()
    rules: tuple[Rule, ...] = ()
    tasks: tuple[TaskView, ...] = ()
    plan: PlanView | None = None
    quotas: tuple[QuotaView, ...] = ()
    lease: LeaseView | None = None


NOTHING = Snapshot(
    time_s=0.0,
    taken_real_s=0.0,
    speed=1.0,
    running=False,
    site="",
    latitude_deg=0.0,
    longitude_deg=0.0,
    sun_altitude_deg=0.0,
    moon_altitude_deg=0.0,
    moon_illumination=0.0,
    night=None,
    verdict=None,
)
"""What an observatory that is not started shows."""
