"""Which chain of tasks observes a sequence."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the table; no chain is known of what was observed before."""
    op.add_column("sequence", sa.Column("chain", sa.String(32), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("sequence", "chain")
