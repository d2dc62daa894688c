"""A process that takes files in, with all that `csd up` has loaded and nothing of the benchmarks: `benchmarks.bulk` measures its memory.

    python -m benchmarks.bulk_intake SETTINGS 2026-11-23T10:00:00+05:00

It stops when its input ends. Nothing is loaded at the top: the limited child loads this file once more, as it does `csd` itself.
"""

import sys


def main(settings: str, begin: str) -> None:
    """Looks again and again as the resident flow does, by a clock that began at a moment when it started."""
    import threading
    import time
    from datetime import datetime, timedelta

    import flows.commands.app
    import flows.office
    import flows.planner
    import flows.simulation
    import flows.up
    from flows.steps.resident import Resident

    ended = threading.Event()

    def end_with_the_pipe() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=end_with_the_pipe, daemon=True).start()
    first, started = datetime.fromisoformat(begin), time.monotonic()
    with Resident(flows.office.site_of(settings)) as resident:
        while not ended.wait(0.5):
            resident.look(first + timedelta(seconds=time.monotonic() - started))
    flows.office.close_sites()


if __name__ == "__main__":
    main(*sys.argv[1:])
