"""Commands by which operators take in, decide and tell; what moves property takes two persons."""

from pathlib import Path
from typing import Annotated

import typer

from depository import openings
from depository.register import AccountType
from flows.commands.common import (
    Approver,
    Operator,
    Settings,
    console,
    opened,
    print_receipt,
    print_table,
    signature_beside,
)

app = typer.Typer()


@app.command(rich_help_panel="Take in, decide, tell")
def take(
    file: Annotated[Path, typer.Argument(help="The file.")],
    party: Annotated[str, typer.Option(help="Code of the party that sent it.")],
    channel: Annotated[str, typer.Option(help="How it came: e-mail, courier, hand …")],
    reason: Annotated[str, typer.Option(help="Why not by SFTP.")],
    operator: Annotated[str, typer.Option(help="Who takes it in.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Take a file in by hand when SFTP is down: the very same path, with channel, reason and operator on record (CSD-1.5-d).

    Its signature FILE.p7s is taken from beside it. In the technology time it has to wait like any other (CSD-7.6.5-b).
    """
    from depository.store import register
    from flows.steps.arrivals import INBOX, Arrival
    from flows.steps.intake import take as take_file

    with opened(site) as (here, at):
        with here.reading(at) as work:
            known = register.all_parties(work)
        if party not in known:
            raise LookupError(f"there is no party {party}: the parties are {', '.join(sorted(known))}")
        waits = here.market.technology_time(at)
        if waits is not None:
            raise ValueError(
                f"it is the technology time ({waits}), in which nothing is taken: take the file in after it"
            )
        how = f"{channel}; {reason}; taken in by {operator}"
        receipt = take_file(
            here, Arrival(party, INBOX, file.name, file.read_bytes(), at, how, signature=signature_beside(file))
        )
    print_receipt(receipt)


@app.command(rich_help_panel="Take in, decide, tell")
def sir(
    interest: Annotated[str, typer.Argument(help="Number of the interest, e.g. S000001.")],
    party: Annotated[str, typer.Option(help="Debtor or secured party that asked for it.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Send a security interest report on request (CSD-4.3-1-c)."""
    from flows.steps.interest_report import send_interest_report

    with opened(site) as (here, at):
        console.print(send_interest_report(here, interest, party, at), markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def cancel(
    instruction: Annotated[str, typer.Argument(help="Our number of the instruction, e.g. I000000123.")],
    reason: Annotated[str, typer.Option(help="Why the side that did not fail is better off; both sides read it.")],
    operator: Operator,
    approved_by: Approver,
    site: Settings = Path("csd.toml"),
) -> None:
    """Cancel an unsettled exchange trade on the first settlement day after its intended one (CSD-5.1.10-b); both sides are told."""
    from flows.steps.cancelling import cancel_trade

    with opened(site) as (here, at):
        number = cancel_trade(here, instruction, reason, operator, approved_by, at)
    console.print(f"{number}: {instruction} is cancelled", markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def answer(
    challenge: Annotated[str, typer.Argument(help="Number of the challenge, e.g. Q000001; `csd status` lists them.")],
    text: Annotated[str, typer.Argument(help="The answer, which goes to the participant by notice.")],
    operator: Annotated[str, typer.Option(help="Who gives it.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Answer a participant's challenge of its report of obligations from trading (CSD-5.2.13-a)."""
    from flows.steps.challenging import answer_challenge

    with opened(site) as (here, at):
        answer_challenge(here, challenge, text, operator, at)
    console.print(f"{challenge} is answered", markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def block(
    account: Annotated[str, typer.Argument(help="Number of the account.")],
    body: Annotated[str, typer.Option(help="Who orders it: a court, a bailiff, the regulator.")],
    document: Annotated[str, typer.Option(help="The order: number and date.")],
    operator: Operator,
    approved_by: Approver,
    channel: Annotated[str, typer.Option(help="How the letter goes to the body.")] = "courier",
    reason: Annotated[str, typer.Option(help="For the record; nobody is told.")] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Block an account by order of a body: nothing leaves it; owner, exchange and body are told (KCSD-97)."""
    from flows.steps.blocking import block_account

    with opened(site) as (here, at):
        done = block_account(here, account, body, document, reason, channel, operator, approved_by, at)
    console.print(f"{done.number}: {account} is blocked; hand over the letter {done.letter.number}", markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def unblock(
    account: Annotated[str, typer.Argument(help="Number of the account.")],
    document: Annotated[str, typer.Option(help="The order that lifts the block: number and date.")],
    operator: Operator,
    approved_by: Approver,
    channel: Annotated[str, typer.Option(help="How the letter goes to the body.")] = "courier",
    site: Settings = Path("csd.toml"),
) -> None:
    """Lift the block of an account; owner, exchange and body are told."""
    from flows.steps.blocking import unblock_account

    with opened(site) as (here, at):
        done = unblock_account(here, account, document, channel, operator, approved_by, at)
    console.print(f"{done.number}: {account} is open again; hand over the letter {done.letter.number}", markup=False)


@app.command("handed-over", rich_help_panel="Take in, decide, tell")
def handed_over(
    notice_number: Annotated[
        str, typer.Argument(metavar="NOTICE", help="Number of the letter; `csd status` lists them.")
    ],
    operator: Annotated[str, typer.Option(help="Who handed it over.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Note that a letter was handed over, which is when it counts as received (CSD-1.5-b)."""
    from flows.steps.blocking import hand_over

    with opened(site) as (here, at):
        hand_over(here, notice_number, operator, at)
    console.print(f"{notice_number} was handed over", markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def history(
    reference: Annotated[str, typer.Argument(help="The sender's number of the form.")],
    party: Annotated[str, typer.Option(help="Code of the party that sent it.")],
    folder: Annotated[Path | None, typer.Option(help="Also write it here, as PDF to print and as JSON.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Also put it into the sender's outbox.")] = False,
    site: Settings = Path("csd.toml"),
) -> None:
    """Show a form's history: the order as it was taken, each step to its final state, refusals and answers (KCSD-86)."""
    from flows.screen import shown
    from flows.steps.history import history_of, send_history, write_history

    with opened(site) as (here, at):
        report = history_of(here, party, reference, at)
        written = write_history(report, reference, folder) if folder else []
        sent = send_history(here, party, reference, at) if send else ""
    for label, value in report.facts:
        console.print(f"{label}: {shown(value)}", markup=False, soft_wrap=True)
    for table in (one for one in report.tables if one.name != "Order" and one.rows):
        print_table(table)
    for path in written:
        console.print(f"{path}", markup=False, soft_wrap=True)
    if sent:
        console.print(f"in the outbox of {party}: {sent}", markup=False, soft_wrap=True)


@app.command(rich_help_panel="Take in, decide, tell")
def assign(
    reference: Annotated[str, typer.Argument(help="The bank's reference of the credit; `csd status` lists them.")],
    participant: Annotated[str, typer.Argument(help="Code of the participant whose money it is.")],
    reason: Annotated[str, typer.Option(help="How it is known whose money it is.")],
    operator: Operator,
    approved_by: Approver,
    site: Settings = Path("csd.toml"),
) -> None:
    """Give a credit that names no participant to the one whose money it is; it funds the participant from now on (CSD-3.3.1-a)."""
    from flows.steps.assigning import assign_money

    with opened(site) as (here, at):
        number = assign_money(here, reference, participant, reason, operator, approved_by, at)
    console.print(f"{number}: {reference} is money of {participant}", markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def refund(
    reference: Annotated[str, typer.Argument(help="The bank's reference of the credit; `csd status` lists them.")],
    reason: Annotated[str, typer.Option(help="How it is known that it is no participant's.")],
    operator: Operator,
    approved_by: Approver,
    purpose: Annotated[str, typer.Option(help="EKNP of the payment, where its currency needs one.")] = "",
    iban: Annotated[str, typer.Option(help="The sender's account, when the bank's statement does not name it.")] = "",
    bic: Annotated[str, typer.Option(help="BIC of the sender's bank, when the statement does not name it.")] = "",
    name: Annotated[str, typer.Option(help="The sender's name, when the statement does not give it.")] = "",
    bin_: Annotated[
        str, typer.Option("--bin", help="The sender's IIN or BIN, when the statement does not give it.")
    ] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Send a credit that names no participant back to its sender, by a payment order of the next payout (CSD-3.3.1-a)."""
    from depository.store.bank import Sender
    from flows.steps.refunding import refund_money

    with opened(site) as (here, at):
        sender = Sender(name, iban, bic, bin_)
        one = refund_money(here, reference, sender, purpose, reason, operator, approved_by, at)
    console.print(
        f"{one.number}: {reference} goes back to {one.beneficiary_name}, {one.iban}, on {one.pay_on}", markup=False
    )


@app.command("take-back", rich_help_panel="Take in, decide, tell")
def take_back(
    number: Annotated[str, typer.Argument(help="Number of the refund, e.g. R000000001; `csd status` lists them.")],
    reason: Annotated[str, typer.Option(help="Why it is not to go out.")],
    operator: Operator,
    approved_by: Approver,
    site: Settings = Path("csd.toml"),
) -> None:
    """Take back a refund whose payment order has not gone to the bank: the credit is nobody's again (CSD-3.3.1-a)."""
    from flows.steps.refunding import take_back_refund

    with opened(site) as (here, at):
        one = take_back_refund(here, number, reason, operator, approved_by, at)
    console.print(
        f"{number} is taken back: {one.credit} is nobody's money again (csd assign, csd refund)", markup=False
    )


@app.command(rich_help_panel="Take in, decide, tell")
def notice(
    subject: Annotated[str, typer.Argument(help="Its subject, one line.")],
    operator: Annotated[str, typer.Option(help="Who sends it.")],
    text: Annotated[str, typer.Option(help="Its text; or give a file.")] = "",
    file: Annotated[Path | None, typer.Option(help="A plain text file in UTF-8 with its text.")] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="Code of a party; several times for several, which makes it a circular.")
    ] = None,
    account_type: Annotated[
        str,
        typer.Option(
            "--class", help=f"A class: participants with an open account of this type ({', '.join(AccountType)})."
        ),
    ] = "",
    everyone: Annotated[bool, typer.Option("--all", help="To every participant.")] = False,
    site: Settings = Path("csd.toml"),
) -> None:
    """Send a notice to one party, to a class of participants or to all (CSD-1.5-c).

    It is entered in the register of notices and put into each outbox as PDF and JSON.
    """
    from flows.steps.circulars import addressing_of, send_notice

    if bool(text) == bool(file):
        raise ValueError("give the notice's text with --text or in a file with --file, one of the two")
    if bool(to) + bool(account_type) + everyone != 1:
        raise ValueError("say to whom the notice goes: --to CODE, --class TYPE or --all, one of the three")
    body = file.read_text(encoding="utf-8").strip() if file else text
    with opened(site) as (here, at):
        sent = send_notice(here, addressing_of(to or [], account_type), subject, body, operator, at)
    for one in sent:
        console.print(f"{one.number} {one.addressee}", markup=False)
    if not sent:
        console.print("This very notice was sent before on this business day; nothing was sent again.")


@app.command(rich_help_panel="Take in, decide, tell")
def hold(
    participant: Annotated[str, typer.Argument(help="Participant whose openings wait.")],
    reason: Annotated[str, typer.Option(help="What is missing.")],
    operator: Annotated[str, typer.Option(help="Who places the hold.")],
    nin: Annotated[str, typer.Option(help="One client's NIN; every client when left out.")] = openings.EVERY_CLIENT,
    site: Settings = Path("csd.toml"),
) -> None:
    """Put openings of nominee accounts on hold for KYC documents (CSD-3.1.2-f)."""
    from flows.steps.holding import place

    with opened(site) as (here, at):
        place(here, participant, nin, reason, operator, at)
    whose = "every client" if nin == openings.EVERY_CLIENT else nin
    console.print(f"openings of {participant} for {whose} wait until csd release", markup=False)


@app.command(rich_help_panel="Take in, decide, tell")
def release(
    participant: Annotated[str, typer.Argument(help="Participant whose openings go on.")],
    nin: Annotated[
        str, typer.Option(help="One client's NIN; the hold on every client when left out.")
    ] = openings.EVERY_CLIENT,
    site: Settings = Path("csd.toml"),
) -> None:
    """Lift a hold and open the accounts that waited for it."""
    from flows.steps.holding import lift

    with opened(site) as (here, at):
        opened_now = lift(here, participant, nin, at)
    console.print(f"the hold is lifted; opened: {', '.join(opened_now) or 'none had waited'}", markup=False)
