"""Which files are whole, told look by look; no network."""

import hashlib
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depository.sftp.entry import Entry, decode_name, encode_name
from depository.sftp.intake import (
    LONGEST_NAME,
    Judgement,
    Policy,
    Proof,
    Sighting,
    broken_promise,
    forget,
    judge,
    safe_name,
    watched,
)

NINE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
PARTY = "BRKA"
DEFAULT = Policy()
NOTHING = judge(PARTY, (), (), NINE)


def seconds(count: float) -> datetime:
    return NINE + timedelta(seconds=count)


def file(name: str, size: int = 20_000, mtime: int = 1_000) -> Entry:
    return Entry(name, size, mtime, is_file=True)


class Folder:
    """One folder looked at again and again; keeps the sightings as the intake does."""

    def __init__(self, policy: Policy = DEFAULT) -> None:
        self.policy = policy
        self.sightings: tuple[Sighting, ...] = ()

    def look(self, after: float, *entries: Entry) -> Judgement:
        judgement = judge(PARTY, self.sightings, entries, seconds(after), self.policy)
        self.sightings = judgement.sightings
        return judgement


def names(judgement: Judgement) -> list[str]:
    return [ready.name for ready in judgement.ready]


# Standing still


def test_a_file_that_stands_still_for_three_looks_two_seconds_apart_is_ready() -> None:
    folder = Folder()
    assert names(folder.look(0, file("form.xlsx"))) == []
    assert names(folder.look(2, file("form.xlsx"))) == []
    ready = folder.look(4, file("form.xlsx")).ready
    assert [(one.name, one.proof, one.arrived) for one in ready] == [("form.xlsx", Proof.STOOD_STILL, NINE)]


def test_a_file_whose_last_bytes_say_that_it_ends_there_is_ready_after_two_looks_a_second_apart() -> None:
    folder = Folder()
    there = [file("form.xlsx"), file("notes.txt")]
    folder.look(0, *there)
    early = folder.look(0.9, *there)
    assert early.to_prove == ()
    doubtful = folder.look(1, *there)
    assert (names(doubtful), [one.name for one in doubtful.to_prove]) == ([], ["form.xlsx"])
    proved = judge(PARTY, early.sightings, there, seconds(1), DEFAULT, {"form.xlsx"})
    assert [(one.name, one.proof, one.arrived) for one in proved.ready] == [("form.xlsx", Proof.OWN_END, NINE)]
    # Without that proof both wait for three looks two seconds apart.
    assert names(folder.look(2, *there)) == []
    assert names(folder.look(4, *there)) == ["form.xlsx", "notes.txt"]


def test_a_signed_form_is_ready_when_both_say_where_they_end_a_second_after_the_later() -> None:
    signed = [file("sin.xlsx"), file("sin.xlsx.p7s", size=900)]
    folder = Folder()
    folder.look(0, signed[1])
    folder.look(1, *signed)
    half = folder.look(1.9, *signed)
    assert [one.name for one in half.to_prove] == ["sin.xlsx.p7s"]
    early = judge(PARTY, half.sightings, signed, seconds(1.9), DEFAULT, {"sin.xlsx", "sin.xlsx.p7s"})
    assert early.ready == (), "the form has not stood for a second, whatever it says"
    both = folder.look(2, *signed)
    assert [one.name for one in both.to_prove] == ["sin.xlsx", "sin.xlsx.p7s"]
    for ended in ({"sin.xlsx"}, {"sin.xlsx.p7s"}):
        assert judge(PARTY, half.sightings, signed, seconds(2), DEFAULT, ended).ready == ()
    (ready,) = judge(PARTY, half.sightings, signed, seconds(2), DEFAULT, {"sin.xlsx", "sin.xlsx.p7s"}).ready
    assert (ready.proof, ready.companions, ready.arrived) == (Proof.OWN_END, ("sin.xlsx.p7s",), seconds(1))
    # A signature that grows once more is no longer the one that was read.
    grown = [signed[0], file("sin.xlsx.p7s", size=1000)]
    assert judge(PARTY, half.sightings, grown, seconds(2), DEFAULT, {"sin.xlsx", "sin.xlsx.p7s"}).ready == ()


