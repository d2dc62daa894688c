"""What takes files in stays small: neither it nor the child that reads them loads what only others need."""

import subprocess
import sys


def loaded_by(*modules: str) -> set[str]:
    """The packages that a fresh process has loaded after it has loaded some modules."""
    told = f"import sys, {', '.join(modules)}; print(*(name for name in sys.modules))"
    names = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout
    return set(names.split())


def test_the_intake_loads_no_settlement_engine_before_there_is_something_to_settle_and_no_printing() -> None:
    loaded = loaded_by("flows.intake", "flows.planner", "flows.simulation", "flows.up")
    assert "flows.steps.recording" in loaded
    assert not loaded & {"numpy", "scipy", "highspy", "pandas", "depository.settlement", "reportlab", "openpyxl"}


def test_the_limited_child_loads_no_database_no_network_and_no_prefect() -> None:
    # The child of a process that was started as `csd` loads that module as well.
    loaded = loaded_by("flows.cli", "parsers.sandbox")
    assert "parsers.workbook_form" in loaded
    assert not loaded & {"sqlalchemy", "paramiko", "prefect", "typer", "numpy", "openpyxl", "lxml"}
