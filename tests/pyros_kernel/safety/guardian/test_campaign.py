"""How the observatory is closed, against devices that are slow, deaf, refuse, and are moved by others."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from pyros_kernel.safety.guardian.campaign import Campaign, Facts

PARK_S, CLOSE_S = 15.0, 30.0


@dataclass
class World:
    """A dome, a telescope and a camera that move with time; each may be deaf for a while."""

    now_s: float = 0.0
    closing_until_s: float | None = None
    parking_until_s: float | None = None
    closed: bool = False
    parked: bool = False
    exposing: bool = True
    deaf: dict[str, float] = field(default_factory=dict[str, float])
    done: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def pass_(self, seconds: float) -> None:
        self.now_s += seconds
        if self.closing_until_s is not None and self.now_s >= self.closing_until_s:
            self.closed, self.closing_until_s = True, None
        if self.parking_until_s is not None and self.now_s >= self.parking_until_s:
            self.parked, self.parking_until_s = True, None

    def hears(self, device: str) -> bool:
        return self.now_s >= self.deaf.get(device, 0.0)

    def facts(self) -> Facts:
        shutter = "closed" if self.closed else "closing" if self.closing_until_s else "open"
        motion = "parked" if self.parked else "parking" if self.parking_until_s else "tracking"
        return Facts(
            shutter if self.hears("dome") else None,
            self.closed and self.hears("dome"),
            motion if self.hears("telescope") else None,
            ("camera",) if self.exposing else (),
        )

    def obey(self, order: str) -> float | None:
        device = {"park": "telescope", "close": "dome"}.get(order, "camera")
        if not self.hears(device):
            return None
        self.done.append((self.now_s, order))
        if order == "close":
            self.closing_until_s = self.closing_until_s or self.now_s + CLOSE_S
            return CLOSE_S
        if order == "park":
            self.parking_until_s = self.parking_until_s or self.now_s + PARK_S
            return PARK_S
        self.exposing = False
        return 0.0

    def step(self, campaign: Campaign, seconds: float = 0.5) -> None:
        facts = self.facts()
        for order in campaign.orders(facts, self.now_s):
            campaign.sent(order, self.now_s, self.obey(order))
        self.pass_(seconds)


def test_it_aborts_parks_and_then_closes() -> None:
    world, campaign = World(), Campaign("wind", False, 0.0, 1.0)
    while not campaign.done(world.facts()):
        world.step(campaign)
        assert world.now_s < 60
    assert [order for _, order in world.done] == ["camera", "park", "close"]
    assert world.done[2][0] >= PARK_S, "the dome waits until the telescope is parked"


def test_rain_closes_first() -> None:
    world, campaign = World(), Campaign("rain", True, 0.0, 1.0)
    world.step(campaign)
    assert world.done[0] == (0.0, "close")
    assert (0.0, "park") in world.done


def test_in_an_emergency_a_dome_that_seems_closed_is_told_all_the_same() -> None:
    world, campaign = World(closed=True, parked=True, exposing=False), Campaign("rain", True, 0.0, 1.0)
    world.step(campaign)
    assert world.done == [(0.0, "close")]


def test_a_dead_telescope_keeps_the_dome_open_for_two_seconds_only() -> None:
    world, campaign = World(deaf={"telescope": 1e9}), Campaign("wind", False, 0.0, 1.0)
    while not world.closed:
        world.step(campaign)
    assert 2.0 <= min(t for t, order in world.done if order == "close") <= 2.5


def test_a_telescope_that_never_arrives_does_not_keep_the_dome_open() -> None:
    world, campaign = World(), Campaign("wind", False, 0.0, 1.0)
    while not world.closed:
        world.parking_until_s = None  # it is told, and goes on tracking
        world.step(campaign)
        assert world.now_s < 200


def test_an_exposure_in_a_closed_dome_is_left_alone() -> None:
    world, campaign = World(closed=True), Campaign("the kernel is gone", False, 0.0, 1.0)
    for _ in range(100):
        world.step(campaign)
    assert world.exposing and world.parked


@settings(max_examples=150, deadline=None)
@given(
    at_once=st.booleans(),
    deaf_dome=st.floats(0, 120),
    deaf_telescope=st.floats(0, 400),
    meddling=st.lists(st.tuples(st.floats(0, 120), st.sampled_from(["open", "unpark"])), max_size=6),
)
def test_whatever_happens_it_ends_closed_and_parked(
    at_once: bool, deaf_dome: float, deaf_telescope: float, meddling: list[tuple[float, str]]
) -> None:
    world = World(deaf={"dome": deaf_dome, "telescope": deaf_telescope})
    campaign = Campaign("it", at_once, 0.0, 1.0)
    left = sorted(meddling)
    while not campaign.done(world.facts()) or left:
        while left and left[0][0] <= world.now_s:
            if left.pop(0)[1] == "open":
                world.closed, world.closing_until_s = False, None
            else:
                world.parked, world.parking_until_s = False, None
        world.step(campaign)
        assert world.now_s < max(deaf_dome, deaf_telescope) + 400, "it must come to an end"
    for (earlier_s, one), (later_s, other) in zip(world.done, world.done[1:], strict=False):
        assert one != other or later_s > earlier_s, "the same command is not sent twice at once"
