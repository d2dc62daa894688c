"""Answers that are made after their receipt was recorded

Revises 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of which receipt an answer is made, and as what."""
    for name in ("made_of", "made_as"):
        op.add_column("outgoing", sa.Column(name, sa.Text(), server_default="", nullable=False))
    unmade = sa.text("sha256 = ''")
    op.create_index("outgoing_unmade", "outgoing", ["id"], sqlite_where=unmade, postgresql_where=unmade)
