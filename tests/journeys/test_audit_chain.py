"""The hash chain of the audit trail: each entry once, in one line, and every kind of tampering is found."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import audit
from chalicelib.audit import verification
from chalicelib.core import clients
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.observing.tracking import Execution
from infra.audit import Verification, verify
from local.machine import Machine
from tests import breadth
from tests.journeys.audit_trail import all_items, audit_entries

ROOT = Path(__file__).parents[2]


@pytest.fixture
def chain(machine: Machine, function: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> pytest.MonkeyPatch:
    """Empty audit tables for this test alone; no function reads their streams."""
    dynamodb = machine.client("dynamodb")
    mark = str(abs(hash(request.node.nodeid)))
    for variable, keys in (("AUDIT_INBOX_TABLE", ["id"]), ("AUDIT_TABLE", ["day", "sequence"])):
        name = f"{variable.lower()}-{mark}"
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
        )
        function.setenv(variable, name)
    return function


_made = iter(range(1, 1_000_000))


def entry(at: str = "2026-11-21T12:00:00.000Z", who: str = "ann") -> dict[str, Any]:
    """An entry in the inbox."""
    made: dict[str, Any] = {
        "id": f"aud_{next(_made):06d}",
        "timestamp": at,
        "userId": who,
        "operation": "delete_image",
        "target": {"imageId": "img_a", "isActive": True},
        "outcome": "ok",
        "source": "192.0.2.1",
        "requestId": "r",
    }
    audit.INBOX.put(made)
    return made


def batch(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The stream event that inserting these entries causes."""
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {"NewImage": {name: clients.marshal(value) for name, value in made.items()}},
            }
            for made in entries
        ]
    }


def change(machine: Machine, number: int, day: str = "2026-11-21", **changed: str | None) -> None:
    """Changes an entry without a new hash; None removes an attribute."""
    key = audit.TRAIL.key(day, f"{number:016d}")
    item = audit.TRAIL.get(key["day"], key["sequence"])
    assert item is not None
    audit.TRAIL.put({**item, **changed})


def remove(*numbers: int) -> None:
    for number in numbers:
        audit.TRAIL.delete("2026-11-21", f"{number:016d}")


def insert(sequence: str, day: str = "2026-11-21", **more: str) -> None:
    like = audit.TRAIL.any_of("2026-11-21")
    assert like is not None
    forged = {**like, **more, "day": day, "sequence": sequence}
    audit.TRAIL.put({**forged, "hash": audit.hash_of(forged)})


def rehash(number: int) -> None:
    """Changes an entry and its hash."""
    item = audit.TRAIL.get("2026-11-21", f"{number:016d}")
    assert item is not None
    forged = {**item, "outcome": "FORGED"}
    audit.TRAIL.put({**forged, "hash": audit.hash_of(forged)})


def exchange(one: int, other: int) -> None:
    items = [audit.TRAIL.get("2026-11-21", f"{number:016d}") for number in (one, other)]
    for item, number in zip(reversed(items), (one, other), strict=True):
        assert item is not None
        audit.TRAIL.put({**item, "sequence": f"{number:016d}"})


def change_head(**changed: Any) -> None:
    head = audit.TRAIL.get("head", "head")
    assert head is not None
    audit.TRAIL.put({**head, **changed})


def cut_off(number: int) -> None:
    """Removes all entries from that number on, and moves the head back."""
    last = audit.TRAIL.get("2026-11-21", f"{number - 1:016d}")
    assert last is not None
    remove(*range(number, 9))
    change_head(number=number - 1, hash=last["hash"])


