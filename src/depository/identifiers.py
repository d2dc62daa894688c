"""Identifiers of the field, with their check digits: ISIN, LEI, CFI, BIC, IBAN, IIN/BIN, participant, account, NIN, reference.

Each function takes the text as written, gives the canonical form (upper case, no spaces inside where the standard has none) and
raises `BadIdentifier` with a message that says what is wrong and what to send instead.

Sources: ISO 6166 (ISIN), ISO 17442 (LEI), ISO 10962 (CFI), ISO 9362 (BIC), ISO 13616 (IBAN), checked by python-stdnum; IIN/BIN by
the two-pass rule of Kazakhstan's identification numbers; participant code and account number are the depository's own.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from stdnum import cfi as stdnum_cfi
from stdnum import iban as stdnum_iban
from stdnum import isin as stdnum_isin
from stdnum import lei as stdnum_lei
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidLength, ValidationError


class BadIdentifier(ValueError):
    """The text is not such an identifier; the message names the fault and the fix."""


# Cyrillic and Greek letters that look like Latin ones in the common fonts.
_TWINS = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХҮԚԜһаеѕіјкорсухүԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχ",
        "ABESIJKMHOPCTYXYQWhaesijkopcyxyqw" + "ABEZHIKMNOPTYXaiknopux",
        strict=True,
    )
)
_ASCII = re.compile(r"[\x20-\x7e]*")


def lookalikes(text: str) -> tuple[tuple[int, str, str], ...]:
    """Find letters that only look Latin: (position from 1, what it really is, the Latin letter to type instead or "")."""
    if _ASCII.fullmatch(text):
        return ()
    found = []
    for position, letter in enumerate(text, 1):
        if letter in _TWINS:
            found.append((position, _spoken(letter), _TWINS[letter]))
        elif letter > "\x7e" and _narrow(letter) != letter:
            found.append((position, _spoken(letter), _narrow(letter)))
        elif unicodedata.category(letter) in ("Cf", "Cc"):
            found.append((position, f"the invisible {_spoken(letter)}", ""))
        elif letter in "‐‑‒–—−":
            found.append((position, _spoken(letter), "-"))
    return tuple(found)


def lookalike_message(text: str) -> str:
    """Say in one sentence which letters only look Latin, or "" when there are none."""
    found = lookalikes(text)
    if not found:
        return ""
    odd = next(
        (
            letter
            for letter in text
            if letter.isalpha() and letter > "\x7e" and letter not in _TWINS and _narrow(letter) == letter
        ),
        "",
    )
    if odd:
        # A word of another alphabet, of which some letters happen to look Latin.
        return f"It is not in Latin letters ({odd!r} is none): write it in Latin letters."
    parts = []
    for position, name, latin in found[:4]:
        parts.append(f"character {position} is {name}" + (f", type Latin {latin}" if latin else ", delete it"))
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return "It holds characters that only look Latin: " + "; ".join(parts) + more + "."


def _spoken(letter: str) -> str:
    return f"{unicodedata.name(letter, 'character').capitalize()} (U+{ord(letter):04X})"


def _narrow(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter)
    return plain if len(plain) == 1 and plain.isascii() and plain.isalnum() else letter


def _latin(text: str, name: str) -> str:
    if not text.isascii():
        message = lookalike_message(text)
        odd = next((c for c in text if not c.isascii()), "")
        raise BadIdentifier(message or f"{name} has only Latin letters and digits; {odd!r} is neither.")
    return text


def _compact(text: str, name: str) -> str:
    return _latin(text, name).replace(" ", "").upper()


def isin(text: str) -> str:
    """Check an ISIN: country prefix, 9 characters, check digit."""
    number = _compact(text, "An ISIN")
    try:
        return str(stdnum_isin.validate(number))
    except InvalidLength:
        raise BadIdentifier(f"An ISIN has 12 characters, this one has {len(number)}.") from None
    except InvalidComponent:
        raise BadIdentifier(f"{number[:2]!r} is no country prefix of ISINs; check the first two letters.") from None
    except InvalidChecksum:
        right = stdnum_isin.calc_check_digit(number[:-1])
        raise BadIdentifier(
            f"The check digit does not agree (it would be {right}): a character is mistyped; copy the ISIN again."
        ) from None
    except ValidationError:
        raise BadIdentifier("An ISIN is two letters, nine letters or digits and a check digit.") from None


def lei(text: str) -> str:
    """Check an LEI: 20 characters with two check digits."""
    number = _compact(text, "An LEI")
    if not re.fullmatch(r"[0-9A-Z]{18}[0-9]{2}", number):
        raise BadIdentifier("An LEI is 18 letters or digits and two check digits.")
    try:
        return str(stdnum_lei.validate(number))
    except ValidationError:
        raise BadIdentifier("The two check digits of the LEI do not agree: copy it again.") from None


def cfi(text: str) -> str:
    """Check a CFI code: six letters, each with a meaning in ISO 10962."""
    code = _compact(text, "A CFI code")
    try:
        return str(stdnum_cfi.validate(code))
    except ValidationError:
        raise BadIdentifier("A CFI code is six letters of ISO 10962, for example ESVUFR.") from None


EKNP = "[0-9A-Z]{10}"
EKNP_MESSAGE = (
    "an EKNP has 10 characters: sender code 2, beneficiary code 2, currency 3, purpose 3, such as 1515KZT119."
)
"""Purpose of a payment: pattern, and what to say when it does not fit."""

_BIC = re.compile(r"[A-Z0-9]{4}([A-Z]{2})[A-Z0-9]{2}([A-Z0-9]{3})?")


def bic(text: str) -> str:
    """Check a BIC: 8 or 11 characters with a country code in places 5 and 6 (ISO 9362:2014: letters or digits in the first four)."""
    code = _compact(text, "A BIC")
    found = _BIC.fullmatch(code)
    if len(code) not in (8, 11):
        raise BadIdentifier(f"A BIC has 8 or 11 characters, this one has {len(code)}.")
    if not found or found.group(1) not in COUNTRIES:
        raise BadIdentifier(f"A BIC has a country code in places 5 and 6, for example KZ; {code[4:6]!r} is none.")
    return code


_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def iban(text: str) -> str:
    """Check an IBAN: country, length and structure of the country, two check digits by modulo 97."""
    number = _compact(text, "An IBAN")
    if not _IBAN.fullmatch(number):
        raise BadIdentifier("An IBAN is a country code, two check digits and up to 30 letters or digits.")
    # Python's whole numbers do the modulo at once: letters become 10..35.
    digits = (number[4:] + number[:4]).translate(_IBAN_DIGITS)
    if int(digits) % 97 != 1:
        raise BadIdentifier("The two check digits of the IBAN do not agree: a character is mistyped; copy it again.")
    structure = _iban_structure(number[:2])
    if structure is None:
        raise BadIdentifier(f"{number[:2]!r} is no country that has IBANs.")
    if not structure(number[4:]):
        raise BadIdentifier(
            f"An IBAN of {number[:2]} has another length or other places for its digits: copy it again."
        )
    return number


_IBAN_DIGITS = {ord(letter): str(ord(letter) - 55) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@lru_cache(maxsize=256)
def _iban_structure(country: str) -> Callable[[str], object] | None:
    """Give the test of a country's account part, from python-stdnum's copy of the IBAN registry (such as `3!n13!c`)."""
    properties = stdnum_iban._ibandb.info(country + "00")[0][1]
    structure = properties.get("bban", "") if properties else ""
    if not structure:
        return None
    sets = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
    pattern = re.sub(
        r"(\d+)(!?)([nac])",
        lambda m: f"{sets[m[3]]}{{{'' if m[2] else '1,'}{m[1]}}}",
        structure,
    )
    return re.compile(pattern).fullmatch


_DIGITS_12 = re.compile(r"[0-9]{12}")


def iin_bin_check_digit(first_eleven: str) -> int | None:
    """Give the check digit of an IIN or BIN: weights 1..11 modulo 11; if 10, weights 3..11, 1, 2; if 10 again, None (no such number)."""
    # The letters' codes do for the digits: they are 48 more, and the weights sum to 66, a multiple of 11.
    a, b, c, d, e, f, g, h, i, j, k = first_eleven.encode()
    digit = (a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k) % 11
    if digit == 10:
        digit = (3 * a + 4 * b + 5 * c + 6 * d + 7 * e + 8 * f + 9 * g + 10 * h + 11 * i + j + 2 * k) % 11
    return None if digit == 10 else digit


def iin_bin(text: str) -> str:
    """Check an IIN (person) or BIN (company) of Kazakhstan: twelve digits, the last a check digit."""
    number = _compact(text, "An IIN or BIN")
    if not _DIGITS_12.fullmatch(number):
        raise BadIdentifier(f"An IIN or BIN has 12 digits; this has {len(number)} characters.")
    digit = iin_bin_check_digit(number[:11])
    if digit is None:
        raise BadIdentifier("No IIN or BIN begins with these eleven digits (both check passes give 10): copy it again.")
    if digit != int(number[11]):
        raise BadIdentifier(
            f"The check digit does not agree (it would be {digit}): a digit is mistyped; copy the number again."
        )
    return number


def is_iin_bin(text: str) -> bool:
    """Tell whether a text is an IIN or BIN as it stands."""
    return _DIGITS_12.fullmatch(text) is not None and iin_bin_check_digit(text[:11]) == int(text[11])


def participant(text: str) -> str:
    """Check a participant code: one letter and two digits, such as A01."""
    code = _compact(text, "A participant code")
    if not re.fullmatch(r"[A-Z][0-9]{2}", code):
        raise BadIdentifier("A participant code is one letter and two digits, for example A01.")
    return code


_ACCOUNT = re.compile(r"([A-Z][0-9]{2})-(HO|DO|FO|ST|MM|N[0-9]{6})")


def account(text: str) -> str:
    """Check an account number: participant code, hyphen, suffix HO, DO, FO, ST, MM or N and six digits (CSD-3.1.2-a)."""
    number = _compact(text, "An account number")
    if not _ACCOUNT.fullmatch(number):
        raise BadIdentifier(
            "An account number is the participant code, a hyphen and HO, DO, FO, ST, MM or N with six digits, "
            "for example A01-HO or A01-N000001."
        )
    return number


def participant_of(holder: str) -> str:
    """The participant behind the holder of a balance: an account's number begins with its code; money is held under the code itself."""
    return holder.partition("-")[0]


