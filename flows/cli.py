"""The command `csd`. Nothing is loaded before it is called: the limited child that reads files loads this module too, for nothing."""

import sys


def main() -> None:
    """Runs the command; what a person can mend ends with one line and exit code 2, a broken invariant with 3."""
    from depository.rejects import Broken, FileRefused
    from flows.commands.app import app
    from flows.commands.common import console, fault_in_words

    try:
        app(standalone_mode=True)
    except (FileRefused, OSError, LookupError, ValueError) as fault:
        console.print(f"csd: {fault_in_words(fault)}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except Broken as fault:
        console.print(f"csd: the books were not changed: {fault}", style="red", markup=False, soft_wrap=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