def test_a_change_within_the_second_starts_it_anew_whatever_the_last_bytes_say() -> None:
    folder = Folder()
    folder.look(0, file("form.xlsx"))
    folder.look(0.5, file("form.xlsx", size=20_001))
    again = [file("form.xlsx", size=20_001)]
    assert judge(PARTY, folder.sightings, again, seconds(1.4), DEFAULT, {"form.xlsx"}).ready == ()
    assert names(judge(PARTY, folder.sightings, again, seconds(1.5), DEFAULT, {"form.xlsx"})) == ["form.xlsx"]


def test_the_last_bytes_of_a_file_that_waits_for_something_else_change_nothing() -> None:
    for held in (file("form.xlsx", size=0), file("form.xlsx.part")):
        folder = Folder()
        folder.look(0, held)
        assert folder.look(2, held).to_prove == ()
        assert judge(PARTY, folder.sightings, [held], seconds(2), DEFAULT, {held.name}).ready == ()
    folder = Folder()
    announced = [file("form.xlsx"), file("form.xlsx.p7s.part", size=900)]
    for after in (0, 2):
        folder.look(after, *announced)
    late = folder.look(4, *announced)
    assert (names(late), late.to_prove) == ([], ()), "what has stood still need not be read as well"


def test_looks_in_quick_succession_prove_nothing() -> None:
    folder = Folder()
    assert all(names(folder.look(tenth / 10, file("form.xlsx"))) == [] for tenth in range(40))
    assert names(folder.look(4.1, file("form.xlsx"))) == ["form.xlsx"]


@pytest.mark.parametrize("changed", [file("form.xlsx", size=20_001), file("form.xlsx", mtime=1_001)])
def test_a_change_of_size_or_time_starts_the_looks_anew_and_moves_the_arrival(changed: Entry) -> None:
    folder = Folder()
    folder.look(0, file("form.xlsx"))
    folder.look(2, file("form.xlsx"))
    assert names(folder.look(4, changed)) == []
    assert names(folder.look(6, changed)) == []
    (ready,) = folder.look(8, changed).ready
    assert ready.arrived == seconds(4)
    assert folder.sightings[0].first_seen == NINE


def test_a_placeholder_put_before_the_cut_off_does_not_hold_the_place_for_what_comes_after() -> None:
    folder = Folder()
    folder.look(0, file("form.xlsx", size=1, mtime=1))
    judgement = NOTHING
    for late in (600, 602, 604):
        judgement = folder.look(late, file("form.xlsx", size=20_000, mtime=2))
    assert [one.arrived for one in judgement.ready] == [seconds(600)]


def test_two_looks_without_pause_are_enough_where_the_policy_says_so() -> None:
    folder = Folder(Policy(looks=2, apart=timedelta(0)))
    assert names(folder.look(0, file("form.xlsx"))) == []
    assert names(folder.look(0, file("form.xlsx"))) == ["form.xlsx"]


@pytest.mark.parametrize("shift", [-3600, 3600])
def test_the_servers_clock_and_the_time_set_by_the_client_do_not_matter(shift: int) -> None:
    entry = file("form.xlsx", mtime=int(NINE.timestamp()) + shift)
    folder = Folder()
    for after in (0, 2):
        assert names(folder.look(after, entry)) == []
    (ready,) = folder.look(4, entry).ready
    assert ready.arrived == NINE


def test_a_file_that_vanished_and_came_back_starts_anew() -> None:
    folder = Folder()
    folder.look(0, file("form.xlsx"))
    folder.look(2, file("form.xlsx"))
    assert folder.look(4).sightings == ()
    assert names(folder.look(6, file("form.xlsx"))) == []


def test_the_next_file_of_a_name_that_was_claimed_starts_anew() -> None:
    folder = Folder()
    judgement = NOTHING
    for after in (0, 2, 4):
        judgement = folder.look(after, file("form.xlsx"))
    assert names(judgement) == ["form.xlsx"]
    folder.sightings = forget(folder.sightings, names(judgement))
    (waiting,) = folder.look(6, file("form.xlsx")).waiting
    assert waiting.first_seen == seconds(6)


def test_a_file_that_could_not_be_claimed_is_ready_again_with_the_same_arrival() -> None:
    folder = Folder()
    judgement = NOTHING
    for after in (0, 2, 4, 6):
        judgement = folder.look(after, file("form.xlsx"))
    assert [one.arrived for one in judgement.ready] == [NINE]


def test_one_name_listed_twice_with_different_sizes_proves_nothing() -> None:
    folder = Folder()
    for after in (0, 2, 4, 6):
        assert names(folder.look(after, file("form.xlsx", 1), file("form.xlsx", 2))) == []


