"""Syncs of bad records, and from a source that misbehaves."""

import json
import time
from typing import Any

import pytest

from chalicelib.core.deadline import Deadline
from chalicelib.jobs import runner, sync
from chalicelib.jobs.sync.models import SYNCS
from chalicelib.jobs.sync.sync_records import CUSTOMERS, REJECTED
from local.fake_api import FakeApi
from local.fake_api.faults import Fault
from local.machine import Machine
from tests.breadth import mostly_slow
from tests.journeys.external_services import SECRET_ID
from tests.journeys.sync.syncing import (
    COUNT,
    PAGE,
    FakeClock,
    active_ids,
    add_records,
    call_at_page,
    counts_of,
    customer_ids,
    last_run,
    queries_of,
    run_and_fail,
    run_hourly,
    run_nightly,
    stored_rows,
)

# ------------------------------------------------------------------------------- bad records


AT = "2026-05-01T00:00:00Z"
BAD: list[tuple[Any, str]] = [
    ({"name": "Nobody", "updatedAt": AT}, "id is required"),
    ({"id": "", "updatedAt": AT}, "id must have at least 1 characters"),
    ({"id": 7, "updatedAt": AT}, "id must be of type string"),
    ({"id": "a\x00b", "updatedAt": AT}, "id holds what cannot be printed"),
    ({"id": "a" * 129, "updatedAt": AT}, "id must have at most 128 characters"),
    ({"id": "b", "updatedAt": "1601-01-01T00:00:00Z"}, "updatedAt is too long ago"),
    ({"id": "c", "updatedAt": "9999-12-31T23:59:59-14:00"}, "updatedAt is no moment"),
    ({"id": "d", "updatedAt": "9999-12-31T23:59:59Z"}, "updatedAt is too long ago or in the future"),
    ({"id": "e", "updatedAt": "soon"}, "updatedAt is no moment"),
    ({"id": "f"}, "updatedAt is required"),
    (
        {"id": "g", "updatedAt": AT, "email": "nowhere"},
        "email does not have the expected form, such as ann@example.com",
    ),
    ({"id": "h", "updatedAt": AT, "note": "x" * 900_000}, "has more than 16384 bytes"),
    ({"id": "i", "updatedAt": AT, "name": "\ud800"}, "holds text that is not Unicode"),
    ("a customer", "body must be of type object"),
    (None, "body must be of type object"),
]


@pytest.mark.parametrize(("record", "reason"), mostly_slow(BAD, quick=4), ids=[reason for _, reason in BAD])
def test_a_bad_record_is_stored_apart_with_the_reason(
    fake_api: FakeApi, clock: FakeClock, record: Any, reason: str
) -> None:
    fake_api.customers.count = 5
    add_records(fake_api, record)
    assert run_nightly(clock)["status"] == "partial"
    run = last_run()
    assert counts_of(run) == {"created": 5, "rejected": 1}
    assert reason in run["errors"][0]["reason"]
    assert active_ids() == customer_ids(*range(5))
    [kept] = stored_rows(REJECTED).values()
    assert reason in kept["rejection"]
    run_nightly(clock)
    assert list(stored_rows(REJECTED).values()) == [kept], "an unchanged bad record causes no write"


def test_a_customer_twice_in_a_page_is_stored_once_in_its_newest_version(fake_api: FakeApi, clock: FakeClock) -> None:
    twin = {**fake_api.customers.customer(3), "name": "Newer", "updatedAt": "2026-06-01T00:00:00Z"}
    add_records(fake_api, twin, {**twin, "name": "Older", "updatedAt": "2026-05-01T00:00:00Z"})
    run_nightly(clock)
    assert counts_of(last_run()) == {"created": COUNT, "rejected": 2}
    assert "twice" in last_run()["reason"]
    assert json.loads(stored_rows()["customer-000003"]["data"])["name"] == "Newer"


def test_a_hundred_bad_records_are_named_and_all_are_counted(fake_api: FakeApi, clock: FakeClock) -> None:
    add_records(fake_api, *({"id": f"x{number}"} for number in range(150)))
    run_nightly(clock)
    assert (last_run()["rejected"], len(last_run()["errors"])) == (150, 100)
    assert len(stored_rows(REJECTED)) == 150


