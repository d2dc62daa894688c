"""Files that could not be worked on by a fault of ours

Revises 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """How often each was tried, and why it failed."""
    op.create_table(
        "failed_take",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("claimed", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("outage", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Text(), nullable=False),
        sa.Column("last_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("party", "claimed"),
        sqlite_strict=True,
    )
