"""Finds binary floating point where money and quantities pass: the name `float` and float literals, by the syntax tree.

A line may use one for another purpose when it says which: `# float: seconds`. Modules in which every float is of one
other kind stand in `ELSEWHERE` with that reason. `src/depository`, `forms` and `parsers` are looked at; tests are
not.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MONEY_PATHS = ("src/depository", "forms", "parsers")
REASON = "# float: "
ELSEWHERE = {
    "src/depository/cycle_report.py": "the certificate's bound and gap, as the solver gave them",
    "src/depository/settlement/": "the solver's numbers; what it proposes is checked again in integers",
    "src/depository/sftp/client.py": "seconds",
    "src/depository/sftp/folders.py": "seconds",
    "forms/field.py": "cells come as floats from workbooks and are turned into exact text here, once",
    "parsers/blank_workbook.py": "margins of the page, and sample numbers written as the cells that Excel knows",
    "parsers/marked_workbook.py": "copies the sender's cells as they are",
    "parsers/report_pdf.py": "lengths on the page",
    "parsers/report_workbook.py": "lengths on the page; a number is written only when the cell holds it exactly",
    "parsers/sandbox.py": "seconds",
    "parsers/workbook_form.py": "cells come as floats from workbooks and go through `number_text`; likeness of labels",
}
"""Modules and folders whose floats hold neither money nor quantity, with what they hold."""
EXACT = ("src/depository/settlement/checker.py",)
"""Modules of such a folder in which no float may stand all the same: the check in integers."""


@dataclass(frozen=True, slots=True)
class Found:
    """A float in a money path."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def floats_in(source: str) -> Iterator[int]:
    """The lines with the name `float` or a float literal that give no reason, in their order."""
    lines = source.splitlines()
    found = set()
    for node in ast.walk(ast.parse(source)):
        if (isinstance(node, ast.Name) and node.id == "float") or (
            isinstance(node, ast.Constant) and isinstance(node.value, float)
        ):
            found.add(node.lineno)
    yield from (line for line in sorted(found) if REASON not in lines[line - 1])


def find(root: Path = ROOT) -> list[Found]:
    """All floats without a reason in the money paths."""
    found = []
    for folder in MONEY_PATHS:
        for file in sorted((root / folder).rglob("*.py")):
            name = file.relative_to(root).as_posix()
            if name not in EXACT and name.startswith(tuple(ELSEWHERE)):
                continue
            source = file.read_text()
            found += [Found(name, line, source.splitlines()[line - 1].strip()) for line in floats_in(source)]
    return found


def main() -> int:
    """Prints what was found. Returns the exit code."""
    found = find()
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