def test_nobody_is_archived_while_records_lack_an_id(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    fake_api.customers.removed = {4}
    add_records(fake_api, {"name": "Perhaps number four", "updatedAt": AT})
    run_nightly(clock)
    assert "customer-000004" in active_ids()
    fake_api.customers.edit_page = lambda page, number: page
    run_nightly(clock)
    assert "customer-000004" not in active_ids()


def test_a_customer_with_a_bad_record_is_not_archived(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    fake_api.customers.altered[4] = {"email": "nowhere"}
    run_nightly(clock)
    assert counts_of(last_run()) == {"unchanged": COUNT - 1, "rejected": 1}
    assert "customer-000004" in active_ids()


# --------------------------------------------------------------------------------- bad sources


OUT = "The external service is unavailable."
FAULTS = {
    Fault.ERROR: "server_error",
    Fault.JUNK: "junk",
    Fault.WRONG_KEY: "credentials_refused",
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_source_that_fails_at_once_fails_the_run_and_changes_nothing(
    fake_api: FakeApi, clock: FakeClock, fault: Fault, reason: str
) -> None:
    run_nightly(clock)
    before = stored_rows()
    fake_api.fail("/customers", fault, times=None)
    run = run_and_fail(clock)
    sentence = "The external service refused the request." if fault is Fault.WRONG_KEY else OUT
    assert run["reason"] == f"{sentence} ({reason})", "no host and no path"
    assert (run["recordCount"], run["errors"]) == (0, [{"recordId": "", "reason": run["reason"]}])
    assert stored_rows() == before
    fake_api.clear_faults()
    assert run_nightly(clock)["status"] == "success"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("inner.example did not answer (unreachable)", f"{OUT} (unreachable)"),
        ("inner.example does not speak HTTP (junk)", f"{OUT} (junk)"),
        ("10 pages running brought nothing new (junk)", "10 pages running brought nothing new (junk)"),
        ("The run's time was over.", "The run's time was over."),
    ],
)
def test_old_sync_records_that_name_hosts_are_shown_without_them(
    fake_api: FakeApi, clock: FakeClock, stored: str, shown: str
) -> None:
    run_nightly(clock)
    run = last_run()
    errors = [{"recordId": "", "reason": stored}]
    SYNCS.update(CUSTOMERS, run["executedAt"], change={"reason": stored, "errors": errors})
    old = last_run()
    assert (old["reason"], old["errors"]) == (shown, [{"recordId": "", "reason": shown}])


def test_a_temporary_fault_is_retried_after_a_wait(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.fail("/customers", Fault.RATE_LIMITED, retry_after="60")
    fake_api.fail("/customers", Fault.ERROR)
    assert run_nightly(clock)["status"] == "success"
    assert [wait for wait in clock.slept if wait >= 60] == [60.0]


def test_a_wait_beyond_the_deadline_fails_at_once(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.fail("/customers", Fault.RATE_LIMITED, times=None, retry_after="3600")
    assert "(rate_limited)" in run_and_fail(clock)["reason"]
    assert clock.slept == []


@pytest.mark.parametrize("fault", [Fault.TRICKLE, Fault.TRICKLE_HEAD, Fault.SLOW])
def test_a_source_that_answers_too_slowly_is_left_at_the_deadline(fake_api: FakeApi, fault: Fault) -> None:
    fake_api.fail("/customers", fault, times=None)
    with pytest.raises(sync.SyncFailedError):
        runner.run(sync.NIGHTLY, {}, deadline=Deadline(time.monotonic() + 0.7))
    assert last_run()["reason"] == "The run's time was over."


def test_a_sync_that_failed_at_page_seven_continues_there(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.customers.count = 180
    run_nightly(clock)
    fake_api.customers.removed = {1, 170}
    fake_api.customers.altered = {3: {"name": "A"}, 175: {"name": "B"}}
    fake_api.fail("/customers", Fault.DIE_AT_PAGE, times=None, page=7)
    assert run_nightly(clock)["status"] == "partial"
    run = last_run()
    assert (run["recordCount"], run["cursor"]) == (119, "120.7")
    assert "(unreachable)" in run["reason"]
    assert active_ids() == customer_ids(*range(180)), "missing customers are known only at the end of the list"
    fake_api.clear_faults()
    fake_api.received.clear()
    assert run_nightly(clock)["status"] == "success"
    assert [query["cursor"] for query in queries_of(fake_api)] == ["120.7", "140.8", "160.9"]
    assert counts_of(last_run()) == {"updated": 1, "unchanged": 58, "archived": 2}
    assert active_ids() == customer_ids(*range(180)) - customer_ids(1, 170)


def test_a_run_cut_off_by_its_deadline_is_continued_by_the_next(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.customers.count = 100
    call_at_page(fake_api, 4, lambda: clock.sleep(1000))
    assert run_hourly(clock)["status"] == "partial"
    run = last_run()
    assert run["reason"] == "The run's time was over."
    # While it waited for the fourth page, it was storing the third.
    assert run["cursor"] in ("40.3", "60.4")
    assert customer_ids(*range(2 * PAGE)) <= active_ids() <= customer_ids(*range(3 * PAGE))
    fake_api.customers.edit_page = lambda page, number: page
    fake_api.received.clear()
    assert run_hourly(clock)["status"] == "success"
    assert queries_of(fake_api)[0]["cursor"] == run["cursor"]
    assert active_ids() == customer_ids(*range(100))


def test_the_list_starts_again_if_the_source_forgot_the_cursor(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.customers.count = 100
    fake_api.fail("/customers", Fault.DIE_AT_PAGE, times=None, page=5)
    run_nightly(clock)
    fake_api.clear_faults()
    fake_api.received.clear()
    fake_api.customers.count = 70
    assert run_nightly(clock)["status"] == "success"
    assert [query.get("cursor") for query in queries_of(fake_api)][:3] == ["80.5", None, "20.2"]
    assert counts_of(last_run()) == {"unchanged": 70, "archived": 10}


@pytest.mark.parametrize("following", ["0.1", "0.{}"])
def test_a_list_that_repeats_or_never_ends_is_abandoned(fake_api: FakeApi, clock: FakeClock, following: str) -> None:
    run_nightly(clock)
    fake_api.customers.removed = {1}
    fake_api.customers.edit_page = lambda page, number: {**page, "nextCursor": following.format(number + 1)}
    fake_api.received.clear()
    assert run_nightly(clock)["status"] == "partial"
    assert "nothing new" in last_run()["reason"]
    assert last_run()["cursor"] is None, "no run continues it"
    assert len(fake_api.received) < 20
    assert active_ids() == customer_ids(*range(COUNT))


def test_a_list_of_empty_pages_is_abandoned(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.customers.edit_page = lambda page, number: {"customers": [], "nextCursor": f"0.{number + 1}"}
    assert "nothing new" in run_and_fail(clock)["reason"]


JUNK: list[Any] = [
    [],
    "x",
    {"customers": {}},
    {"nextCursor": None},
    {"customers": [], "nextCursor": 7},
    {"customers": [], "nextCursor": "x" * 5000},
    {"customers": [], "nextCursor": "a\nb"},
    {"customers": [float("nan")], "nextCursor": None},
    {"customers": [0] * 6000, "nextCursor": None},
]


@pytest.mark.parametrize("junk", mostly_slow(JUNK, quick=3), ids=lambda junk: json.dumps(junk)[:40])
def test_a_malformed_page_ends_the_run(fake_api: FakeApi, clock: FakeClock, junk: Any) -> None:
    fake_api.customers.edit_page = lambda page, number: junk if number == 3 else page
    assert run_nightly(clock)["status"] == "partial"
    assert "(junk)" in last_run()["reason"]
    assert active_ids() == customer_ids(*range(2 * PAGE))


def test_an_oversized_record_loses_none_of_those_before_it(fake_api: FakeApi, clock: FakeClock) -> None:
    fake_api.customers.altered[30] = {"note": "x" * 1_100_000}
    assert run_nightly(clock)["status"] == "partial"
    assert "(too_large)" in last_run()["reason"]
    assert active_ids() == customer_ids(*range(30))
    # Only one run stops at the page with the oversized record.
    run_and_fail(clock)
    fake_api.customers.altered = {}
    assert run_nightly(clock)["status"] == "success"
    assert active_ids() == customer_ids(*range(COUNT))


def test_a_changed_key_is_read_again(fake_api: FakeApi, clock: FakeClock, machine: Machine) -> None:
    run_nightly(clock)
    secret = json.dumps({"api_key": "unused", "source_api_key": fake_api.rotate_key()})
    machine.client("secretsmanager").put_secret_value(SecretId=SECRET_ID, SecretString=secret)
    assert run_nightly(clock)["status"] == "success"
