"""Whatever a file is made of, a parser reads it or refuses it in words: nearly right files, the findings of fuzzing, short fuzzing runs."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.fuzz import FINDINGS, PARSERS, fuzz
from tools.fuzz_targets import TARGETS, one_input
from tools.mutations import mutated

RUNS = {"form": 350, "marked": 120, "receipt": 2000, "report": 2000, "cms": 300, "solve": 2000}
"""Files of the short fuzzing run of a parser; of the others more."""
MANY = 4000
FOUND = sorted(path for path in FINDINGS.rglob("*") if path.is_file())


@cache
def right(parser: str) -> tuple[bytes, ...]:
    return tuple(TARGETS[parser].seeds())


def test_every_parser_is_fuzzed() -> None:
    assert set(PARSERS) == set(TARGETS)
    assert all(right(parser) for parser in PARSERS)


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), which=st.integers(0, 10_000))
def test_a_nearly_right_file_is_read_or_refused(parser: str, seed: int, which: int) -> None:
    samples = right(parser)
    one_input(TARGETS[parser], mutated(samples[which % len(samples)], seed))


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(parser: str, data: bytes) -> None:
    one_input(TARGETS[parser], data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_fuzzing_found_stays_mended(path: Path) -> None:
    one_input(TARGETS[path.parent.name], path.read_bytes())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("parser", PARSERS)
def test_a_short_fuzzing_run_finds_nothing(parser: str) -> None:
    """The same seed each time. What is found is kept in tests/findings; see docs/reference/faults.md."""
    runs = RUNS.get(parser, MANY)
    done = fuzz(parser, 0, runs, seed=20261123)
    assert done.findings == (), done.said
    assert done.executions >= runs
    assert done.covered > 10
