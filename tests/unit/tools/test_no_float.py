"""No binary floating point touches money or quantities."""

from pathlib import Path

from tools.no_float import ELSEWHERE, EXACT, find, floats_in

ROOT = Path(__file__).parents[3]


def test_the_name_and_the_literal_are_found_and_a_reason_lets_a_line_pass() -> None:
    source = (
        'amount = float("1.1")\nrate = 0.1\nwhole = 10\ntext = "0.1"\n'
        "pause = 0.5  # float: seconds\nlimit: float = 3\nlimit = 1e3\n"
    )
    assert list(floats_in(source)) == [1, 2, 6, 7]


def test_a_float_in_a_money_path_is_found_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "payment.py").write_text("currency = 'KZT'\namount = 0.1\n")
    assert [str(each) for each in find(tmp_path)] == ["forms/payment.py:2: amount = 0.1"]


def test_the_check_in_integers_has_no_float_though_its_folder_may(tmp_path: Path) -> None:
    folder = tmp_path / "src/depository/settlement"
    folder.mkdir(parents=True)
    for name in ("solver.py", "checker.py"):
        (folder / name).write_text("least = 0.5\n")
    assert [str(each) for each in find(tmp_path)] == ["src/depository/settlement/checker.py:1: least = 0.5"]


def test_no_float_touches_money_or_quantities() -> None:
    found = find()
    assert not found, "say what the float is for, or use Decimal or int:\n" + "\n".join(map(str, found))


def test_every_module_with_a_reason_is_there() -> None:
    assert [name for name in (*ELSEWHERE, *EXACT) if not (ROOT / name).exists()] == []