def test_files_are_ready_in_the_order_of_their_arrival() -> None:
    folder = Folder()
    folder.look(0, file("z.xlsx"))
    judgement = NOTHING
    for after in (2, 4, 6):
        judgement = folder.look(after, file("a.xlsx"), file("b.xlsx"), file("z.xlsx"))
    assert names(judgement) == ["z.xlsx", "a.xlsx", "b.xlsx"]


def test_one_partys_endless_upload_does_not_hold_up_a_whole_file() -> None:
    folder = Folder()
    judgement = NOTHING
    for after in (0, 2, 4):
        judgement = folder.look(after, file("big.xlsx", size=after * 1000 + 1), file("small.xlsx"))
    assert names(judgement) == ["small.xlsx"]


# Names that are not final


@pytest.mark.parametrize(
    "name",
    ["form.xlsx.part", "form.xlsx.filepart", "form.xlsx.tmp", "FORM.XLSX.PART", ".form.xlsx", "form.xlsx~",
     ".in.form.xlsx.", "form.xlsx.1a2b3c4d.partial", "form.xlsx.crdownload"],
)  # fmt: skip
def test_a_file_under_a_working_name_waits_and_is_reported_after_the_deadline(name: str) -> None:
    folder = Folder()
    for after in (0, 2, 4, 6, 599):
        judgement = folder.look(after, file(name))
        assert names(judgement) == []
        assert judgement.overdue == ()
    assert [one.name for one in folder.look(600, file(name)).overdue] == [name]


def test_a_renamed_file_has_arrived_at_the_first_look_under_its_final_name() -> None:
    folder = Folder()
    for after in (0, 2, 4):
        folder.look(after, file("form.xlsx.filepart"))
    for after in (6, 8):
        assert names(folder.look(after, file("form.xlsx"))) == []
    (ready,) = folder.look(10, file("form.xlsx")).ready
    assert ready.arrived == seconds(6)


# Markers


def test_a_done_marker_makes_a_file_ready_at_once() -> None:
    (ready,) = Folder().look(0, file("form.xlsx"), file("form.xlsx.done", size=0)).ready
    assert (ready.name, ready.proof, ready.companions) == ("form.xlsx", Proof.DONE_MARKER, ("form.xlsx.done",))


def test_a_sha256_marker_makes_a_file_ready_once_it_is_written_to_the_end() -> None:
    folder = Folder()
    assert names(folder.look(0, file("form.xlsx"), file("form.xlsx.sha256", size=30))) == []
    (ready,) = folder.look(1, file("form.xlsx"), file("form.xlsx.SHA256", size=64)).ready
    assert ready.proof is Proof.DIGEST_MARKER
    assert ready.companions == ("form.xlsx.SHA256",)


def test_a_marker_without_its_file_waits_and_is_reported_after_the_deadline() -> None:
    folder = Folder()
    for after in (0, 300, 599):
        judgement = folder.look(after, file("form.xlsx.done", size=0))
        assert [one.name for one in judgement.waiting] == ["form.xlsx.done"]
        assert judgement.overdue == ()
    (overdue,) = folder.look(601, file("form.xlsx.done", size=0)).overdue
    assert "'form.xlsx', to which it belongs, is not there" in overdue.reason


def test_a_marker_beside_a_file_that_is_still_being_written_under_another_name_proves_nothing() -> None:
    judgement = Folder().look(0, file("form.xlsx.part"), file("form.xlsx.done", size=0), file("form.xlsx.part.done"))
    assert names(judgement) == []
    assert len(judgement.waiting) == 3


def test_an_empty_file_with_a_marker_is_ready() -> None:
    (ready,) = Folder().look(0, file("form.xlsx", size=0), file("form.xlsx.done", size=0)).ready
    assert ready.size == 0


def test_a_signature_goes_with_its_file_and_the_file_waits_until_it_stands_still() -> None:
    folder = Folder()
    folder.look(0, file("sin.xlsx"))
    folder.look(2, file("sin.xlsx"), file("sin.xlsx.p7s", size=100))
    assert names(folder.look(4, file("sin.xlsx"), file("sin.xlsx.p7s", size=900))) == []
    assert names(folder.look(6, file("sin.xlsx"), file("sin.xlsx.p7s", size=900))) == []
    (ready,) = folder.look(8, file("sin.xlsx"), file("sin.xlsx.p7s", size=900)).ready
    assert ready.companions == ("sin.xlsx.p7s",)
    assert ready.arrived == seconds(4), "a signed form has arrived when both are there"


