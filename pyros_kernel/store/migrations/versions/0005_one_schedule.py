"""One current schedule per night, and a sequence once in it: held by the database, whoever schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CURRENT = sa.text("status = 'current'")


def upgrade() -> None:
    """Let the newest current schedule of each night stay current, and add the two constraints."""
    op.execute(
        "UPDATE schedule SET status = 'superseded' WHERE status = 'current' AND id NOT IN "
        "(SELECT max(id) FROM schedule WHERE status = 'current' GROUP BY night_id)"
    )
    op.execute(
        "DELETE FROM placed_sequence WHERE id NOT IN "
        "(SELECT min(id) FROM placed_sequence GROUP BY schedule_id, sequence_id)"
    )
    op.create_index(
        "one_current_schedule", "schedule", ["night_id"], unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT
    )
    op.create_index("once_in_a_schedule", "placed_sequence", ["schedule_id", "sequence_id"], unique=True)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("once_in_a_schedule", "placed_sequence")
    op.drop_index("one_current_schedule", "schedule")
