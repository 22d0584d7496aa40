"""First night: every table of the store."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _table(name: str, *items: Any) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        *items,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )


def _text(name: str, length: int | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False)


def _word(name: str) -> sa.Column[Any]:
    return _text(name, 24)


def _number(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double(), nullable=nullable)


def _whole(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _time(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _to(table: str, column: str, target: str, nullable: bool = False) -> sa.Column[Any]:
    key = sa.ForeignKey(f"{target}.id", name=f"fk_{table}_{column}_{target}")
    return sa.Column(column, sa.Integer(), key, nullable=nullable)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    """Make every table."""
    _table("agent_log", _time("time"), _text("agent", 64), _text("level", 16), _text("message"))
    _index("agent_log", "time")
    _table(
        "site",
        _text("name", 64),
        _text("code", 16),
        _number("latitude_deg"),
        _number("longitude_deg"),
        _number("elevation_m"),
        _text("timezone", 64),
        _number("min_altitude_deg"),
        _text("source"),
        _unique("site", "name"),
    )
    _table(
        "strategy",
        _text("name", 64),
        _text("description"),
        _flag("enabled"),
        _flag("is_default"),
        _whole("order"),
        _json("conditions"),
        _json("observation"),
        _unique("strategy", "name"),
    )
    _table(
        "user",
        _text("username", 64),
        _text("full_name"),
        _text("email"),
        _text("profile", 16),
        _text("password"),
        _flag("is_active"),
        _unique("user", "username"),
    )
    _table("weather", _time("time"), _text("source", 64), _json("readings"), _flag("safe"), _text("reason"))
    _index("weather", "time")
    _table(
        "device",
        _text("name", 64),
        _word("kind"),
        _text("address"),
        _flag("blocking"),
        _flag("enabled"),
        _text("description"),
        _json("settings"),
        _to("device", "site_id", "site"),
        _to("device", "parent_id", "device", nullable=True),
        _unique("device", "name"),
    )
    _table(
        "night",
        _text("name", 16),
        _word("status"),
        _time("sunset"),
        _time("dusk"),
        _time("dawn"),
        _time("sunrise"),
        _to("night", "site_id", "site"),
        _text("reason"),
        _unique("night", "name"),
    )
    _table(
        "scientific_programme",
        _text("name", 64),
        _text("tac_grade", 1),
        _number("priority"),
        _number("quota_percent"),
        _text("description"),
        _to("scientific_programme", "investigator_id", "user", nullable=True),
        _unique("scientific_programme", "name"),
    )
    _table(
        "device_status",
        _to("device_status", "device_id", "device"),
        _time("time"),
        _flag("connected"),
        _json("state"),
    )
    op.create_index("device_status_by_time", "device_status", ["device_id", "time"])
    _table(
        "filter",
        _text("name", 32),
        _whole("position"),
        _number("wavelength_nm"),
        _number("bandwidth_nm"),
        _number("thickness_mm"),
        _to("filter", "device_id", "device"),
    )
    _table(
        "request",
        _text("name", 128),
        _word("kind"),
        _word("status"),
        _flag("all_or_nothing"),
        _time("created", nullable=True),
        _to("request", "user_id", "user"),
        _to("request", "programme_id", "scientific_programme"),
        _text("reason"),
    )
    _table(
        "schedule",
        _word("status"),
        _time("created"),
        _time("plan_start"),
        _time("plan_end"),
        _to("schedule", "night_id", "night"),
        _text("reason"),
    )
    _index("schedule", "night_id")
    _table(
        "alert",
        _text("ivorn", 512),
        _text("digest", 40),
        _word("status"),
        _text("role", 16),
        _text("stream", 128),
        _text("packet_type", 64),
        _text("trigger_id", 64),
        _time("received"),
        _time("event_time", nullable=True),
        _number("ra_deg", nullable=True),
        _number("dec_deg", nullable=True),
        _number("error_deg", nullable=True),
        _text("source"),
        _text("path"),
        _json("steps"),
        _to("alert", "strategy_id", "strategy", nullable=True),
        _to("alert", "request_id", "request", nullable=True),
        _text("reason"),
        _unique("alert", "ivorn", "digest"),
    )
    _index("alert", "ivorn")
    _index("alert", "received")
    _index("alert", "request_id")
    _table(
        "sequence",
        _text("name", 128),
        _word("status"),
        _text("target", 128),
        _number("ra_deg"),
        _number("dec_deg"),
        _number("priority_offset"),
        _flag("mandatory"),
        _time("window_start", nullable=True),
        _time("window_end", nullable=True),
        _number("min_altitude_deg"),
        _number("max_sun_altitude_deg"),
        _number("min_moon_separation_deg"),
        _time("started", nullable=True),
        _time("ended", nullable=True),
        _to("sequence", "request_id", "request"),
        _text("reason"),
    )
    _index("sequence", "request_id")
    _table("album", _word("channel"), _to("album", "sequence_id", "sequence"))
    _index("album", "sequence_id")
    _table(
        "placed_sequence",
        _time("start", nullable=True),
        _time("end", nullable=True),
        _text("reason"),
        _to("placed_sequence", "schedule_id", "schedule"),
        _to("placed_sequence", "sequence_id", "sequence"),
    )
    _index("placed_sequence", "schedule_id")
    _index("placed_sequence", "sequence_id")
    _table(
        "plan",
        _text("filter", 32),
        _number("exposure_time_s"),
        _whole("number_of_images"),
        _word("status"),
        _to("plan", "album_id", "album"),
        _text("reason"),
    )
    _index("plan", "album_id")
    _table(
        "image",
        _text("path"),
        _text("kind", 8),
        _text("camera", 64),
        _text("filter", 32),
        _number("exposure_time_s"),
        _time("start"),
        _flag("complete"),
        _json("quicklook"),
        _to("image", "plan_id", "plan", nullable=True),
        _to("image", "night_id", "night", nullable=True),
        _unique("image", "path"),
    )
    _index("image", "night_id")
    _index("image", "plan_id")
    _index("image", "start")


def downgrade() -> None:
    """Drop every table."""
    for table in (
        "image",
        "plan",
        "placed_sequence",
        "album",
        "sequence",
        "alert",
        "schedule",
        "request",
        "filter",
        "device_status",
        "scientific_programme",
        "night",
        "device",
        "weather",
        "user",
        "strategy",
        "site",
        "agent_log",
    ):
        op.drop_table(table)
