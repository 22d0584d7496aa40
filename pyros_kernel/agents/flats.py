"""The flats of a night: which are still wanted, and whether the twilight is right for them now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import or_, select

from pyros_kernel.recipes import take_flats
from pyros_kernel.safety.sun import sun_altaz_deg
from pyros_kernel.scheduling.sequences import candidates
from pyros_kernel.services import Services
from pyros_kernel.store import Channel, Filter, RecipeRecord, RecipeStatus, Sequence

# Altitudes of the Sun.  From the first to the second in the evening, and back in the morning, an exposure that is
# neither too short nor too long gives the level; take_flats waits for its light, and says when it has passed.  In the
# near infrared the sky is bright until long after the stars have come out.
_LIGHT_DEG = {Channel.VIS: (-1.0, -8.0), Channel.NIR: (-4.0, -12.0)}
_TAKE_S = 240.0  # so long before a sequence's start none is begun


@dataclass(frozen=True, slots=True)
class Flats:
    """Flats of one camera through one filter."""

    channel: Channel
    filter: str

    def __str__(self) -> str:
        return f"flats of {self.channel} in {self.filter}"


class TwilightFlats:
    """Tell which flats are to be taken next; each of the filters that the night's sequences use is wanted once.

    What needs much light is taken while there is much: in the evening VIS before NIR and a narrow filter before a wide
    one, in the morning the other way round.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._left: list[Flats] | None = None
        self._too_late: set[Channel] = set()  # those whose light of this twilight has passed

    def next(self, free_s: float) -> Flats | None:
        """Give the flats that should be taken now, or None.

        :param free_s: observatory seconds until a sequence begins
        """
        now_deg = self._sun_deg(0.0)
        self._too_late = {channel for channel in self._too_late if now_deg >= _LIGHT_DEG[channel][1]}
        if free_s < _TAKE_S:
            return None
        lit = {channel for channel, (bright, dark) in _LIGHT_DEG.items() if dark <= now_deg <= bright}
        if not lit - self._too_late:
            return None
        now = [flats for flats in self._wanted() if flats.channel in lit - self._too_late]
        if not now:
            return None
        return now[-1] if self._rises else now[0]

    @property
    def to_come(self) -> bool:
        """Whether some are left for a morning that has not become too bright yet."""
        now_deg = self._sun_deg(0.0)

        def hopeless(channel: Channel) -> bool:
            bright, dark = _LIGHT_DEG[channel]
            return now_deg > bright or (channel in self._too_late and now_deg >= dark)

        return self._rises and any(not hopeless(flats.channel) for flats in self._wanted())

    def done(self, flats: Flats) -> None:
        """Note that they are taken, or that they never will be in this night."""
        self._left = [other for other in self._left or [] if other != flats]

    def missed(self, channel: Channel) -> str:
        """Note that a channel's light of this twilight has passed, and say what comes of its flats."""
        self._too_late.add(channel)
        return f"no more of {channel} this night" if self._rises else f"{channel} goes on in the morning"

    @property
    def _rises(self) -> bool:
        return self._sun_deg(60.0) > self._sun_deg(0.0)

    def _wanted(self) -> list[Flats]:
        if self._left is None:
            self._left = _wanted(self._services)
        cameras = self._services.devices.cameras
        return [flats for flats in self._left if flats.channel in cameras]

    def _sun_deg(self, in_s: float) -> float:
        site, now_s = self._services.site, self._services.clock.unix_s()
        return sun_altaz_deg(site.latitude_deg, site.longitude_deg, now_s + in_s)[0]


def _wanted(services: Services) -> list[Flats]:
    """Give the night's filters in the order of an evening, without those whose flats were taken in this night.

    Of filters of the same width, that of most images comes first.
    """
    sunset = datetime.fromtimestamp(services.sky.night.sunset_unix_s, UTC)
    images: Counter[Flats] = Counter()
    with services.store.session(read_only=True) as session:
        tonight = session.scalars(select(Sequence).where(or_(Sequence.started >= sunset, Sequence.ended >= sunset)))
        for sequence in {s.id: s for s in [*tonight, *candidates(session)]}.values():
            for album in sequence.albums:
                for plan in album.plans:
                    images[Flats(album.channel, plan.filter)] += plan.number_of_images
        taken = RecipeRecord.name == take_flats.name, RecipeRecord.started >= sunset
        runs = session.scalars(select(RecipeRecord).where(*taken, RecipeRecord.status == RecipeStatus.DONE))
        have = {(run.arguments.get("channel"), run.arguments.get("filter")) for run in runs}
        width_nm = {row.name: row.bandwidth_nm for row in session.scalars(select(Filter))}
    channels = list(_LIGHT_DEG)
    order = sorted(images, key=lambda f: (channels.index(f.channel), width_nm.get(f.filter, 0.0), -images[f], f.filter))
    return [flats for flats in order if (flats.channel.value, flats.filter) not in have]
