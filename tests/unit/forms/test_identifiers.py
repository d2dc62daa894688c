"""Identifiers: check digits found wrong, canonical forms, lookalike letters named."""

from collections.abc import Callable

import pytest

from depository import identifiers
from depository.identifiers import BadIdentifier, iin_bin_check_digit, lookalikes


@pytest.mark.parametrize(
    ("check", "written", "canonical"),
    [
        (identifiers.isin, "us0378331005", "US0378331005"),
        (identifiers.isin, "KZ1C 0000 0009", "KZ1C00000009"),
        (identifiers.lei, "549300mlh00y3bn4hd49", "549300MLH00Y3BN4HD49"),
        (identifiers.cfi, "ESVUFR", "ESVUFR"),
        (identifiers.bic, "DEUTDEFF500", "DEUTDEFF500"),
        (identifiers.bic, "E097AEXX", "E097AEXX"),
        (identifiers.iban, "KZ86 125K ZT50 0410 0100", "KZ86125KZT5004100100"),
        (identifiers.iban, "GB82WEST12345698765432", "GB82WEST12345698765432"),
        (identifiers.iin_bin, "900101100014", "900101100014"),
        (identifiers.participant, "a01", "A01"),
        (identifiers.account, "a01-n000001", "A01-N000001"),
        (identifiers.nin, "db00043804", "DB00043804"),
        (identifiers.reference, "A01/2026-0147_x.y:z", "A01/2026-0147_x.y:z"),
        (identifiers.country, "kz", "KZ"),
        (identifiers.currency, "kzt", "KZT"),
    ],
)
def test_a_right_identifier_comes_back_in_canonical_form(
    check: Callable[[str], str], written: str, canonical: str
) -> None:
    assert check(written) == canonical
    assert check(canonical) == canonical


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (identifiers.isin, "US0378331004"),
        (identifiers.isin, "US037833100"),
        (identifiers.lei, "549300MLH00Y3BN4HD48"),
        (identifiers.lei, "549300MLH00Y3BN4HD"),
        (identifiers.cfi, "ESVUF"),
        (identifiers.cfi, "QQQQQQ"),
        (identifiers.bic, "DEUT1EFF"),
        (identifiers.bic, "DEUTDEFF5"),
        (identifiers.iban, "GB82WEST12345698765433"),
        (identifiers.iban, "GB"),
        (identifiers.iin_bin, "900101100015"),
        (identifiers.iin_bin, "90010110001X"),
        (identifiers.participant, "A1"),
        (identifiers.account, "A01-XX"),
        (identifiers.account, "A01-N1"),
        (identifiers.nin, "A"),
        (identifiers.reference, "-x"),
        (identifiers.reference, ""),
        (identifiers.country, "XX"),
        (identifiers.currency, "XXX"),
    ],
)
def test_a_wrong_identifier_is_refused(check: Callable[[str], str], wrong: str) -> None:
    with pytest.raises(BadIdentifier):
        check(wrong)


def test_the_check_digit_of_an_iin_is_found_in_the_second_pass_when_the_first_gives_ten() -> None:
    # 1*10 + 2*0 ... : digits chosen so that the first pass leaves 10.
    digits = next(
        f"9001011{serial:04d}"
        for serial in range(10_000)
        if sum((i + 1) * int(d) for i, d in enumerate(f"9001011{serial:04d}")) % 11 == 10
    )
    second = sum(w * int(d) for w, d in zip((3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2), digits, strict=True)) % 11
    assert iin_bin_check_digit(digits) == (None if second == 10 else second)


def test_no_iin_has_check_digits_that_give_ten_twice() -> None:
    assert iin_bin_check_digit("90010110055") is None
    for last in range(10):
        with pytest.raises(BadIdentifier):
            identifiers.iin_bin(f"90010110055{last}")


def test_a_single_wrong_digit_of_an_iin_is_found_but_where_the_weight_is_eleven() -> None:
    right = "900101100014"
    for place in [*range(10), 11]:
        for digit in "0123456789":
            wrong = right[:place] + digit + right[place + 1 :]
            first_pass = sum(weight * int(d) for weight, d in enumerate(wrong[:11], 1)) % 11
            # 11 times the eleventh digit is nothing modulo 11, and a first pass of 10 goes on to other weights.
            if wrong != right and first_pass != 10:
                with pytest.raises(BadIdentifier):
                    identifiers.iin_bin(wrong)


@pytest.mark.parametrize(
    ("text", "position", "latin"),
    [
        ("KZ1С", 4, "C"),
        ("Α01", 1, "A"),
        ("A01–HO", 4, "-"),
        ("A０1", 2, "0"),
        ("A01\u200b", 4, ""),
        ("Тest", 1, "T"),
    ],
)
def test_a_letter_that_only_looks_latin_is_named_with_its_place(text: str, position: int, latin: str) -> None:
    (found,) = lookalikes(text)
    assert (found[0], found[2]) == (position, latin)
    assert "U+" in found[1]


def test_latin_text_has_no_lookalikes_and_other_letters_are_not_called_lookalikes() -> None:
    assert lookalikes("A01-HO ~") == ()
    assert lookalikes("Ж") == ()
    assert lookalikes("Müller") == ()


def test_the_country_table_is_that_of_iso_3166() -> None:
    assert len(identifiers.COUNTRIES) == 249
    assert all(len(code) == 2 and code.isupper() for code in identifiers.COUNTRIES)
    assert {"KZ", "DE", "AE", "GB", "US"} <= identifiers.COUNTRIES