def test_form_signature_and_marker_are_taken_together() -> None:
    beside = file("sin.xlsx.p7s"), file("sin.xlsx.done", size=0), file("sin.xlsx.p7s.done", size=0)
    (ready,) = Folder().look(0, file("sin.xlsx"), *beside).ready
    assert ready.companions == ("sin.xlsx.done", "sin.xlsx.p7s", "sin.xlsx.p7s.done")


@pytest.mark.parametrize("ending", [".part", ".filepart", ".tmp"])
def test_a_signature_under_its_temporary_name_is_announced_and_waited_for(ending: str) -> None:
    folder = Folder()
    coming = file(f"sin.xlsx.p7s{ending}", size=10)
    for after in (0, 2, 4):
        judged = folder.look(after, file("sin.xlsx"), file("sin.xlsx.done", size=0), coming)
        assert names(judged) == []
        assert [one.reason for one in judged.waiting if one.name == "sin.xlsx"] == [
            "its signature is still being written"
        ]
    (ready,) = folder.look(6, file("sin.xlsx"), file("sin.xlsx.done", size=0), file("sin.xlsx.p7s", size=900)).ready
    assert ready.companions == ("sin.xlsx.done", "sin.xlsx.p7s")


def test_a_signature_that_is_never_finished_is_waited_for_until_the_deadline() -> None:
    folder = Folder()
    beside = file("sin.xlsx.done", size=0), file("sin.xlsx.p7s.part", size=10)
    assert names(folder.look(0, file("sin.xlsx"), *beside)) == []
    assert names(folder.look(599, file("sin.xlsx"), *beside)) == []
    assert names(folder.look(600, file("sin.xlsx"), *beside)) == ["sin.xlsx"]


def test_a_signature_without_its_file_is_never_taken_and_reported_once() -> None:
    folder = Folder()
    assert names(folder.look(0, file("sin.xlsx.p7s"))) == []
    late = folder.look(600, file("sin.xlsx.p7s"))
    assert (names(late), [one.name for one in late.overdue]) == ([], ["sin.xlsx.p7s"])
    assert folder.look(602, file("sin.xlsx.p7s")).overdue == ()


def test_the_bytes_must_be_those_of_the_sha256_marker() -> None:
    digest = hashlib.sha256(b"a form").hexdigest()
    for marker in (
        digest,
        digest.upper(),
        f"{digest}  form.xlsx\n",
        f"{digest} *form.xlsx\r\n",
        f"\\{digest}  a\\nb\n",
    ):
        assert broken_promise(marker.encode(), b"a form") == ""
        assert digest in broken_promise(marker.encode(), b"a form, cut").lower()
    for marker in ("", " \n", "abc", digest[:63], digest + "0", "g" * 64):
        assert "64 hexadecimal digits" in broken_promise(marker.encode(), b"a form")


# What never gets whole, and what is never touched


def test_a_file_that_never_stands_still_is_reported_once_after_the_deadline() -> None:
    folder = Folder()
    reported = [
        (after, one.name)
        for after in range(0, 1300, 100)
        for one in folder.look(after, file("big.xlsx", size=after + 1)).overdue
    ]
    assert reported == [(600, "big.xlsx")]


def test_an_empty_file_is_not_taken_as_standing_still_but_answered_after_the_deadline() -> None:
    folder = Folder()
    judgement = NOTHING
    for after in (0, 2, 4, 6, 599):
        judgement = folder.look(after, file("form.xlsx", size=0))
        assert names(judgement) == []
    assert [one.reason for one in judgement.waiting] == ["it is empty"]
    (ready,) = folder.look(600, file("form.xlsx", size=0)).ready
    assert ready.proof is Proof.EMPTY


def test_folders_links_and_litter_are_ignored_and_said() -> None:
    entries = (Entry("folder.xlsx", 4096, 1, is_file=False), file("~$form.xlsx"), file(".DS_Store"), file("Thumbs.db"))
    folder = Folder()
    overdue = []
    for after in (0, 2, 4, 1000, 2000):
        judgement = folder.look(after, *entries)
        assert names(judgement) == []
        overdue += [(after, one.name) for one in judgement.overdue]
        assert sorted(one.name for one in judgement.ignored) == sorted(entry.name for entry in entries)
        assert all(one.reason for one in judgement.ignored)
    # Who uploads a folder learns after the deadline that nobody looks into it; litter is nobody's upload.
    assert overdue == [(1000, "folder.xlsx")]


