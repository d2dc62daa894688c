"""Indemnities (form IND)

Revises 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UNITS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The table of indemnities; interests and enforcements of before have none."""
    op.create_table(
        "indemnity",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("giver", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), server_default="", nullable=False),
        sa.Column("sin", sa.Text(), server_default="", nullable=False),
        sa.Column("debtor", sa.Text(), server_default="", nullable=False),
        sa.Column("secured_party", sa.Text(), server_default="", nullable=False),
        sa.Column("isin", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", UNITS, nullable=True),
        sa.Column("agreement_number", sa.Text(), server_default="", nullable=False),
        sa.Column("agreement_date", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), server_default="", nullable=False),
        sa.Column("interest", sa.Text(), server_default="", nullable=False),
        sa.Column("enforcement", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["giver"], ["party.code"]),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("indemnity_sin", "indemnity", ["giver", "sin"])
