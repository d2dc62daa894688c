"""Named points tell whoever watches, and change nothing for nobody."""

import subprocess
import sys


def test_a_watched_point_is_told_by_name_and_an_unwatched_one_does_nothing() -> None:
    # In a process of its own, as a watch stays for the life of a process.
    program = (
        "from depository.points import reached, watch\n"
        "reached('early')\n"
        "told = []\n"
        "watch(told.append)\n"
        "reached('one'); reached('two')\n"
        "print(told)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "['one', 'two']"
