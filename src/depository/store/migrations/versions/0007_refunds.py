"""Refunds, and who sent a credit

Revises 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNITS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The table of refunds; of credits of before no sender is known."""
    op.create_table(
        "refund",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", UNITS, nullable=False),
        sa.Column("iban", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_bic", sa.Text(), server_default="", nullable=False),
        sa.Column("beneficiary_name", sa.Text(), server_default="", nullable=False),
        sa.Column("beneficiary_bin", sa.Text(), server_default="", nullable=False),
        sa.Column("purpose", sa.Text(), server_default="", nullable=False),
        sa.Column("details", sa.Text(), server_default="", nullable=False),
        sa.Column("pay_on", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("message_id", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["credit"], ["bank_entry.reference"]),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    for name in ("sender_name", "sender_iban", "sender_bic", "sender_bin"):
        op.add_column("bank_entry", sa.Column(name, sa.Text(), server_default="", nullable=False))
