"""The tables of the first release

Revises nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of the first release."""
    op.create_table(
        "balance",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount >= 0 OR substr(holder, 1, 1) = '~'", name="no_negative_balance"),
        sa.PrimaryKeyConstraint("holder", "asset", "part"),
        sqlite_strict=True,
    )
    op.create_index("balance_by_asset", "balance", ["asset"])

    op.create_table(
        "bank_closing",
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("statement", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("business_date", "currency"),
        sqlite_strict=True,
    )
    op.create_table(
        "bank_entry",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credit", sa.Integer(), nullable=False),
        sa.Column("participant", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
        sqlite_strict=True,
    )
    op.create_table(
        "batch",
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("business_date", "slot"),
        sqlite_strict=True,
    )
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("day"),
        sqlite_strict=True,
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "currency",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.Column("nominee_iban", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_bic", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sqlite_strict=True,
    )
    op.create_table(
        "cycle",
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("certificate", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("business_date", "number"),
        sqlite_strict=True,
    )
    op.create_table(
        "draw",
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("commitment", sa.Text(), server_default="", nullable=False),
        sa.Column("secret", sa.Text(), server_default="", nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("revealed_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("business_date"),
        sqlite_strict=True,
    )
    op.create_table(
        "event",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), server_default="", nullable=False),
        sa.Column("entries", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("head", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("event_by_day", "event", ["business_date"])

    op.create_table(
        "file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("arrived_at", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("claimed", sa.Text(), server_default="", nullable=False),
        sa.Column("form", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("verdict", sa.Text(), server_default="", nullable=False),
        sa.Column("receipt", sa.Text(), server_default="", nullable=False),
        sa.Column("lines", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("party", "folder", "sha256", name="one_effect_per_file"),
        sqlite_strict=True,
    )
    op.create_index("file_by_day", "file", ["business_date"])

    op.create_table(
        "instruction",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("side", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("deliver_participant", sa.Text(), server_default="", nullable=False),
        sa.Column("deliver_account", sa.Text(), server_default="", nullable=False),
        sa.Column("receive_participant", sa.Text(), server_default="", nullable=False),
        sa.Column("receive_account", sa.Text(), server_default="", nullable=False),
        sa.Column("isin", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trade_date", sa.Text(), nullable=True),
        sa.Column("isd", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("netting", sa.Text(), server_default="", nullable=False),
        sa.Column("link", sa.Text(), server_default="", nullable=False),
        sa.Column("purpose", sa.Text(), server_default="", nullable=False),
        sa.Column("agreement", sa.Text(), server_default="", nullable=False),
        sa.Column("alternative_currency", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("matched_with", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sender", "reference", name="one_instruction_per_reference"),
        sqlite_strict=True,
    )
    op.create_index("instruction_due", "instruction", ["status", "isd"])
    op.create_index("instruction_matching", "instruction", ["deliver_account", "receive_account", "isin", "status"])

    op.create_table(
        "interest",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("debtor", sa.Text(), server_default="", nullable=False),
        sa.Column("debtor_account", sa.Text(), server_default="", nullable=False),
        sa.Column("secured_party", sa.Text(), server_default="", nullable=False),
        sa.Column("secured_account", sa.Text(), server_default="", nullable=False),
        sa.Column("isin", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("locked", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agreement_number", sa.Text(), server_default="", nullable=False),
        sa.Column("agreement_date", sa.Text(), nullable=True),
        sa.Column("additional_information", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_table(
        "journal",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("hash", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("journal_by_day", "journal", ["business_date"])

    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "kyc_hold",
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("nin", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("placed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("placed_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("participant", "nin"),
        sqlite_strict=True,
    )
    op.create_table(
        "notice",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("addressee", sa.Text(), server_default="", nullable=False),
        sa.Column("audience", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("file", sa.Text(), server_default="", nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.Text(), nullable=False),
        sa.Column("received_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_table(
        "outgoing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Text(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("party", "name", name="one_outgoing_file_per_name"),
        sqlite_strict=True,
    )
    op.create_index("outgoing_queue", "outgoing", ["sent", "id"])

    op.create_table(
        "party",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("bic", sa.Text(), server_default="", nullable=False),
        sa.Column("bin", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("code"),
        sqlite_strict=True,
    )
    op.create_table(
        "product",
        sa.Column("isin", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity_type", sa.Text(), server_default="", nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("cfi", sa.Text(), server_default="", nullable=False),
        sa.Column("fisn", sa.Text(), server_default="", nullable=False),
        sa.Column("registry", sa.Text(), server_default="", nullable=False),
        sa.Column("market", sa.Text(), server_default="", nullable=False),
        sa.Column("admitted", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("isin"),
        sqlite_strict=True,
    )
    op.create_table(
        "registry_position",
        sa.Column("as_of", sa.Text(), nullable=False),
        sa.Column("isin", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("as_of", "isin"),
        sqlite_strict=True,
    )
    op.create_table(
        "sealed_day",
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("business_date"),
        sqlite_strict=True,
    )
    op.create_table(
        "sighting",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mtime", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_seen", sa.Text(), nullable=False),
        sa.Column("last_seen", sa.Text(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("reported", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("party", "folder", "name"),
        sqlite_strict=True,
    )
    op.create_table(
        "account",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("opened_on", sa.Text(), nullable=False),
        sa.Column("nin", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["party.code"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("participant", "nin", name="one_nominee_account_per_client"),
        sqlite_strict=True,
    )
    op.create_table(
        "bank_account",
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("bank_bic", sa.Text(), server_default="", nullable=False),
        sa.Column("beneficiary_name", sa.Text(), server_default="", nullable=False),
        sa.Column("beneficiary_bin", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["party.code"],
        ),
        sa.PrimaryKeyConstraint("participant", "currency", "iban"),
        sqlite_strict=True,
    )
    op.create_table(
        "enforcement",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("interest", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_on", sa.Text(), nullable=False),
        sa.Column("transfer_on", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("details", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["interest"],
            ["interest.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_table(
        "form",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), server_default="", nullable=False),
        sa.Column("content_sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("file", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["file"],
            ["file.id"],
        ),
        sa.PrimaryKeyConstraint("party", "reference"),
        sqlite_strict=True,
    )
    op.create_table(
        "instruction_status",
        sa.Column("instruction", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instruction"],
            ["instruction.id"],
        ),
        sa.PrimaryKeyConstraint("instruction", "step"),
        sqlite_strict=True,
    )
    op.create_index("instruction_status_by_day", "instruction_status", ["business_date"])

    op.create_table(
        "opening",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("form_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("nin", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", sa.Text(), nullable=False),
        sa.Column("answer_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["party.code"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("opening_by_participant", "opening", ["participant", "nin"])

    op.create_table(
        "posting",
        sa.Column("entry", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("asset", sa.Text(), server_default="", nullable=False),
        sa.Column("part", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry"],
            ["journal.number"],
        ),
        sa.PrimaryKeyConstraint("entry", "line"),
        sqlite_strict=True,
    )
    op.create_index("posting_by_holder", "posting", ["holder", "asset"])

    op.create_table(
        "power",
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("valid_to", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), server_default="", nullable=False),
        sa.Column("forms", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["party.code"],
        ),
        sa.PrimaryKeyConstraint("participant", "name", "valid_from"),
        sqlite_strict=True,
    )
    op.create_table(
        "settlement_fail",
        sa.Column("instruction", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("causes", sa.Text(), server_default="", nullable=False),
        sa.Column("short", sa.Text(), server_default="", nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instruction"],
            ["instruction.id"],
        ),
        sa.PrimaryKeyConstraint("instruction", "business_date", "stage"),
        sqlite_strict=True,
    )
    op.create_table(
        "withdrawal",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["participant"],
            ["party.code"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_table(
        "client",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"],
            ["account.number"],
        ),
        sa.PrimaryKeyConstraint("account"),
        sqlite_strict=True,
    )