def test_a_file_in_the_place_of_a_folder_starts_anew() -> None:
    folder = Folder()
    for after in (0, 2, 4, 6):
        folder.look(after, Entry("form.xlsx", 20_000, 1_000, is_file=False))
    assert names(folder.look(8, file("form.xlsx"))) == []
    assert names(folder.look(10, file("form.xlsx"))) == []
    (ready,) = folder.look(12, file("form.xlsx")).ready
    assert ready.arrived == seconds(8)


def test_when_our_clock_is_put_back_a_file_neither_waits_for_it_nor_arrives_in_the_future() -> None:
    folder = Folder()
    folder.look(7200, file("form.xlsx"), file("form.part"))
    folder.look(0, file("form.xlsx"), file("form.part"))
    judgement = folder.look(2, file("form.xlsx"), file("form.part"))
    assert names(judgement) == []
    (ready,) = folder.look(4, file("form.xlsx"), file("form.part")).ready
    assert ready.arrived == seconds(0)
    assert [one.name for one in folder.look(600, file("form.part")).overdue] == ["form.part"]


def test_two_workers_whose_clocks_differ_a_little_do_not_make_a_file_whole_sooner() -> None:
    folder = Folder()
    assert all(names(folder.look(after, file("form.xlsx"))) == [] for after in (0, 2, 1, 3, 2, 3.9))
    assert names(folder.look(4, file("form.xlsx"))) == ["form.xlsx"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b.xlsx", "..", ".", "", "a\0b"])
def test_a_name_that_would_lead_out_of_the_folder_is_never_touched(name: str) -> None:
    folder = Folder()
    judgement = NOTHING
    for after in (0, 2, 4):
        judgement = folder.look(after, file(name), file(name + ".done"))
        assert name not in names(judgement)
    assert name in [one.name for one in judgement.ignored]


# Names for our side


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("two\nlines.xlsx", "control characters"),
        ("tab\t.xlsx", "control characters"),
        ("\x1b[31mred.xlsx", "control characters"),
        ("annex\u202excod.xlsx", "direction"),
        ("zero\u200bwidth.xlsx", "invisible"),
        ("a\\..\\windows.xlsx", "one of"),
        ("a:b.xlsx", "one of"),
        (decode_name(b"\xff\xfe.xlsx"), "not UTF-8"),
        ("\udcff\udcfe.xlsx", "not UTF-8"),
        ("-rf.xlsx", "begins or ends"),
        ("form.xlsx ", "begins or ends"),
        ("NUL.xlsx", "device name"),
        ("a\u00a0b.xlsx", "spaces"),
        ("я" * 120 + ".xlsx", "longer"),
        ("\ue000.xlsx", "without a meaning"),
    ],
)
def test_a_dangerous_name_gets_a_safe_one_and_the_reason_is_said(name: str, fault: str) -> None:
    (ready,) = Folder().look(0, file(name), file(name + ".done")).ready
    assert ready.name == name
    assert ready.safe_name != name
    assert ready.safe_name.endswith(".xlsx") or name.endswith(" ")
    assert fault in ready.name_fault


@pytest.mark.parametrize(
    "name", ["form.xlsx", "BUNA 2026-11-23 (2).xlsx", "Форма-IST № 7.xlsx", "қазақша.csv", "a", "a.b.c"]
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == (name, "")


@given(st.text(st.characters(exclude_characters="\0/"), max_size=300))
def test_a_safe_name_is_always_safe(name: str) -> None:
    safe, fault = safe_name(name)
    assert safe
    assert len(safe.encode()) <= LONGEST_NAME
    assert safe[0] not in ".- "
    assert safe[-1] not in ". "
    assert not set(safe) & set('/\\:*?"<>|')
    assert all(unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in safe)
    assert (safe == name) == (fault == "")
    assert safe_name(safe) == (safe, ""), "a safe name needs no other"


@given(st.text(max_size=40), st.text(max_size=40))
def test_two_bad_names_never_become_one(one: str, other: str) -> None:
    if one != other and safe_name(one)[1] and safe_name(other)[1]:
        assert safe_name(one)[0] != safe_name(other)[0]


# What must hold whatever is seen

Steps = list[tuple[int, dict[str, tuple[int, int, bool]]]]
looks = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.dictionaries(
            st.sampled_from(
                ["a.xlsx", "a.xlsx.done", "a.xlsx.sha256", "a.xlsx.p7s", "a.xlsx.part", "b.csv", ".c", "\u202e"]
            ),
            st.tuples(st.integers(0, 3).map(lambda size: size * 40), st.integers(0, 2), st.booleans()),
        ),
    ),
    max_size=12,
)


