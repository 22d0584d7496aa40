"""Which recipe observes a sequence, and with what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the table; what was asked for before is observed as before."""
    op.add_column("sequence", sa.Column("recipe", sa.String(128), nullable=False, server_default="observe"))
    words = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("sequence", sa.Column("parameters", words, nullable=False, server_default="{}"))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("sequence", "parameters")
    op.drop_column("sequence", "recipe")
