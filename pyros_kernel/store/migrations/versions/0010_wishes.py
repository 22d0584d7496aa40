"""What may be asked of a sequence beside its limits, what holds for all of a site, and what the sky will be like."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OF_SEQUENCE = (
    ("preferred", sa.DateTime(timezone=True)),
    ("constraints", sa.JSON()),
    ("ephemeris", sa.JSON()),
    ("first_night", sa.String(16)),
    ("nights", sa.Integer()),
    ("min_gap_s", sa.Double()),
    ("max_gap_s", sa.Double()),
)


def upgrade() -> None:
    """Widen the tables, and make that of forecasts."""
    for name, kind in _OF_SEQUENCE:
        op.add_column("sequence", sa.Column(name, kind, nullable=True))
    # In one statement, which SQLite takes too: a constraint of its own would have the table copied.
    op.execute(
        "ALTER TABLE sequence ADD COLUMN after_id INTEGER "
        "CONSTRAINT fk_sequence_after_id_sequence REFERENCES sequence (id)"
    )
    op.add_column("site", sa.Column("constraints", sa.JSON(), nullable=True))
    op.create_table(
        "forecast",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seeing_arcsec", sa.Double(), nullable=False),
        sa.Column("transparency", sa.Double(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("night_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_forecast"),
        sa.ForeignKeyConstraint(["night_id"], ["night.id"], name="fk_forecast_night_id_night"),
    )
    op.create_index("forecast_by_time", "forecast", ["night_id", "time"], unique=True)


def downgrade() -> None:
    """Take them back."""
    op.drop_index("forecast_by_time", "forecast")
    op.drop_table("forecast")
    op.drop_column("site", "constraints")
    for name in ("after_id", *(name for name, _ in reversed(_OF_SEQUENCE))):
        op.drop_column("sequence", name)