def test_a_hundred_entries_at_once_form_one_chain(machine: Machine, function: pytest.MonkeyPatch) -> None:
    marks = [f"at-once-{place}" for place in range(100)]

    def write(request_id: str) -> None:
        execution = Execution("delete_image", "DELETE /images/{imageId}", "HTTP", 512, actor="ann")
        execution.source, execution.request_id = "192.0.2.1", request_id
        audit.begin_entry(execution)
        audit.end_entry(execution)

    with ThreadPoolExecutor(100) as crowd:
        list(crowd.map(write, marks))
    found = [made["requestId"] for made in audit_entries(machine) if made["requestId"] in marks]
    assert sorted(found) == sorted(marks)
    verification = Verification()
    assert list(verification.errors()) == []
    assert verification.number == verification.entries == len(audit_entries(machine))


def test_entries_that_are_delivered_again_are_appended_once(chain: pytest.MonkeyPatch, machine: Machine) -> None:
    made = [entry() for _ in range(60)]
    batches = [batch(made[start : start + 25]) for start in (0, 10, 20, 35, 0, 35)]
    with ThreadPoolExecutor(6) as crowd:
        list(crowd.map(again_until_done, batches))
    audit.append_entries(batches[0])
    verification = Verification()
    assert list(verification.errors()) == []
    assert verification.entries == 60
    stand = [item["id"] for item in all_items(machine, "AUDIT_TABLE") if item["day"] != "head"]
    assert sorted(stand) == [each["id"] for each in made]
    assert all_items(machine, "AUDIT_INBOX_TABLE") == []


def again_until_done(event: dict[str, Any]) -> None:
    """Delivers a batch until it succeeds, as Lambda does."""
    for _ in range(20):
        try:
            audit.append_entries(event)
            return
        except (ConditionFailedError, clients.ClientError):
            continue
    raise AssertionError("never appended")


def test_entries_are_numbered_without_gaps_across_days(chain: pytest.MonkeyPatch, machine: Machine) -> None:
    days = ["2026-11-20T23:59:59.999Z", "2026-11-21T00:00:00.001Z", "2026-11-20T23:59:59.998Z"]
    audit.append_entries(batch(entry(at) for at in days))
    audit.append_entries(batch([entry("2026-11-19T10:00:00.000Z"), entry("2026-11-24T10:00:00.000Z")]))
    stand = sorted(all_items(machine, "AUDIT_TABLE"), key=lambda item: str(item["sequence"]))[:-1]
    assert [item["day"][-2:] for item in stand] == ["20", "21", "21", "21", "24"]
    verification = Verification()
    assert list(verification.errors()) == []
    assert (verification.entries, verification.days) == (5, 3)