_NIN = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{2,18})[A-Z0-9]")

is_nin = _NIN.fullmatch
"""Tell whether a text is a NIN as it stands."""


def nin(text: str) -> str:
    """Check a client's NIN: 4 to 20 letters, digits and hyphens. A field of its own, not an alias of the IIN (CSD-3.1.2-c)."""
    number = _compact(text, "A NIN")
    if not _NIN.fullmatch(number):
        raise BadIdentifier("A NIN has 4 to 20 letters, digits and hyphens.")
    return number


_REFERENCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9/._:-]{0,33}[A-Za-z0-9])?")

is_reference = _REFERENCE.fullmatch
"""Tell whether a text is a reference as it stands."""


def reference(text: str) -> str:
    """Check a sender's reference: 1 to 35 letters, digits and / . _ : - between them; upper and lower case differ."""
    _latin(text, "A reference")
    if len(text) > 35:
        raise BadIdentifier(f"A reference has at most 35 characters, this one has {len(text)}.")
    if not _REFERENCE.fullmatch(text):
        raise BadIdentifier(
            "A reference is made of letters, digits and / . _ : - and begins and ends with a letter or digit."
        )
    return text


def country(text: str) -> str:
    """Check a country code of two letters (ISO 3166-1 alpha-2)."""
    code = _compact(text, "A country code")
    if code not in COUNTRIES:
        raise BadIdentifier("A country is its ISO 3166-1 code of two letters, for example KZ.")
    return code


def currency(text: str) -> str:
    """Check a currency code of three letters (ISO 4217)."""
    code = _compact(text, "A currency code")
    if code not in CURRENCIES:
        raise BadIdentifier("A currency is its ISO 4217 code of three letters, for example KZT.")
    return code


def _codes(listed: str) -> list[str]:
    return listed.split()


COUNTRIES = frozenset(
    _codes("""AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
    CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI
    GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ
    LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO
    NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST
    SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""")
)
"""ISO 3166-1 alpha-2, the 249 assigned codes."""

CURRENCIES = frozenset(
    _codes("""AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP
    CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
    JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW""")
)
"""ISO 4217, the codes of money in use."""

CURRENCY_DECIMALS = dict.fromkeys(
    _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"), 0
) | dict.fromkeys(_codes("BHD IQD JOD KWD LYD OMR TND"), 3)
"""Places after the point of a currency, where it is not 2 (ISO 4217)."""
