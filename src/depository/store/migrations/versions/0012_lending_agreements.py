"""Registered lending agreements

Revises 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table of agreements."""
    op.create_table(
        "lending_agreement",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("lender", sa.Text(), nullable=False),
        sa.Column("borrower", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("valid_to", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lender"], ["party.code"]),
        sa.ForeignKeyConstraint(["borrower"], ["party.code"]),
        sa.PrimaryKeyConstraint("reference"),
        sqlite_strict=True,
    )
