"""Compiles the engine's inner loops once, at installation, so that no settlement cycle waits for the compiler."""

from benchmarks.settlement.instances import day
from depository.settlement import settle

# Large enough for every loop to be the compiled one.
INSTRUCTIONS = 8000


def main() -> None:
    """Settle a made-up day; what is compiled is kept beside the code."""
    settle(day(INSTRUCTIONS, "tight", 0).problem(), effort="quick")


if __name__ == "__main__":
    main()
