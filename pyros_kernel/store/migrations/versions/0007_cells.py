"""What the cells of notebooks caused."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "cell_effect",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kernel", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cell", sa.String(64), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cell_effect"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("cell_effect")
