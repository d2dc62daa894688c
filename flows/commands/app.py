"""All commands of `csd` together; Prefect is imported only where it is used."""

from importlib.metadata import version
from typing import Annotated

import typer

from flows.commands import deciding, filling, proving, running, seeing

HELP = """A central securities depository run by files.

Start with `csd demo`: it plays a whole business day on this machine and shows where every answer went.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for commands in (seeing, running, deciding, filling, proving):
    app.add_typer(commands.app)


def _tell_version(asked: bool) -> None:
    if asked:
        from flows.steps.program import this_program

        typer.echo(f"csd {version('csd')}, program {this_program()}")
        raise typer.Exit


@app.callback()
def _csd(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Say which version and program this is, and exit."
        ),
    ] = False,
) -> None:
    pass
