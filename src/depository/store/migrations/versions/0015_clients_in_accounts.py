"""A client's data stand in the row of its account

Revises 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every client has one account and is kept there; the table of clients goes."""
    for name in ("client_reference", "client_data"):
        op.add_column("account", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("account", sa.Column("client_changed_at", sa.Text(), nullable=True))
    op.execute(
        "UPDATE account SET client_reference = client.reference, client_data = client.data, "
        "client_changed_at = client.changed_at FROM client WHERE client.account = account.number"
    )
    op.drop_table("client")
