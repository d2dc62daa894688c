"""Figures of runs

Revises 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNITS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What events counted and how long they took; of those of before nothing is known."""
    op.add_column("event", sa.Column("figures", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "duration",
        sa.Column("event", UNITS, autoincrement=False, nullable=False),
        sa.Column("microseconds", UNITS, nullable=False),
        sa.ForeignKeyConstraint(["event"], ["event.number"]),
        sa.PrimaryKeyConstraint("event"),
        sqlite_strict=True,
    )
