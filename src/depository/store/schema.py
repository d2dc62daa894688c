"""The tables. Amounts and quantities are whole smallest units (`Units`), never a fraction and never a float."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

from depository.store.columns import Day, Moment, Units

metadata = MetaData()


def table(name: str, *columns: object) -> Table:
    """A table that SQLite keeps strictly typed, as PostgreSQL does."""
    return Table(name, metadata, *columns, sqlite_strict=True)  # type: ignore[arg-type]


def text(name: str, default: str | None = "") -> Column[str]:
    """A text column that is never null, with an empty default."""
    return Column(name, Text, nullable=False, server_default=default)


# --- register -----------------------------------------------------------------------------------------------------------------

party = table(
    "party",
    Column("code", Text, primary_key=True),
    text("name"),
    text("kind"),
    text("bic"),
    text("bin"),
    Column("active", Integer, nullable=False, server_default="1"),
)

power = table(
    "power",
    Column("participant", Text, ForeignKey("party.code"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("valid_from", Day, primary_key=True),
    Column("valid_to", Day, nullable=False),
    text("position"),
    text("forms"),
)

signatory = table(
    "signatory",
    Column("party", Text, ForeignKey("party.code"), primary_key=True),
    # SHA-256 of the certificate: a signature counts only with the very certificate that is registered for the party.
    Column("certificate", Text, primary_key=True),
    text("name"),
    Column("valid_from", Day, nullable=False),
    Column("valid_to", Day, nullable=False),
    Column("revoked_at", Moment, nullable=True),
    text("revoked_because"),
)

trust_anchor = table("trust_anchor", Column("sha256", Text, primary_key=True), text("subject"), text("der"))

revocation_list = table("revocation_list", Column("sha256", Text, primary_key=True), text("issuer"), text("der"))

bank_account = table(
    "bank_account",
    Column("participant", Text, ForeignKey("party.code"), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("iban", Text, primary_key=True),
    text("bank_bic"),
    text("beneficiary_name"),
    text("beneficiary_bin"),
)

bank_account_change = table(
    "bank_account_change",
    Column("number", Text, primary_key=True),
    Column("participant", Text, ForeignKey("party.code"), nullable=False),
    text("currency"),
    text("iban"),
    text("action"),
    text("bank_bic"),
    text("beneficiary_name"),
    text("beneficiary_bin"),
    text("old_bank_bic"),
    text("old_beneficiary_name"),
    text("old_beneficiary_bin"),
    Column("valid_from", Day, nullable=False),
    text("reference"),
    text("cause"),
    Column("business_date", Day, nullable=False),
    Column("recorded_at", Moment, nullable=False),
)
Index("bank_account_change_by_iban", bank_account_change.c.iban)

account = table(
    "account",
    Column("number", Text, primary_key=True),
    Column("participant", Text, ForeignKey("party.code"), nullable=False),
    text("type"),
    text("state"),
    Column("opened_on", Day, nullable=False),
    Column("nin", Text, nullable=True),
    # Of a nominee account, its client: in the same row, as a hundred thousand of them come at once and a second row each, bound to the
    # first by a key, takes as long again.
    text("client_reference"),
    text("client_data"),
    Column("client_changed_at", Moment, nullable=True),
    # CSD-3.1.2-c: at most one nominee account per client and participant; null for the others, which never clash.
    UniqueConstraint("participant", "nin", name="one_nominee_account_per_client"),
)

opening = table(
    "opening",
    Column("number", Text, primary_key=True),
    Column("participant", Text, ForeignKey("party.code"), nullable=False),
    text("form_reference"),
    Column("line", Integer, nullable=False),
    text("reference"),
    text("nin"),
    text("data"),
    text("state"),
    text("reason"),
    text("account"),
    Column("requested_at", Moment, nullable=False),
    Column("answer_by", Day, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
Index("opening_by_participant", opening.c.participant, opening.c.nin)

kyc_hold = table(
    "kyc_hold",
    Column("participant", Text, primary_key=True),
    Column("nin", Text, primary_key=True),
    text("reason"),
    text("placed_by"),
    Column("placed_at", Moment, nullable=False),
)

account_change = table(
    "account_change",
    Column("number", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.number"), nullable=False),
    text("action"),
    text("body"),
    text("document"),
    text("reason"),
    text("state"),
    Column("business_date", Day, nullable=False),
    Column("at", Moment, nullable=False),
)
Index("account_change_by_account", account_change.c.account)

product = table(
    "product",
    Column("isin", Text, primary_key=True),
    text("name"),
    text("currency"),
    text("quantity_type"),
    Column("scale", Integer, nullable=False),
    text("cfi"),
    text("fisn"),
    text("registry"),
    text("market"),
    Column("admitted", Integer, nullable=False, server_default="1"),
)

lending_agreement = table(
    "lending_agreement",
    Column("reference", Text, primary_key=True),
    Column("lender", Text, ForeignKey("party.code"), nullable=False),
    Column("borrower", Text, ForeignKey("party.code"), nullable=False),
    text("kind"),
    Column("valid_from", Day, nullable=False),
    Column("valid_to", Day, nullable=False),
)

currency = table(
    "currency",
    Column("code", Text, primary_key=True),
    Column("digits", Integer, nullable=False),
    text("nominee_iban"),
    text("bank_bic"),
)

exchange_rate = table(
    "exchange_rate",
    Column("currency", Text, primary_key=True),
    Column("valid_from", Day, primary_key=True),
    # An exact decimal, written out.
    text("rate", None),
    text("source"),
)

calendar_day = table(
    "calendar_day",
    Column("day", Day, primary_key=True),
    text("kind"),
    text("reason"),
    text("source"),
)

# --- ledger -------------------------------------------------------------------------------------------------------------------

journal_head = table(
    "journal_head",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Units, nullable=False),
    text("hash"),
)

counter = table(
    "counter",
    Column("name", Text, primary_key=True),
    Column("value", Units, nullable=False),
)

journal = table(
    "journal",
    Column("number", Units, primary_key=True, autoincrement=False),
    Column("business_date", Day, nullable=False),
    Column("at", Moment, nullable=False),
    text("kind"),
    text("cause"),
    text("hash"),
)
Index("journal_by_day", journal.c.business_date)

posting = table(
    "posting",
    Column("entry", Units, ForeignKey("journal.number"), primary_key=True),
    Column("line", Integer, primary_key=True),
    text("holder"),
    text("asset"),
    text("part"),
    Column("amount", Units, nullable=False),
)
Index("posting_by_holder", posting.c.holder, posting.c.asset)

balance = table(
    "balance",
    Column("holder", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("amount", Units, nullable=False),
    # The last line of defence behind the rules: no balance ever goes negative (CSD-5.2-dvp).
    CheckConstraint("amount >= 0 OR substr(holder, 1, 1) = '~'", name="no_negative_balance"),
)
Index("balance_by_asset", balance.c.asset)

event = table(
    "event",
    # Gapless, in the order of the commits: the input log from which the books can be rebuilt.
    Column("number", Units, primary_key=True, autoincrement=False),
    Column("business_date", Day, nullable=False),
    Column("at", Moment, nullable=False),
    text("kind"),
    text("data"),
    Column("entries", Units, nullable=False),
    text("head"),
    # What the run counted (KCSD-98); not a part of what a replay compares or a sealed day holds.
    text("figures"),
)
Index("event_by_day", event.c.business_date)

# How long each event took. By the machine's clock, so no replay makes it again and nothing that goes out holds it.
duration = table(
    "duration",
    Column("event", Units, ForeignKey("event.number"), primary_key=True, autoincrement=False),
    Column("microseconds", Units, nullable=False),
)

# Whose database it is: one row with the identity that the archive of the one site has, too.
site = table(
    "site",
    Column("id", Integer, primary_key=True, autoincrement=False),
    text("identity"),
)

sealed_day = table(
    "sealed_day",
    Column("business_date", Day, primary_key=True),
    Column("last", Units, nullable=False),
    text("sha256"),
)

# --- instructions -------------------------------------------------------------------------------------------------------------

instruction = table(
    "instruction",
    Column("id", Text, primary_key=True),
    text("kind"),
    text("side"),
    text("sender"),
    text("reference"),
    text("deliver_participant"),
    text("deliver_account"),
    text("receive_participant"),
    text("receive_account"),
    text("isin"),
    Column("quantity", Units, nullable=False),
    text("currency"),
    Column("amount", Units, nullable=False),
    Column("trade_date", Day, nullable=True),
    Column("isd", Day, nullable=False),
    Column("priority", Integer, nullable=False),
    text("netting"),
    text("link"),
    text("purpose"),
    text("agreement"),
    text("alternative_currency"),
    text("status"),
    text("reason"),
    text("matched_with"),
    Column("received_at", Moment, nullable=False),
    Column("settled_at", Moment, nullable=True),
    UniqueConstraint("sender", "reference", name="one_instruction_per_reference"),
)
Index("instruction_due", instruction.c.status, instruction.c.isd)
Index(
    "instruction_matching",
    instruction.c.deliver_account,
    instruction.c.receive_account,
    instruction.c.isin,
    instruction.c.status,
)

instruction_status = table(
    "instruction_status",
    Column("instruction", Text, ForeignKey("instruction.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    text("status"),
    text("reason"),
    text("cause"),
    Column("business_date", Day, nullable=False),
    Column("at", Moment, nullable=False),
)
Index("instruction_status_by_day", instruction_status.c.business_date)

settlement_fail = table(
    "settlement_fail",
    Column("instruction", Text, ForeignKey("instruction.id"), primary_key=True),
    Column("business_date", Day, primary_key=True),
    Column("stage", Text, primary_key=True),
    text("causes"),
    text("short"),
    text("label"),
    Column("at", Moment, nullable=False),
)

cancellation = table(
    "cancellation",
    Column("number", Text, primary_key=True),
    Column("instruction", Text, ForeignKey("instruction.id"), nullable=False),
    text("requested_by"),
    text("reference"),
    text("reason"),
    text("state"),
    Column("requested_at", Moment, nullable=False),
)
Index("cancellation_by_state", cancellation.c.state)

challenge = table(
    "challenge",
    Column("number", Text, primary_key=True),
    Column("participant", Text, ForeignKey("party.code"), nullable=False),
    text("reference"),
    Column("trading_day", Day, nullable=False),
    text("trade"),
    text("statement"),
    text("state"),
    text("answer"),
    Column("business_date", Day, nullable=False),
    Column("at", Moment, nullable=False),
)

interest = table(
    "interest",
    Column("number", Text, primary_key=True),
    text("reference"),
    text("debtor"),
    text("debtor_account"),
    text("secured_party"),
    text("secured_account"),
    text("isin"),
    Column("quantity", Units, nullable=False),
    Column("locked", Units, nullable=False),
    text("agreement_number"),
    Column("agreement_date", Day, nullable=True),
    text("additional_information"),
    text("state"),
    Column("recorded_at", Moment, nullable=False),
)

enforcement = table(
    "enforcement",
    Column("number", Text, primary_key=True),
    Column("interest", Text, ForeignKey("interest.number"), nullable=False),
    text("reference"),
    Column("quantity", Units, nullable=False),
    Column("received_on", Day, nullable=False),
    Column("transfer_on", Day, nullable=False),
    text("state"),
    text("details"),
)

indemnity = table(
    "indemnity",
    Column("number", Text, primary_key=True),
    text("reference"),
    Column("giver", Text, ForeignKey("party.code"), nullable=False),
    text("given_by"),
    text("sin"),
    text("debtor"),
    text("secured_party"),
    text("isin"),
    Column("quantity", Units, nullable=True),
    text("agreement_number"),
    Column("agreement_date", Day, nullable=False),
    text("text_version"),
    text("interest"),
    text("enforcement"),
    text("state"),
    Column("recorded_at", Moment, nullable=False),
)
Index("indemnity_sin", indemnity.c.giver, indemnity.c.sin)

withdrawal = table(
    "withdrawal",
    Column("number", Text, primary_key=True),
    Column("participant", Text, ForeignKey("party.code"), nullable=False),
    text("reference"),
    text("currency"),
    Column("amount", Units, nullable=False),
    text("iban"),
    text("bank_bic"),
    text("beneficiary_name"),
    text("beneficiary_bin"),
    text("purpose"),
    text("details"),
    Column("pay_on", Day, nullable=False),
    text("state"),
    text("message_id"),
    Column("requested_at", Moment, nullable=False),
)

refund = table(
    "refund",
    Column("number", Text, primary_key=True),
    Column("credit", Text, ForeignKey("bank_entry.reference"), nullable=False),
    text("currency"),
    Column("amount", Units, nullable=False),
    text("iban"),
    text("bank_bic"),
    text("beneficiary_name"),
    text("beneficiary_bin"),
    text("purpose"),
    text("details"),
    Column("pay_on", Day, nullable=False),
    text("state"),
    text("message_id"),
    Column("requested_at", Moment, nullable=False),
)

# --- the outside world --------------------------------------------------------------------------------------------------------

bank_entry = table(
    "bank_entry",
    Column("reference", Text, primary_key=True),
    text("currency"),
    Column("amount", Units, nullable=False),
    Column("credit", Integer, nullable=False),
    text("participant"),
    text("state"),
    Column("business_date", Day, nullable=False),
    Column("at", Moment, nullable=False),
    # Of a credit its sender, as far as the bank named it: where the money can go back to.
    text("sender_name"),
    text("sender_iban"),
    text("sender_bic"),
    text("sender_bin"),
)

bank_closing = table(
    "bank_closing",
    Column("business_date", Day, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("amount", Units, nullable=False),
    text("statement"),
)

registry_position = table(
    "registry_position",
    Column("as_of", Day, primary_key=True),
    Column("isin", Text, primary_key=True),
    Column("quantity", Units, nullable=False),
)

# --- files --------------------------------------------------------------------------------------------------------------------

sighting = table(
    "sighting",
    Column("party", Text, primary_key=True),
    Column("folder", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("size", Units, nullable=False),
    Column("mtime", Units, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("reported", Integer, nullable=False, server_default="0"),
)

failed_take = table(
    "failed_take",
    Column("party", Text, primary_key=True),
    Column("claimed", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    text("fault"),
    Column("outage", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)

file = table(
    "file",
    Column("id", Units, primary_key=True, autoincrement=False),
    Column("party", Text, nullable=False),
    text("folder"),
    text("name"),
    text("sha256"),
    Column("size", Units, nullable=False),
    Column("arrived_at", Moment, nullable=False),
    Column("business_date", Day, nullable=False),
    text("channel"),
    text("claimed"),
    text("form"),
    text("reference"),
    text("verdict"),
    text("receipt"),
    Column("lines", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("repeats", Integer, nullable=False, server_default="0"),
    # SHA-256 of the signature file beside it, "" for none; and whose signature it was found to be.
    text("signature"),
    text("signed_by"),
    # One file, one effect (KCSD-84): its identity is its sender and the hash of its bytes, and of its signature's.
    UniqueConstraint("party", "folder", "sha256", "signature", name="one_effect_per_file"),
)
Index("file_by_day", file.c.business_date)

form = table(
    "form",
    Column("party", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    text("form"),
    text("content_sha256"),
    Column("file", Units, ForeignKey("file.id"), nullable=False),
)

outgoing = table(
    "outgoing",
    Column("id", Units, primary_key=True, autoincrement=False),
    Column("party", Text, nullable=False),
    text("name"),
    text("sha256"),
    text("cause"),
    Column("business_date", Day, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    # Of an answer that is made after its receipt was recorded: SHA-256 of the receipt, and what is made of it; `sha256` is "" until then.
    text("made_of"),
    text("made_as"),
    UniqueConstraint("party", "name", name="one_outgoing_file_per_name"),
)
Index("outgoing_queue", outgoing.c.sent, outgoing.c.id)
_UNMADE = outgoing.c.sha256 == ""
Index("outgoing_unmade", outgoing.c.id, sqlite_where=_UNMADE, postgresql_where=_UNMADE)

# The signatures that were given out with our files. Not a part of what a replay rebuilds: that takes the key.
own_signature = table(
    "own_signature",
    Column("outgoing", Units, ForeignKey("outgoing.id"), primary_key=True, autoincrement=False),
    Column("sha256", Text, primary_key=True),
    Column("certificate", Text, primary_key=True),
    Column("signed_at", Moment, nullable=False),
    text("p7s"),
)

notice = table(
    "notice",
    Column("number", Text, primary_key=True),
    text("sender"),
    text("addressee"),
    text("audience"),
    text("subject"),
    text("body"),
    text("channel"),
    text("file"),
    Column("business_date", Day, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=True),
)

# --- the day ------------------------------------------------------------------------------------------------------------------

batch = table(
    "batch",
    Column("business_date", Day, primary_key=True),
    Column("slot", Text, primary_key=True),
    text("kind"),
    Column("due_at", Moment, nullable=False),
    text("state"),
    text("result"),
    Column("started_at", Moment, nullable=True),
    Column("finished_at", Moment, nullable=True),
)

draw = table(
    "draw",
    Column("business_date", Day, primary_key=True),
    text("commitment"),
    text("secret"),
    Column("moment", Moment, nullable=False),
    Column("revealed_at", Moment, nullable=True),
)

cycle = table(
    "cycle",
    Column("business_date", Day, primary_key=True),
    Column("number", Integer, primary_key=True),
    text("kind"),
    Column("at", Moment, nullable=False),
    Column("due", Integer, nullable=False),
    Column("settled", Integer, nullable=False),
    text("certificate"),
    # The archived content with input, outcome and proof as plain files.
    text("proof"),
)

forecast = table(
    "forecast",
    # What each participant was last told of the day: the number of its report and the hash of the figures in it.
    Column("business_date", Day, primary_key=True),
    Column("participant", Text, primary_key=True),
    Column("report", Integer, nullable=False),
    text("figures"),
)

# --- staging ------------------------------------------------------------------------------------------------------------------

staging = MetaData()
"""Temporary tables, each of one connection, from which many rows are changed in one statement (`bulk`)."""

moved = Table(
    "moved",
    staging,
    Column("holder", Text),
    Column("asset", Text),
    Column("part", Text),
    Column("amount", Units),
    prefixes=["TEMPORARY"],
)

day_posting = Table(
    "day_posting",
    staging,
    # The participant, whichever of its accounts it is; a contra account owns itself.
    Column("owner", Text, index=True),
    Column("entry", Units),
    Column("line", Integer),
    Column("at", Moment),
    Column("kind", Text),
    Column("cause", Text),
    Column("holder", Text),
    Column("asset", Text),
    Column("part", Text),
    Column("amount", Units),
    prefixes=["TEMPORARY"],
)

restated = Table(
    "restated",
    staging,
    Column("instruction", Text),
    Column("status", Text),
    Column("reason", Text),
    Column("settled_at", Text),
    prefixes=["TEMPORARY"],
)
