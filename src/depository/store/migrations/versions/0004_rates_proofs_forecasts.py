"""Rates of exchange, proofs of cycles, forecasts sent

Revises 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rates of exchange by currency and day, the archived proof of each cycle, what participants were last told of a day."""
    op.create_table(
        "exchange_rate",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("currency", "valid_from"),
        sqlite_strict=True,
    )
    op.create_table(
        "forecast",
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("report", sa.Integer(), nullable=False),
        sa.Column("figures", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("business_date", "participant"),
        sqlite_strict=True,
    )
    op.add_column("cycle", sa.Column("proof", sa.Text(), server_default="", nullable=False))
