"""Changes of participants' bank details

Revises 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The history of participants' bank details."""
    op.create_table(
        "bank_account_change",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("iban", sa.Text(), server_default="", nullable=False),
        sa.Column("action", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_bic", sa.Text(), server_default="", nullable=False),
        sa.Column("beneficiary_name", sa.Text(), server_default="", nullable=False),
        sa.Column("beneficiary_bin", sa.Text(), server_default="", nullable=False),
        sa.Column("old_bank_bic", sa.Text(), server_default="", nullable=False),
        sa.Column("old_beneficiary_name", sa.Text(), server_default="", nullable=False),
        sa.Column("old_beneficiary_bin", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["party.code"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("bank_account_change_by_iban", "bank_account_change", ["iban"])
