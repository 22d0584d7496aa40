"""What the cells of the night's notebooks caused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from pyros_kernel.report.sequences import Interval, SequenceFacts
from pyros_kernel.store import Alert, CellEffect, Image, Intervention, Night, RecipeRecord, Request


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a cell caused.

    :param anchor: where the report tells of it; empty where it does not
    :param paths: of its images, in the data directory
    """

    text: str
    anchor: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellFacts:
    """A cell, and what it caused.

    :param place: among the cells of the night, from 1
    :param number: as the notebook shows it
    :param id: JupyterLab's; empty where the front end said none
    """

    place: int
    number: int
    id: str
    source: str
    effects: tuple[Effect, ...]

    @property
    def anchors(self) -> frozenset[str]:
        """What of the report it caused."""
        return frozenset(effect.anchor for effect in self.effects)


def read_cells(
    session: Session, night: Night, span: Interval, sequences: Iterable[SequenceFacts], images: Sequence[Image]
) -> tuple[CellFacts, ...]:
    """Read the cells that caused something of a night, in the order in which they first did.

    :param span: what belongs to the night
    """
    told = _Told(session, night, span, {fact.id: fact for fact in sequences}, images)
    cells: dict[tuple[str, int, str], tuple[str, list[Effect]]] = {}
    for row in session.scalars(select(CellEffect).order_by(CellEffect.id)):
        effects = list(told.effects(row))
        if effects:
            cells.setdefault((row.kernel, row.number, row.cell), (row.source, []))[1].extend(effects)
    return tuple(
        CellFacts(place, number, cell, source, tuple(effects))
        for place, ((_, number, cell), (source, effects)) in enumerate(cells.items(), 1)
    )


class _Told:
    """Say what became of each thing a cell caused, as far as it belongs to one night."""

    def __init__(
        self,
        session: Session,
        night: Night,
        span: Interval,
        facts: Mapping[int, SequenceFacts],
        images: Sequence[Image],
    ) -> None:
        self._session, self._night, self._span, self._facts, self._images = session, night, span, facts, images

    def effects(self, row: CellEffect) -> Iterator[Effect]:
        """Tell of a cell's effects on this night."""
        tell = {
            "night": self._of_night,
            "request": self._of_request,
            "alert": self._of_alert,
            "recipe_run": self._of_recipe,
            "intervention": self._of_intervention,
        }[row.what]
        for target in row.targets:
            yield from tell(target)

    def _of_night(self, name: str) -> Iterator[Effect]:
        if name == self._night.name:
            done = sum(fact.outcome == "executed" for fact in self._facts.values())
            text = f"the night: {done} of {len(self._facts)} sequences executed"
            yield Effect(text, "sequences", _paths(self._images))

    def _of_request(self, key: str) -> Iterator[Effect]:
        request = self._session.get(Request, int(key), options=[selectinload(Request.sequences)])
        yield from self._sequences(request)

    def _of_alert(self, ivorn: str) -> Iterator[Effect]:
        alerts = select(Alert).where(Alert.ivorn == ivorn)
        for alert in self._session.scalars(alerts.options(joinedload(Alert.request).selectinload(Request.sequences))):
            yield Effect(f"alert {ivorn}: {alert.status}", f"alert-{ivorn}")
            yield from self._sequences(alert.request)

    def _of_recipe(self, key: str) -> Iterator[Effect]:
        run = self._session.get(RecipeRecord, int(key), options=[selectinload(RecipeRecord.steps)])
        if run is not None and self._span[0] <= run.created <= self._span[1]:
            results = [step.result for step in run.steps if isinstance(step.result, dict)]
            taken = {result.get("image") for result in results}
            images = [image for image in self._images if image.id in taken]
            yield Effect(f"recipe {run.name}, run {run.id}: {run.status}", "", _paths(images))

    def _of_intervention(self, key: str) -> Iterator[Effect]:
        wanted = self._session.get(Intervention, int(key), options=[joinedload(Intervention.sequence)])
        if wanted is not None and wanted.night_id == self._night.id:
            of = wanted.sequence
            name, anchor = ("", "") if of is None else (f" {of.name}", f"sequence-{of.id}")
            yield Effect(f"{wanted.kind}{name}" + (f": {wanted.reason}" if wanted.reason else ""), anchor)

    def _sequences(self, request: Request | None) -> Iterator[Effect]:
        for row in request.sequences if request is not None else ():
            if (fact := self._facts.get(row.id)) is not None:
                yield Effect(f"{fact.name}: {fact.outcome}", f"sequence-{fact.id}", _paths(fact.images))


def _paths(images: Iterable[Image]) -> tuple[str, ...]:
    return tuple(image.path for image in images)
