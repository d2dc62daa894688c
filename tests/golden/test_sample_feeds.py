"""Every sample feed on disk gives exactly the answer that stands beside it, and the samples are those of the builder."""

import json
from pathlib import Path

import pytest

from tests.golden.feed_samples import FOLDER, answer, expected_text, samples

FEEDS = ("camt053", "camt054", "trades", "registry", "reference")
SAMPLES = samples()
REFERENCE_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "feeds.md"


@pytest.mark.rule("KCSD-90")
@pytest.mark.parametrize("path", sorted(SAMPLES))
def test_the_sample_gives_the_answer_beside_it(path: str) -> None:
    file = FOLDER / path
    assert expected_text(path, file.read_bytes()) == file.with_suffix(".expected.json").read_text()


def test_the_samples_on_disk_are_those_of_the_builder_byte_for_byte() -> None:
    on_disk = {
        f"{folder}/{file.name}": file.read_bytes()
        for folder in FEEDS
        for file in (FOLDER / folder).iterdir()
        if not file.name.endswith(".expected.json")
    }
    assert on_disk == SAMPLES


@pytest.mark.parametrize("path", sorted(SAMPLES))
def test_right_samples_are_taken_whole_and_wrong_ones_are_not(path: str) -> None:
    folder, name = path.split("/")
    given = answer(folder, name, SAMPLES[path])
    clean = "file_refused" not in given and not given["refused"]
    assert clean is name.startswith("right-")


def test_every_code_that_refuses_a_file_is_explained_on_the_reference_page() -> None:
    page = REFERENCE_PAGE.read_text()
    codes = {
        json.loads(file.read_text())["file_refused"]["code"]
        for folder in FEEDS
        for file in (FOLDER / folder).glob("wrong-*.expected.json")
        if "file_refused" in json.loads(file.read_text())
    }
    assert len(codes) > 6
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []
