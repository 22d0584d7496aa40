"""What people want of a night's schedule, and what a schedule is worth and moved."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and widen that of schedules."""
    op.create_table(
        "intervention",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("night_id", sa.Integer(), nullable=False),
        sa.Column("sequence_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_intervention"),
        sa.ForeignKeyConstraint(["night_id"], ["night.id"], name="fk_intervention_night_id_night"),
        sa.ForeignKeyConstraint(["sequence_id"], ["sequence.id"], name="fk_intervention_sequence_id_sequence"),
    )
    op.create_index("ix_intervention_night_id", "intervention", ["night_id"])
    op.create_index("ix_intervention_sequence_id", "intervention", ["sequence_id"])
    op.add_column("schedule", sa.Column("changes", sa.String(), nullable=True))
    op.add_column("schedule", sa.Column("value", sa.Double(), nullable=True))
    op.add_column("schedule", sa.Column("bound", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take them back."""
    for column in ("bound", "value", "changes"):
        op.drop_column("schedule", column)
    op.drop_index("ix_intervention_sequence_id", "intervention")
    op.drop_index("ix_intervention_night_id", "intervention")
    op.drop_table("intervention")
