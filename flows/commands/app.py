"""All commands of `csd` together; Prefect is imported only where it is used."""

import typer

from flows.commands import deciding, filling, proving, running, seeing

HELP = """A central securities depository run by files.

Start with `csd demo`: it plays a whole business day on this machine and shows where every answer went.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for commands in (seeing, running, deciding, filling, proving):
    app.add_typer(commands.app)
