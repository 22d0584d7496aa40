"""The ground the models stand on: base class, UTC times, statuses that refuse an illegal change."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Double, Enum, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back on the way out.

    :raises ValueError: on the way in, for a datetime without a zone
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring a moment to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time in the store needs a zone, got {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all models; ``group`` is what ``pyros dumpdata`` selects by."""

    group: ClassVar[str]
    # Constraints have names, so that a migration can drop them on every database.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        float: Double(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-10)


def status_column(enum: type[StrEnum], default: StrEnum) -> Mapped[Any]:
    """Make the column of a status: a word in the database, so that adding one needs no migration."""

    def words(members: type[StrEnum]) -> list[str]:
        return [member.value for member in members]

    return mapped_column(Enum(enum, native_enum=False, length=24, values_callable=words), default=default)


class IllegalTransition(Exception):
    """A status was asked to move where it can't go; names entity, both statuses, and what is allowed."""


class Stateful:
    """A model whose ``status`` moves only along declared transitions.

    A subclass declares ``transitions`` (status → the statuses it may move to) and the columns ``status`` and
    ``reason``.  Assigning ``status`` is checked as well, so that no code path goes around :meth:`become`.
    """

    transitions: ClassVar[dict[Any, frozenset[Any]]]
    status: Mapped[Any]
    reason: Mapped[str] = mapped_column(String, default="")

    def become(self, status: StrEnum, reason: str = "") -> None:
        """Move to ``status`` and remember why.

        :raises IllegalTransition: if it can't be reached from the present one
        """
        self.status = status
        self.reason = reason

    @validates("status")
    def _check_status(self, _key: str, new: StrEnum | str) -> StrEnum:
        enum = type(next(iter(self.transitions)))
        target = enum(new)
        old = self.status
        if old is not None and target != old and target not in self.transitions[old]:
            allowed = ", ".join(sorted(self.transitions[old])) or "nothing: it is final"
            raise IllegalTransition(f"{self!r}: {old} → {target} is not allowed; from {old} it can go to {allowed}")
        return target
