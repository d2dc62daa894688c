"""Commands for those who fill in forms."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Settings, console, opened, print_receipt, signature_beside
from forms.catalog import FORMS

app = typer.Typer()


@app.command(rich_help_panel="Forms")
def blank(
    form: Annotated[str, typer.Argument(help=f"Form code: {', '.join(FORMS)}.")],
    out: Annotated[Path | None, typer.Option(help="File to write; <FORM>.xlsx when left out.")] = None,
) -> None:
    """Write the blank workbook of a form."""
    from parsers.blank_workbook import render_blank

    code = form.upper()
    if code not in FORMS:
        raise LookupError(f"there is no form {form}; the forms are {', '.join(FORMS)}")
    target = out or Path(f"{code}.xlsx")
    target.write_bytes(render_blank(code))
    console.print(f"{target}", markup=False)


@app.command(rich_help_panel="Forms")
def check(
    file: Annotated[Path, typer.Argument(help="A form's workbook.")],
    party: Annotated[str, typer.Option(help="Also check against the books, as if this party had sent it.")] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Check a form without sending it: every fault with its cell; with --party against the books, too, without any effect."""
    from flows.steps.checking import check_form, check_on_site

    if not party:
        faults = check_form(file.name, file.read_bytes())
        for place, message, code, rule in faults:
            console.print(f"{place or 'the whole form'}: {message} [{code}, {rule}]", markup=False, soft_wrap=True)
        console.print(f"{len(faults)} faults of form")
        raise typer.Exit(1 if faults else 0)
    with opened(site) as (here, at):
        receipt = check_on_site(here, party, file.name, file.read_bytes(), at, signature_beside(file))
    print_receipt(receipt)