@given(looks)
def test_nothing_seen_is_ever_lost_and_nothing_is_taken_without_proof(
    steps: list[tuple[int, dict[str, tuple[int, int, bool]]]],
) -> None:
    policy = Policy()
    sightings: tuple[Sighting, ...] = ()
    at = NINE
    history: list[tuple[datetime, dict[str, tuple[int, int]]]] = []
    for pause, listed in steps:
        at += timedelta(seconds=pause)
        entries = [Entry(name, size, mtime, plain) for name, (size, mtime, plain) in listed.items()]
        judgement = judge(PARTY, sightings, entries, at, policy)
        sightings = judgement.sightings
        history.append((at, {entry.name: (entry.size, entry.mtime) for entry in entries if entry.is_file}))
        with_files = [name for one in judgement.ready for name in one.companions]
        told = [one.name for part in (judgement.ready, judgement.waiting, judgement.ignored) for one in part]
        # A companion of a file that waits goes with it and is not told by itself.
        silent = set(listed) - set(told) - set(with_files)
        assert all(name.startswith("a.xlsx.") and "a.xlsx" in told for name in silent)
        assert len(told) == len(set(told))
        for one in judgement.ready:
            assert one.arrived <= at
            if one.proof is Proof.STOOD_STILL:
                same = []
                for moment, state in reversed(history):
                    if state.get(one.name) != (one.size, one.mtime):
                        break
                    same.append(moment)
                assert len(same) >= policy.looks
                assert same[0] - same[-1] >= (policy.looks - 1) * policy.apart
                assert one.arrived >= same[-1]
            elif one.proof is Proof.EMPTY:
                assert one.size == 0
            else:
                assert any(name.endswith((".done", ".sha256")) for name in one.companions)


@given(looks)
def test_the_same_looks_give_the_same_judgements(steps: Steps) -> None:
    results = []
    for turn in (1, -1):
        folder, at, told = Folder(), 0, []
        for pause, listed in steps:
            at += pause
            entries = [Entry(name, size, mtime, plain) for name, (size, mtime, plain) in listed.items()]
            told.append(folder.look(at, *entries[::turn]))
        results.append(told)
    assert results[0] == results[1]


# Names that are not UTF-8


@given(st.binary(max_size=60) | st.text(st.sampled_from("a\uf780\uf7ff\U0001f600я\xff"), max_size=20).map(str.encode))
def test_every_name_becomes_text_that_a_database_can_hold_and_the_same_bytes_again(name: bytes) -> None:
    text = decode_name(name)
    assert text.encode().decode() == text
    assert encode_name(text) == name


@given(st.binary(max_size=6), st.binary(max_size=6))
def test_two_names_never_become_one_text(one: bytes, other: bytes) -> None:
    assert (decode_name(one) == decode_name(other)) == (one == other)


@given(st.text(st.characters(exclude_categories=["Cs", "Co"]), max_size=60))
def test_a_name_in_utf_8_stays_what_it_is(name: str) -> None:
    assert decode_name(name.encode()) == name


def test_of_a_crowded_folder_so_many_files_are_looked_after_and_those_seen_before_first() -> None:
    crowd = [file(f"form_{number:03d}.xlsx") for number in range(50)]
    first = watched([], crowd, most=10)
    assert [one.name for one in first] == [f"form_{number:03d}.xlsx" for number in range(10)]
    seen = judge(PARTY, [], first, NINE).sightings
    # Two of them have gone; whatever the order of the next listing, the others stay and two more come in.
    left = [one for one in reversed(crowd) if one.name not in ("form_000.xlsx", "form_001.xlsx")]
    known = [sighting for sighting in seen if sighting.name not in ("form_000.xlsx", "form_001.xlsx")]
    again = {one.name for one in watched(known, left, most=10)}
    assert again == {f"form_{number:03d}.xlsx" for number in (*range(2, 10), 49, 48)}


def test_a_file_is_looked_after_together_with_its_markers_or_not_at_all() -> None:
    files = [file(name) for number in range(20) for name in (f"{number}.xlsx.done", f"{number}.xlsx")]
    found = {one.name for one in watched([], files, most=7)}
    assert found == {name for number in range(7) for name in (f"{number}.xlsx", f"{number}.xlsx.done")}
