"""Which rule of the rulebook is carried by which code and shown by which tests.

    tools/rules.py           the rules that are open (no code, or no test), and a count
    tools/rules.py --write   docs/reference/traceability.md anew
    tools/rules.py --check   fails when that page is not up to date

Code carries a rule when its id stands in a comment, docstring or text of it; a test shows a rule when it is marked with
`@pytest.mark.rule("CSD-…")`; ids with KCSD are those of the platform. Open rules are listed and are no failure; an id that the
rulebook does not know is one.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = Path("docs/reference/rules.toml")
PAGE = Path("docs/reference/traceability.md")
CODE = ("src/depository", "forms", "parsers", "flows")
TESTS = "tests"
RULE_ID = re.compile(
    r"(?<![\w-])(?:CSD-(?:A\d(?:-\d+(?:\.\d+)*)?|\d(?:\.\d+\w*|-\d+\w*)(?:\.\d+\w*)*(?:-(?:\d+(?:\.\d+)*|[a-z]+))*)"
    r"|KCSD-\d\d)(?!\w)"
)
"""An id anywhere in a text. Form codes (CSD-IST) and numbers of answers (CSD-84) are none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id, the part of the rulebook it stands in, what it is about, and its place in the source."""

    id: str
    section: str
    title: str
    source: str


@dataclass(slots=True)
class Traces:
    """Places by rule id: code as `file: name`, tests as `file::name`; unknown ids with the places that name them."""

    code: dict[str, list[str]] = field(default_factory=dict)
    tests: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def read_rules(root: Path = ROOT) -> list[Rule]:
    """The rulebook's list, in its order. Raises ValueError when an id stands there twice."""
    with (root / RULES).open("rb") as file:
        rules = [Rule(**entry) for entry in tomllib.load(file)["rule"]]
    ids = [rule.id for rule in rules]
    if twice := {each for each in ids if ids.count(each) > 1}:
        raise ValueError(f"{RULES} has more than once: {', '.join(sorted(twice))}")
    return rules


def trace(rules: list[Rule], root: Path = ROOT) -> Traces:
    """Reads all code and tests and notes who names which rule."""
    traces = Traces()
    known = {rule.id for rule in rules}
    procedures = {rule.id.rpartition("-")[0] for rule in rules} - known

    def note(places: dict[str, list[str]], rule: str, place: str) -> None:
        if rule not in known:
            traces.unknown.append(f"{rule} in {place}")
        elif place not in places.setdefault(rule, []):
            places[rule].append(place)

    for file in sources(root, CODE):
        for rule, name in named_in_code(file.read_text()):
            # "CSD-4.1.2" is a procedure: the heading of its rules, carried by none of them.
            if rule in procedures:
                continue
            note(traces.code, rule, f"{file.relative_to(root).as_posix()}{f': {name}' if name else ''}")
    for file in sources(root, (TESTS,)):
        for rule, name in marked_in_tests(file.read_text()):
            # Rulebooks that are not built yet (CCP, REPO) have lists of their own.
            if not rule.startswith(("CSD-", "KCSD-")):
                continue
            note(traces.tests, rule, f"{file.relative_to(root).as_posix()}::{name}")
    return traces


def sources(root: Path, folders: tuple[str, ...]) -> Iterator[Path]:
    """Python files of the folders, in order of their names."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def named_in_code(text: str) -> Iterator[tuple[str, str]]:
    """Each rule id in the text with the name of the innermost function or class around it ("" = the module itself)."""
    spans = sorted(spans_of(ast.parse(text)))
    for number, line in enumerate(text.splitlines(), start=1):
        for found in RULE_ID.finditer(line):
            # The span that begins last is the innermost.
            around = [name for begin, end, name in spans if begin <= number <= end]
            yield found.group(), around[-1] if around else ""


def spans_of(tree: ast.AST, prefix: str = "") -> Iterator[tuple[int, int, str]]:
    """First line, last line and dotted name of each function and class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield first, node.end_lineno or node.lineno, prefix + node.name
            yield from spans_of(node, f"{prefix}{node.name}.")
        else:
            yield from spans_of(node, prefix)


def marked_in_tests(text: str) -> Iterator[tuple[str, str]]:
    """Each rule id of a `pytest.mark.rule(...)` with the test's name; "(all)" for a mark on the whole module."""
    tree = ast.parse(text)
    spans = sorted(spans_of(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.rule", "mark.rule"):
            around = [name for begin, end, name in spans if begin <= node.lineno <= end]
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, around[-1] if around else "(all)"


def state(rule: Rule, traces: Traces) -> str:
    """Where a rule stands: shown (code and test), or what it lacks."""
    match bool(traces.code.get(rule.id)), bool(traces.tests.get(rule.id)):
        case True, True:
            return "shown"
        case True, False:
            return "no test"
        case False, True:
            return "no code names it"
        case _:
            return "open"


def page(rules: list[Rule], traces: Traces) -> str:
    """docs/reference/traceability.md."""
    lines = [
        "# Rules, code and tests",
        "",
        "Made by `make docs` from `rules.toml`, the code and the tests; do not edit. Code carries a rule",
        "when it names its id; a test shows one when it is marked with it and would fail if the rule were broken.",
        "",
        summary(rules, traces),
    ]
    section = ""
    for rule in rules:
        if rule.section != section:
            section = rule.section
            lines += [
                "",
                f"## {section}",
                "",
                "| rule | what it is about | source | state | code | tests |",
                "|---|---|---|---|---|---|",
            ]
        lines.append(
            f"| {rule.id} | {rule.title} | {rule.source} | {state(rule, traces)} "
            f"| {cell(traces.code.get(rule.id))} | {cell(traces.tests.get(rule.id))} |"
        )
    return "\n".join(lines) + "\n"


def cell(places: list[str] | None) -> str:
    """Places, one a line, in a cell of a table."""
    return "<br>".join(f"`{place}`" for place in places or [])


def summary(rules: list[Rule], traces: Traces) -> str:
    """How many rules there are and how many are in which state, in one line."""
    states = [state(rule, traces) for rule in rules]
    counted = ", ".join(f"{states.count(each)} {each}" for each in ("shown", "no test", "no code names it", "open"))
    return f"{len(rules)} rules: {counted}."


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Runs the tool. Returns the exit code: 1 for unknown ids, and with --check for a page that is not up to date."""
    rules = read_rules(root)
    traces = trace(rules, root)
    fresh = page(rules, traces)
    for unknown in traces.unknown:
        print(f"unknown rule {unknown}")
    if "--write" in arguments:
        (root / PAGE).write_text(fresh)
    elif "--check" in arguments:
        if not (root / PAGE).exists() or (root / PAGE).read_text() != fresh:
            print(f"{PAGE} is not up to date; make it anew with: make docs")
            return 1
    else:
        for rule in rules:
            if (where := state(rule, traces)) != "shown":
                print(f"{rule.id:16} {where:17} {rule.title}")
    print(summary(rules, traces))
    return 1 if traces.unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
