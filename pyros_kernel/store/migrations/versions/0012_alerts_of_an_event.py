"""An alert finds those of its event without looking through all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes, and which alerts are retractions; of those stored before, those that were taken as such."""
    op.add_column("alert", sa.Column("is_retraction", sa.Boolean(), nullable=False, server_default=sa.false()))
    alert = sa.table("alert", sa.column("reason", sa.String()), sa.column("is_retraction", sa.Boolean()))
    op.execute(alert.update().where(alert.c.reason.startswith("it retracts")).values(is_retraction=True))
    op.create_index("ix_alert_trigger_id", "alert", ["trigger_id", "stream"])
    op.create_index("ix_alert_is_retraction", "alert", ["is_retraction", "received"])
    op.create_index("ix_alert_event_time", "alert", ["event_time"])


def downgrade() -> None:
    """Take them back."""
    op.drop_index("ix_alert_event_time", "alert")
    op.drop_index("ix_alert_is_retraction", "alert")
    op.drop_index("ix_alert_trigger_id", "alert")
    op.drop_column("alert", "is_retraction")
