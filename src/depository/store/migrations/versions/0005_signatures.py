"""Signatures beside files: signatories' certificates, trusted authorities, revocation lists, our own signatures

Revises 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNITS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The tables of signatures; a file's identity now has its signature in it."""
    op.create_table(
        "signatory",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("valid_to", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.Column("revoked_because", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["party"], ["party.code"]),
        sa.PrimaryKeyConstraint("party", "certificate"),
        sqlite_strict=True,
    )
    op.create_table(
        "trust_anchor",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("der", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sqlite_strict=True,
    )
    op.create_table(
        "revocation_list",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), server_default="", nullable=False),
        sa.Column("der", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sqlite_strict=True,
    )
    op.create_table(
        "own_signature",
        sa.Column("outgoing", UNITS, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.Text(), nullable=False),
        sa.Column("p7s", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["outgoing"], ["outgoing.id"]),
        sa.PrimaryKeyConstraint("outgoing", "sha256", "certificate"),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        # SQLite changes a constraint by making the table anew, and drops no table that another one refers to.
        op.execute("CREATE TABLE form_kept AS SELECT * FROM form")
        op.drop_table("form")
        _identity()
        op.create_table(
            "form",
            sa.Column("party", sa.Text(), nullable=False),
            sa.Column("reference", sa.Text(), nullable=False),
            sa.Column("form", sa.Text(), server_default="", nullable=False),
            sa.Column("content_sha256", sa.Text(), server_default="", nullable=False),
            sa.Column("file", UNITS, nullable=False),
            sa.ForeignKeyConstraint(["file"], ["file.id"]),
            sa.PrimaryKeyConstraint("party", "reference"),
            sqlite_strict=True,
        )
        op.execute(
            "INSERT INTO form (party, reference, form, content_sha256, file) "
            "SELECT party, reference, form, content_sha256, file FROM form_kept"
        )
        op.drop_table("form_kept")
    else:
        _identity()


def _identity() -> None:
    with op.batch_alter_table("file", table_kwargs={"sqlite_strict": True}) as batch:
        batch.add_column(sa.Column("signature", sa.Text(), server_default="", nullable=False))
        batch.add_column(sa.Column("signed_by", sa.Text(), server_default="", nullable=False))
        batch.drop_constraint("one_effect_per_file", type_="unique")
        batch.create_unique_constraint("one_effect_per_file", ["party", "folder", "sha256", "signature"])
