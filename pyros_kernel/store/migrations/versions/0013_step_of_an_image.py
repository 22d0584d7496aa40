"""Which step of a recipe took an image."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the table; no step is known of images that were taken before."""
    op.add_column("image", sa.Column("step", sa.String(), nullable=True))
    op.create_index("ix_image_step", "image", ["step"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_image_step", "image")
    op.drop_column("image", "step")
