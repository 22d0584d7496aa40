"""The light of flats: what the last frames told of it, and the exposure that gives a level now."""

from __future__ import annotations

SHORTEST_S, LONGEST_S = 0.05, 120.0
_FIRST_S = 0.5
_TOO_BRIGHT = 60_000.0  # a frame at the end of its range tells nothing of the light
_TOO_FAINT = 0.02  # of the level: of so little light a frame tells nothing either
_WITHIN = 0.2  # of the level that is wanted


class Light:
    """A light that stays, fades or brightens.

    Each frame tells how much there is, and the last two how fast it changes.

    :param level: counts above those of no light that a frame should have
    :param zero: counts of no light
    """

    def __init__(self, level: float, zero: float) -> None:
        self._level, self._zero = level, zero
        self._fitted_s = _FIRST_S  # what would have given the level when the last frame was taken
        self._before: tuple[float, float] | None = None  # unix seconds and counts a second …
        self._last: tuple[float, float] | None = None  # … of the two frames that told something
        self._way_s = 0.0

    def saw(self, counts: float, exposure_s: float, at_s: float, chosen_s: float) -> bool:
        """Learn from a frame.

        :param counts: in the middle of its pixels
        :param at_s: its middle, in unix seconds
        :param chosen_s: when its exposure was chosen
        :return: whether it came near the level
        """
        light, saturated = counts - self._zero, counts > _TOO_BRIGHT
        self._fitted_s = fitted_exposure_s(exposure_s, light, self._level, saturated=saturated)
        self._way_s = max(0.0, at_s - exposure_s / 2 - chosen_s)
        told = not saturated and light > _TOO_FAINT * self._level
        self._before = self._last if told else None
        self._last = (at_s, light / exposure_s) if told else None
        return abs(light - self._level) <= _WITHIN * self._level

    def exposure_s(self, now_s: float) -> float:
        """Give the exposure for the level, if it is chosen now; it may be too short or too long to be taken.

        From the choice to the exposure passes what passed at the last frame.
        """
        if self._before is None or self._last is None:
            return self._fitted_s
        exposure_s = self._fitted_s
        for _ in range(2):  # one that is longer has its middle later
            middle_s = now_s + self._way_s + exposure_s / 2
            exposure_s = self._fitted_s / brightening(self._before, self._last, middle_s)
        return exposure_s


def brightening(before: tuple[float, float], last: tuple[float, float], next_s: float) -> float:
    """Foretell by how much the light will have changed from the last frame to the next one.

    Twilight fades and brightens by the same factor in the same time, within some minutes.

    :param before: time (unix seconds) and light of the frame before the last one
    :param last: those of the last one
    :param next_s: time of the next one, as far as can be told
    :return: within a quarter and four: what two frames say of more than that is no trend
    """
    between_s = last[0] - before[0]
    if between_s <= 0:
        return 1.0
    ahead = min(max((next_s - last[0]) / between_s, 0.0), 10.0)
    return min(max((last[1] / before[1]) ** ahead, 0.25), 4.0)


def fitted_exposure_s(exposure_s: float, light: float, wanted: float, *, saturated: bool = False) -> float:
    """Give the exposure for a level, by the last frame's.

    :param light: counts above the bias that ``exposure_s`` gave
    :param wanted: counts above the bias
    :param saturated: whether that frame was too bright to tell
    """
    if saturated:
        return exposure_s / 8
    return exposure_s * wanted / light if light > _TOO_FAINT * wanted else 8 * exposure_s
