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
from pyros_kernel.store import Channel, RecipeRecord, RecipeStatus, Sequence

# From here to there in the evening, and back in the morning, an exposure that is neither too short nor too long gives
# the level; take_flats waits for its light, and says when it has passed.
_BRIGHT_DEG, _DARK_DEG = -1.0, -8.0
_TAKE_S = 240.0  # so long before a sequence's start none is begun


@dataclass(frozen=True, slots=True)
class Flats:
    """Flats of one camera through one filter."""

    channel: Channel
    filter: str

    def __str__(self) -> str:
        return f"flats of {self.channel} in {self.filter}"


class TwilightFlats:
    """Tell which flats are to be taken next; each of the filters that the night's sequences use is wanted once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._left: list[Flats] | None = None
        self._too_late = False  # the light of this twilight has passed

    def next(self, free_s: float) -> Flats | None:
        """Give the flats that should be taken now, or None.

        :param free_s: observatory seconds until a sequence begins
        """
        if free_s < _TAKE_S or not _DARK_DEG <= self._sun_deg(0.0) <= _BRIGHT_DEG:
            if self._sun_deg(0.0) < _DARK_DEG:
                self._too_late = False  # the morning is another twilight
            return None
        wanted = self._wanted()
        return wanted[0] if wanted and not self._too_late else None

    @property
    def to_come(self) -> bool:
        """Whether some are left for a morning that has not become too bright yet."""
        rises, now_deg = self._sun_deg(60.0) > self._sun_deg(0.0), self._sun_deg(0.0)
        return (
            rises and now_deg <= _BRIGHT_DEG and not (self._too_late and now_deg >= _DARK_DEG) and bool(self._wanted())
        )

    def done(self, flats: Flats) -> None:
        """Note that they are taken, or that they never will be in this night."""
        self._left = [other for other in self._left or [] if other != flats]

    def missed(self) -> None:
        """Note that the light of this twilight has passed."""
        self._too_late = True

    def _wanted(self) -> list[Flats]:
        if self._left is None:
            self._left = _wanted(self._services)
        cameras = self._services.devices.cameras
        return [flats for flats in self._left if flats.channel in cameras]

    def _sun_deg(self, in_s: float) -> float:
        site, now_s = self._services.site, self._services.clock.unix_s()
        return sun_altaz_deg(site.latitude_deg, site.longitude_deg, now_s + in_s)[0]


def _wanted(services: Services) -> list[Flats]:
    """Give the night's filters, those of most images first, without those whose flats were taken in this night."""
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
    order = sorted(images, key=lambda f: (-images[f], f.channel, f.filter))
    return [flats for flats in order if (flats.channel.value, flats.filter) not in have]
