"""Which runs of recipes are the night's own work."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the table; what ran before was asked for by hand."""
    op.add_column("recipe_run", sa.Column("of_night", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("recipe_run", "of_night")
