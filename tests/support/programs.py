"""Outside programs for tests: without its program a test is skipped aloud, and fails where nothing may be missing."""

import os

import pytest

from tools.programs import PROGRAMS, find


def program(name: str) -> str:
    """Full path of a program in `tools/programs.py`; skips the test when it is missing, fails it when `CI` is set."""
    wanted = next(each for each in PROGRAMS if each.name == name)
    path = find(name)
    if path is None:
        said = f"{wanted.purpose}: {name} is not installed (Debian: apt-get install {wanted.package})"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return path
