"""The command `csd`; Prefect is imported only where it is used."""

import sys

import typer

from depository.rejects import Broken, FileRefused
from flows.commands import deciding, filling, proving, running, seeing
from flows.commands.common import console

HELP = """A central securities depository run by files.

Start with `csd demo`: it plays a whole business day on this machine and shows where every answer went.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for commands in (seeing, running, deciding, filling, proving):
    app.add_typer(commands.app)


def main() -> None:
    """Runs the command; what a person can mend ends with one line and exit code 2, a broken invariant with 3."""
    try:
        app(standalone_mode=True)
    except (FileRefused, OSError, LookupError, ValueError) as fault:
        console.print(f"csd: {fault}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except Broken as fault:
        console.print(f"csd: the books were not changed: {fault}", style="red", markup=False, soft_wrap=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
