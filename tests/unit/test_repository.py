"""What must hold for the repository as a whole: packaging, layers, names."""

import ast
import re
import subprocess
import sys
import tomllib
import traceback
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from depository.store.database import DatabaseUnavailable, open_database, writing
from tests.support.key_material import leaks

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "depository": ROOT / "src/depository",
    "forms": ROOT / "forms",
    "parsers": ROOT / "parsers",
    "flows": ROOT / "flows",
}


def imported_by(file: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_steps_import_nothing_of_the_flows_above_them() -> None:
    # The contracts of import-linter say the rest; they cannot say "flows but its own part".
    for file in sorted((ROOT / "flows/steps").rglob("*.py")):
        above = {name for name in imported_by(file) if re.fullmatch(r"flows\.(?!steps\b).*", name)}
        assert not above, f"{file.relative_to(ROOT)} imports {', '.join(sorted(above))}"


def test_no_other_installed_distribution_ships_a_package_of_our_name() -> None:
    # Names as plain as `forms` are at risk, and pip does not say when another package overwrites ours.
    for distribution in distributions():
        if distribution.metadata["Name"] == "csd":
            continue
        tops = {file.parts[0] for file in distribution.files or []}
        taken = tops & set(PACKAGES)
        assert not taken, f"{distribution.metadata['Name']} also ships {', '.join(sorted(taken))}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").exists()


def test_the_lock_has_a_hash_for_every_package_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    # A requirement goes over several lines; the ones that belong to it are indented.
    requirements = re.findall(r"^(?!#)\S.*(?:\n[ \t]+.*)*", lock, re.MULTILINE)
    assert len(requirements) > 100
    assert [each.splitlines()[0] for each in requirements if "--hash=sha256:" not in each] == []
    assert "://" not in lock
    assert not re.search(r"^--(index|extra-index|find-links)", lock, re.MULTILINE)


def test_the_lock_holds_every_package_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    locked = set(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    missing = {each for each in asked if re.split(r"[\[<>=~ ;]", each)[0].lower().replace("_", "-") not in locked}
    assert not missing, "make the lock anew with: make lock"


def test_no_registry_is_named_in_what_installs() -> None:
    for name in ("Makefile", ".ci/run", ".pre-commit-config.yaml"):
        text = (ROOT / name).read_text()
        assert "http" not in text, name
        assert "index-url" not in text.replace("--no-emit-index-url", ""), name


def test_the_wheel_has_every_file_of_the_packages_and_runs_without_the_repository(tmp_path: Path) -> None:
    # pip copies nothing of the repository but what the wheel has: a form's blank left out is seen by users first.
    program = "from hatchling.builders.wheel import WheelBuilder; print(next(WheelBuilder('.').build(directory={!r})))"
    built = subprocess.run(
        [sys.executable, "-c", program.format(str(tmp_path))], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(built) as wheel:
        wheel.extractall(unpacked)
    for package, folder in PACKAGES.items():
        for file in folder.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert (unpacked / package / file.relative_to(folder)).exists(), file.relative_to(ROOT)
    where = "import sys; sys.path.insert(0, {!r}); import depository, forms, parsers, flows; print(depository.__file__)"
    said = subprocess.run(
        [sys.executable, "-I", "-c", where.format(str(unpacked))],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    assert said.startswith(str(unpacked))


def test_no_private_key_lies_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    assert len(files) > 300
    assert leaks([path for path in files if path.is_file()], []) == []


def test_the_password_of_the_database_is_in_no_error() -> None:
    """What goes into logs and to the screen when the server cannot be reached."""
    engine = open_database("postgresql+psycopg://clerk:open-sesame@127.0.0.1:1/csd")
    with pytest.raises(DatabaseUnavailable) as told, writing(engine):
        pass
    assert "open-sesame" not in "".join(traceback.format_exception(told.value))
    assert "open-sesame" not in f"{engine.url} {engine!r}"
    engine.dispose()