def test_a_removal_from_the_inbox_adds_no_entry(chain: pytest.MonkeyPatch, machine: Machine) -> None:
    event = batch([entry()])
    event["Records"].append({"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "aud_x"}}}})
    audit.append_entries(event)
    assert [item["day"] for item in all_items(machine, "AUDIT_TABLE") if item["day"] != "head"] == ["2026-11-21"]


def test_an_empty_trail_has_no_breaks(chain: pytest.MonkeyPatch) -> None:
    assert list(Verification().errors()) == []


def test_a_forged_next_entry_stops_the_chain_and_loses_no_waiting_entry(
    chain: pytest.MonkeyPatch, machine: Machine
) -> None:
    audit.append_entries(batch(entry() for _ in range(3)))
    insert(f"{4:016d}")
    waiting = entry()
    with pytest.raises(ConditionFailedError):
        audit.append_entries(batch([waiting]))
    assert [item["id"] for item in all_items(machine, "AUDIT_INBOX_TABLE")] == [waiting["id"]]


TAMPERING: dict[str, tuple[Callable[[Machine], None], str]] = {
    "a field": (lambda m: change(m, 3, userId="bob"), "2026-11-21 0000000000000003 was altered"),
    "a field taken away": (lambda m: change(m, 3, userId=None), "2026-11-21 0000000000000003 was altered"),
    "a field more": (lambda m: change(m, 8, note="x"), "2026-11-21 0000000000000008 was altered"),
    "a hash": (lambda m: change(m, 3, hash="0" * 64), "2026-11-21 0000000000000003 was altered"),
    "a field and its hash": (lambda m: rehash(3), "2026-11-21 0000000000000004 does not follow"),
    "the last one and its hash": (lambda m: rehash(8), "entry 8 is not the one of the head"),
    "two exchanged": (lambda m: exchange(3, 5), "2026-11-21 0000000000000003 was altered"),
    "the first missing": (lambda m: remove(1), "entry 1 is missing"),
    "one missing": (lambda m: remove(4), "entry 4 is missing"),
    "several missing": (lambda m: remove(*(4, 5, 6)), "entries 4 to 6 are missing"),
    "the tail missing": (
        lambda m: remove(*(7, 8)),
        "entries 7 to 8 are missing from the end",
    ),
    "the tail cut off": (lambda m: cut_off(7), "entry 8 is known, and not there"),
    "one more behind": (lambda m: insert(f"{9:016d}"), "entry 9 is there beyond the head, which is at 8"),
    "one more between": (lambda m: insert(f"{3:016d}x"), "2026-11-21 0000000000000003x was inserted"),
    "one more before": (lambda m: insert(f"{0:016d}"), "2026-11-21 0000000000000000 was inserted"),
    "one more after all": (lambda m: insert("é"), "2026-11-21 é was inserted"),
    "a day before": (lambda m: insert(f"{9:016d}", day="2020-01-01"), "2020-01-01 0000000000000009 was inserted"),
    "a day after": (lambda m: insert(f"{9:016d}", day="2030-01-01"), "2030-01-01 0000000000000009 was inserted"),
    "no day": (lambda m: insert(f"{9:016d}", day="2026-11-21 "), "2026-11-21  0000000000000009 was inserted"),
    "the head's hash": (lambda m: change_head(hash="0" * 64), "entry 8 is not the one of the head"),
    "the head's number": (lambda m: change_head(number=5), "entries 6 to 8 are there beyond the head"),
    "the head's day": (lambda m: change_head(since="x"), "the head was altered"),
    "no head": (lambda m: audit.TRAIL.delete("head", "head"), "there is no head, and there are entries"),
}


# One of each way to find it.
_QUICK = (
    "a field",
    "a field and its hash",
    "two exchanged",
    "the first missing",
    "the tail cut off",
    "one more behind",
    "one more between",
    "a day before",
    "the head's hash",
    "no head",
)


@pytest.mark.parametrize(("tamper", "found"), breadth.named(TAMPERING, *_QUICK))
def test_every_kind_of_tampering_is_found_and_named(
    chain: pytest.MonkeyPatch, machine: Machine, tamper: Callable[[Machine], None], found: str
) -> None:
    audit.append_entries(batch(entry() for _ in range(5)))
    audit.append_entries(batch(entry() for _ in range(3)))
    whole = Verification()
    assert list(whole.errors()) == []
    known = {whole.number: whole.hash}
    assert list(Verification(known).errors()) == []
    tamper(machine)
    named = list(Verification(known).errors())
    assert any(found in each for each in named), named
    assert verify(known) == 1


def test_a_rebuilt_chain_differs_from_a_known_hash(chain: pytest.MonkeyPatch, machine: Machine) -> None:
    audit.append_entries(batch(entry() for _ in range(8)))
    head = audit.Head.read()
    assert head is not None
    stand = [audit.TRAIL.get("2026-11-21", f"{number:016d}") for number in range(1, 9)]
    plain = [{k: v for k, v in (e or {}).items() if k not in ("day", "sequence", "previous", "hash")} for e in stand]
    plain[2]["userId"] = "bob"
    for forged in audit.chain_entries(None, plain):
        audit.TRAIL.put(forged)
        change_head(hash=forged["hash"])
    assert list(Verification().errors()) == [], "the chain alone does not show it"
    assert list(Verification({head.number: head.hash}).errors()) == [
        "entry 8 is not the one of what was known: its hash differs"
    ]


TEXT = st.text(max_size=20)
FIELDS = st.dictionaries(
    TEXT, TEXT | st.booleans() | st.dictionaries(TEXT, TEXT | st.booleans(), max_size=3), max_size=5
)


@given(FIELDS, FIELDS)
def test_different_entries_have_different_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    one.pop("hash", None)
    other.pop("hash", None)
    assert (audit.hash_of(one) == audit.hash_of(other)) is (one == other)
    assert audit.hash_of(one) == audit.hash_of({**dict(reversed(one.items())), "hash": "x"})


# ------------------------------------------------------------------- one day at a time

DAYS = ("2026-11-18", "2026-11-21", "2026-11-25")


@pytest.fixture
def three_days(chain: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Three entries on each of three days, with quiet days between: 1 to 3, 4 to 6, 7 to 9."""
    for day in DAYS:
        audit.append_entries(batch(entry(f"{day}T12:00:00.000Z") for _ in range(3)))
    return chain


def errors_of(day: str) -> list[str]:
    return [each["message"] for each in audit.verify_day({"day": day})["errors"]]


@pytest.mark.parametrize(("day", "first", "last"), [(DAYS[0], 1, 3), (DAYS[1], 4, 6), (DAYS[2], 7, 9)])
def test_each_whole_day_is_intact(three_days: pytest.MonkeyPatch, day: str, first: int, last: int) -> None:
    found = audit.verify_day({"day": day})
    stored = audit.TRAIL.get(day, f"{last:016d}") or {}
    assert (found["intact"], found["isComplete"], found["nextCursor"]) == (True, True, None)
    assert (found["entries"], found["firstSequence"], found["lastSequence"]) == (3, first, last)
    assert found["hash"] == stored["hash"]


@pytest.mark.parametrize("day", ["2026-11-19", "2026-11-17", "2026-11-26"])
def test_a_day_without_entries_is_intact(three_days: pytest.MonkeyPatch, day: str) -> None:
    found = audit.verify_day({"day": day})
    assert (found["intact"], found["isComplete"], found["entries"], found["hash"]) == (True, True, 0, None)


# By what was done: the errors of the day in the middle.
DAY_TAMPERING: dict[str, tuple[Callable[[Machine], None], list[str]]] = {
    "a field": (lambda m: change(m, 5, userId="bob"), ["2026-11-21 0000000000000005 was altered: its hash"]),
    "one missing": (lambda m: remove(5), ["entry 5 is missing"]),
    "the first missing": (lambda m: remove(4), ["entry 4 is missing"]),
    "the last missing": (lambda m: remove(6), ["entry 6 is missing"]),
    "all missing": (lambda m: remove(4, 5, 6), ["entries 4 to 6 are missing"]),
    "the last and its hash": (lambda m: rehash(6), ["2026-11-25 0000000000000007 does not follow"]),
    "one more": (lambda m: insert("0000000000000004x"), ["0000000000000004x was inserted"]),
    "one more at the start": (lambda m: insert(f"{0:016d}"), ["2026-11-21 0000000000000000 was inserted"]),
    "the entry before": (lambda m: audit.TRAIL.delete(DAYS[0], f"{3:016d}"), ["entry 3 is missing"]),
    "the head": (lambda m: change_head(since="x"), ["the head was altered"]),
    "no head": (lambda m: audit.TRAIL.delete("head", "head"), ["4 was inserted: the", "5 was", "6 was"]),
}


_QUICK_OF_DAY = ("a field", "the first missing", "the last missing", "all missing", "one more at the start", "no head")


@pytest.mark.parametrize(("tamper", "expected"), breadth.named(DAY_TAMPERING, *_QUICK_OF_DAY))
def test_tampering_with_a_day_is_found_in_it(
    three_days: pytest.MonkeyPatch, machine: Machine, tamper: Callable[[Machine], None], expected: list[str]
) -> None:
    tamper(machine)
    errors = errors_of(DAYS[1])
    assert len(errors) == len(expected), errors
    assert all(part in error for part, error in zip(expected, errors, strict=True)), errors


def test_a_tail_that_was_cut_off_is_found_on_the_last_day(three_days: pytest.MonkeyPatch) -> None:
    audit.TRAIL.delete(DAYS[2], f"{9:016d}")
    assert errors_of(DAYS[2]) == ["entry 9 is missing from the end: the head is at 9"]


def test_a_long_day_is_verified_in_parts(three_days: pytest.MonkeyPatch, machine: Machine) -> None:
    three_days.setattr("chalicelib.audit.verification._MOST_ENTRIES", 2)
    parts = [audit.verify_day({"day": DAYS[1]})]
    while parts[-1]["nextCursor"] is not None:
        parts.append(audit.verify_day({"day": DAYS[1], "cursor": parts[-1]["nextCursor"]}))
    assert [(part["entries"], part["isComplete"]) for part in parts] == [(2, False), (1, True)]
    assert all(part["intact"] for part in parts)
    change(machine, 5, userId="bob")
    parts = [audit.verify_day({"day": DAYS[1]})]
    parts.append(audit.verify_day({"day": DAYS[1], "cursor": parts[0]["nextCursor"]}))
    assert [part["intact"] for part in parts] == [False, True], "what is altered is named once"


def test_no_request_reads_on_after_its_deadline(three_days: pytest.MonkeyPatch) -> None:
    ended = SimpleNamespace(get_remaining_time_in_millis=lambda: 0)
    with pytest.raises(verification.NotVerifiedInTimeError):
        audit.verify_day({"day": DAYS[1]}, ended)


# ------------------------------------------------------------------------- reading


def test_a_page_of_one_user_reads_a_bounded_number_of_entries_and_gives_a_cursor(
    chain: pytest.MonkeyPatch, machine: Machine
) -> None:
    audit.append_entries(batch(entry(who="ann" if place % 7 == 0 else "bob") for place in range(30)))
    chain.setattr("chalicelib.audit.service._READ_AT_ONCE", 4)
    chain.setattr("chalicelib.audit.service._READS", 2)
    asked: dict[str, Any] = {"day": "2026-11-21", "userId": "ann", "limit": 3}
    first = audit.list_entries(asked)
    assert [item["sequence"] for item in first["items"]] == [29]
    found, cursor = first["items"], first["nextCursor"]
    while cursor is not None:
        page = audit.list_entries({**asked, "cursor": cursor})
        found, cursor = found + page["items"], page["nextCursor"]
    assert [item["sequence"] for item in found] == [29, 22, 15, 8, 1]


def test_the_verify_command_checks_the_whole_trail(machine: Machine, chain: pytest.MonkeyPatch) -> None:
    def verify(table: str, *more: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "infra", "audit", "verify", "--stage", "local", *more],
            cwd=ROOT,
            env={**os.environ, "AWS_ENDPOINT_URL": machine.aws_url, "AUDIT_TABLE": table},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    code, said = verify(machine.environment["AUDIT_TABLE"])
    assert (code, "The audit trail is whole" in said) == (0, True), said
    audit.append_entries(batch(entry() for _ in range(5)))
    code, said = verify(os.environ["AUDIT_TABLE"])
    assert code == 0
    assert "entries: 5, days: 1; it ends with 5:" in said
    end = said.rsplit(maxsplit=1)[1].rstrip(".")
    change(machine, 3, source="elsewhere")
    code, said = verify(os.environ["AUDIT_TABLE"], "--known", end)
    assert code == 1
    assert "2026-11-21 0000000000000003 was altered" in said
    code, said = verify("x", "--stage", "nowhere")
    assert (code, said.startswith("config.json has no stage 'nowhere'; it has local")) == (2, True)
