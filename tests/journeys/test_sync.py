"""Syncs from the stand-in partner: what they bring, what they cost, and how they end when the partner misbehaves."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import clients
from chalicelib.core.deadline import Deadline
from chalicelib.jobs import leases, runner, sync
from chalicelib.jobs.leases import LeaseLostError
from chalicelib.jobs.sync import lanes, models, source
from chalicelib.jobs.sync.models import SYNCS
from chalicelib.jobs.sync.sync_records import ARCHIVED, BY_LIFECYCLE, CUSTOMERS, RECORDS, REJECTED
from local.faults import Fault
from local.machine import Machine
from local.partner import Partner
from tests.journeys.gateway import call, calls_made
from tests.journeys.user import User

SECRET = "darkroom/local/external-services"
PAGE = 20
COUNT = 180

Row = dict[str, Any]


class Driven:
    """A clock that goes on when somebody sleeps, or is pushed."""

    def __init__(self) -> None:
        self.moment = time.monotonic()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds

    def deadline(self, seconds: float = 270.0) -> Deadline:
        return Deadline(self.moment + seconds, self, self.sleep)


@pytest.fixture
def clock() -> Driven:
    return Driven()


@pytest.fixture
def partner(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[Partner]:
    """A source of 180 customers in pages of 20, read by this process as the scheduled function; empty tables."""
    empty(RECORDS, "recordId")
    empty(SYNCS, "executedAt")
    function.setattr(source, "PAGE", PAGE)
    function.setenv("BATCH_SIZE", "7")
    with Partner(customers=COUNT) as started:
        function.setenv("EXTERNAL_API_URL", started.url)
        secrets = machine.client("secretsmanager")
        secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"api_key": started.api_key}))
        yield started
        secrets.put_secret_value(SecretId=SECRET, SecretString="{}")


def empty(table: Any, sort: str) -> None:
    for lot, _ in table.scan(500):
        for item in lot:
            table.delete(item["source"], item[sort])


def nightly(clock: Driven, **options: Any) -> dict[str, Any]:
    answer = runner.run(sync.NIGHTLY, options, deadline=clock.deadline())
    assert answer["statusCode"] == 200
    body: dict[str, Any] = answer["body"]
    return body


def hourly(clock: Driven, **options: Any) -> dict[str, Any]:
    body: dict[str, Any] = runner.run(sync.BUSINESS_HOURS, options, deadline=clock.deadline())["body"]
    return body


def failed(clock: Driven, seconds: float = 270.0) -> Row:
    """The record of a run that raises."""
    with pytest.raises(sync.SyncFailedError):
        runner.run(sync.NIGHTLY, {}, deadline=clock.deadline(seconds))
    run = last_run()
    assert run["status"] == "failed"
    return run


def rows(which: str = CUSTOMERS) -> dict[str, Row]:
    return {item["recordId"]: item for item in RECORDS.between(which, "!", "\U0010ffff")}


def active() -> set[str]:
    return {record_id for record_id, row in rows().items() if row["isActive"]}


def ids(*numbers: int) -> set[str]:
    return {f"customer-{number:06d}" for number in numbers}


def history() -> list[Row]:
    items: list[Row] = sync.list_page({"limit": 100})["items"]
    # The machine's own schedule may fire meanwhile: it has no source.
    return [item for item in items if item["reason"] != "not configured: EXTERNAL_API_URL is empty"]


def last_run() -> Row:
    return history()[0]


def counts(run: Row) -> dict[str, int]:
    return {name: run[name] for name in ("created", "updated", "unchanged", "rejected", "archived") if run[name]}


def changed(run: Row) -> Any:
    return json.loads(run["data"])


def asked(partner: Partner) -> list[dict[str, str]]:
    return [each.query for each in partner.received]


# ------------------------------------------------------------------------------ what it brings


def test_the_first_sync_brings_every_customer_and_answers_as_agreed(partner: Partner, clock: Driven) -> None:
    body = nightly(clock)
    assert active() == ids(*range(COUNT))
    assert json.loads(rows()["customer-000003"]["data"]) == partner.customers.one(3)
    run = last_run()
    assert (run["status"], run["kind"], run["recordCount"], run["cursor"]) == ("success", "comprehensive", COUNT, None)
    assert counts(run) == {"created": COUNT}
    assert changed(run) == {"created": sorted(ids(*range(20))), "updated": [], "archived": []}, "the first of them"
    assert run["date"] == run["executedAt"][:10]
    assert body["message"] == "Daily sync completed successfully"
    assert (body["recordsProcessed"], body["syncId"], body["status"]) == (COUNT, run["syncId"], "success")
    assert body["processingTimeMs"] == run["processingTime"]
    assert body["timestamp"].endswith("Z")
    assert {each.headers["Authorization"] for each in partner.received} == {f"Bearer {partner.api_key}"}


def test_a_sync_of_what_is_known_already_only_reads(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    before = rows()
    made = calls_made()
    nightly(clock)
    assert counts(last_run()) == {"unchanged": COUNT}
    assert rows() == before
    # The one transaction says how far the source is known.
    assert (made.count("TransactWriteItems"), made.count("BatchWriteItem"), made.count("BatchGetItem")) == (1, 0, 9)


def test_what_changed_is_updated_and_what_is_older_is_not(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.altered[5] = {"name": "New Name", "updatedAt": "2026-10-01T12:00:00+02:00"}
    partner.customers.altered[6] = {"name": "Old Name", "updatedAt": "2025-10-01T12:00:00Z"}
    partner.customers.altered[7] = {"name": "In the same second"}
    nightly(clock)
    assert counts(last_run()) == {"updated": 2, "unchanged": COUNT - 2}
    assert changed(last_run()) == {"created": [], "updated": sorted(ids(5, 7)), "archived": []}
    stored = rows()
    assert json.loads(stored["customer-000005"]["data"])["name"] == "New Name"
    assert stored["customer-000005"]["updatedAt"] == "2026-10-01T10:00:00.000Z"
    assert "Old Name" not in stored["customer-000006"]["data"]
    assert "In the same second" in stored["customer-000007"]["data"]


def test_only_a_comprehensive_sync_notices_what_vanished_and_it_may_come_back(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.removed = {2, 100, 179}
    hourly(clock)
    assert active() == ids(*range(COUNT))
    nightly(clock)
    gone = ids(2, 100, 179)
    assert counts(last_run()) == {"unchanged": COUNT - 3, "archived": 3}
    assert changed(last_run()) == {"created": [], "updated": [], "archived": sorted(gone)}
    assert active() == ids(*range(COUNT)) - gone
    row = rows()["customer-000100"]
    assert (row["isActive"], row["archivedBecause"], row["archivedAt"][:2]) == (False, "vanished", "20")
    assert {entry["recordId"] for entry in BY_LIFECYCLE.between(ARCHIVED, "0", "9")} == gone
    nightly(clock)
    assert counts(last_run()) == {"unchanged": COUNT - 3}, "they are archived once"
    partner.customers.removed = {2}
    nightly(clock)
    assert counts(last_run()) == {"unchanged": COUNT - 3, "updated": 2}
    assert "archivedAt" not in rows()["customer-000100"]


def test_a_source_that_has_lost_most_of_its_customers_is_not_believed(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.removed = set(range(10, COUNT))
    assert nightly(clock)["status"] == "partial"
    assert "not believed" in last_run()["reason"]
    assert active() == ids(*range(COUNT))


def test_an_incremental_sync_asks_for_what_changed_since_the_last_one(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.received.clear()
    partner.customers.altered[5] = {"name": "New Name", "updatedAt": "2026-10-01T10:00:00Z"}
    hourly(clock)
    assert [query["updatedSince"] for query in asked(partner)] == ["2026-01-01T02:54:00.000Z"]
    assert counts(last_run()) == {"updated": 1, "unchanged": 6}
    assert last_run()["kind"] == "incremental"
    partner.received.clear()
    hourly(clock)
    assert [query["updatedSince"] for query in asked(partner)] == ["2026-10-01T09:55:00.000Z"]


def test_called_by_hand_it_takes_a_kind_and_a_moment_beside_the_usual_course(partner: Partner, clock: Driven) -> None:
    nightly(clock, since="2026-01-01T02:50:00.000Z")
    assert (last_run()["kind"], last_run()["recordCount"]) == ("incremental", 10)
    nightly(clock, syncType="incremental")
    assert last_run()["recordCount"] == COUNT, "what lies before that moment is not taken for known"


def test_a_dry_run_counts_and_writes_nothing(partner: Partner, clock: Driven) -> None:
    nightly(clock, dryRun=True)
    assert counts(last_run()) == {"created": COUNT}
    assert last_run()["dryRun"] is True
    assert rows() == {}
    hourly(clock)
    assert counts(last_run()) == {"created": COUNT}


def test_without_a_source_a_sync_is_skipped(function: pytest.MonkeyPatch, clock: Driven) -> None:
    function.setenv("EXTERNAL_API_URL", "")
    body = nightly(clock)
    assert (body["status"], body["recordsProcessed"]) == ("skipped", 0)
    assert "not configured" in body["message"]


@pytest.mark.parametrize(("batched", "size"), [("false", "10"), ("true", "0"), ("true", "100000")])
def test_batches_of_any_size_bring_the_same(
    partner: Partner, clock: Driven, function: pytest.MonkeyPatch, batched: str, size: str
) -> None:
    function.setenv("ENABLE_BATCH_PROCESSING", batched)
    function.setenv("BATCH_SIZE", size)
    nightly(clock)
    assert active() == ids(*range(COUNT))


def test_batches_of_a_lane_may_be_kept_apart(partner: Partner, clock: Driven, function: pytest.MonkeyPatch) -> None:
    function.setenv("BATCH_SIZE", "1")
    function.setenv("BATCH_PAUSE_MS", "250")
    partner.customers.count = 20
    nightly(clock)
    # Four lanes share a page of twenty.
    assert clock.slept == [0.25] * 16


# ------------------------------------------------------------------------------- bad records


def with_records(partner: Partner, *records: Any) -> None:
    def twist(page: Row, number: int) -> Row:
        return page if number > 1 else {**page, "customers": [*page["customers"], *records]}

    partner.customers.twist = twist


def at_page(partner: Partner, page_number: int, do: Callable[[], None]) -> None:
    def twist(page: Row, number: int) -> Row:
        if number == page_number:
            do()
        return page

    partner.customers.twist = twist


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
    ({"id": "g", "updatedAt": AT, "email": "nowhere"}, "email does not have the expected form"),
    ({"id": "h", "updatedAt": AT, "note": "x" * 900_000}, "has more than 16384 bytes"),
    ({"id": "i", "updatedAt": AT, "name": "\ud800"}, "holds text that is not Unicode"),
    ("a customer", "body must be of type object"),
    (None, "body must be of type object"),
]


@pytest.mark.parametrize(("record", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_record_is_kept_aside_with_the_reason(partner: Partner, clock: Driven, record: Any, reason: str) -> None:
    with_records(partner, record)
    assert nightly(clock)["status"] == "partial"
    run = last_run()
    assert counts(run) == {"created": COUNT, "rejected": 1}
    assert reason in run["errors"][0]["reason"]
    assert active() == ids(*range(COUNT))
    [kept] = rows(REJECTED).values()
    assert reason in kept["rejection"]
    nightly(clock)
    assert list(rows(REJECTED).values()) == [kept], "what is as bad as before costs no write"


def test_a_customer_twice_in_a_page_is_taken_once_in_its_newest_form(partner: Partner, clock: Driven) -> None:
    twin = {**partner.customers.one(3), "name": "Newer", "updatedAt": "2026-06-01T00:00:00Z"}
    with_records(partner, twin, {**twin, "name": "Older", "updatedAt": "2026-05-01T00:00:00Z"})
    nightly(clock)
    assert counts(last_run()) == {"created": COUNT, "rejected": 2}
    assert "twice" in last_run()["reason"]
    assert json.loads(rows()["customer-000003"]["data"])["name"] == "Newer"


def test_of_many_bad_records_a_hundred_are_named_and_all_counted(partner: Partner, clock: Driven) -> None:
    with_records(partner, *({"id": f"x{number}"} for number in range(150)))
    nightly(clock)
    assert (last_run()["rejected"], len(last_run()["errors"])) == (150, 100)
    assert len(rows(REJECTED)) == 150


def test_while_records_have_no_id_nobody_is_taken_for_vanished(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.removed = {4}
    with_records(partner, {"name": "Perhaps number four", "updatedAt": AT})
    nightly(clock)
    assert "customer-000004" in active()
    partner.customers.twist = lambda page, number: page
    nightly(clock)
    assert "customer-000004" not in active()


def test_a_bad_record_that_is_there_is_not_taken_for_vanished(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.altered[4] = {"email": "nowhere"}
    nightly(clock)
    assert counts(last_run()) == {"unchanged": COUNT - 1, "rejected": 1}
    assert "customer-000004" in active()


# --------------------------------------------------------------------------------- bad sources


OUT = "The external service is unavailable."
FAULTS = {
    Fault.ERROR: "server_error",
    Fault.JUNK: "junk",
    Fault.HUGE: "too_large",
    Fault.CUT_OFF: "unreachable",
    Fault.HANG_UP: "unreachable",
    Fault.REDIRECT_LOOP: "too_many_redirects",
    Fault.REDIRECT_INSIDE: "address_not_allowed",
    Fault.WRONG_KEY: "credentials_refused",
    Fault.RATE_LIMITED: "rate_limited",
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_source_that_fails_at_once_fails_the_run_and_harms_nothing(
    partner: Partner, clock: Driven, fault: Fault, reason: str
) -> None:
    nightly(clock)
    before = rows()
    partner.fail("/customers", fault, times=None)
    run = failed(clock)
    sentence = "The external service refused the request." if fault is Fault.WRONG_KEY else OUT
    assert run["reason"] == f"{sentence} ({reason})", "no host and no path"
    assert (run["recordCount"], run["errors"]) == (0, [{"recordId": "", "reason": run["reason"]}])
    assert rows() == before
    partner.behave()
    assert nightly(clock)["status"] == "success"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("inner.example did not answer (unreachable)", f"{OUT} (unreachable)"),
        ("inner.example does not speak HTTP (junk)", f"{OUT} (junk)"),
        ("10 pages running brought nothing new (junk)", "10 pages running brought nothing new (junk)"),
        ("The run's time was over.", "The run's time was over."),
    ],
)
def test_a_record_of_the_time_when_hosts_were_named_is_shown_without_them(
    partner: Partner, clock: Driven, stored: str, shown: str
) -> None:
    nightly(clock)
    run = last_run()
    errors = [{"recordId": "", "reason": stored}]
    SYNCS.update(CUSTOMERS, run["executedAt"], change={"reason": stored, "errors": errors})
    old = last_run()
    assert (old["reason"], old["errors"]) == (shown, [{"recordId": "", "reason": shown}])


def test_a_passing_fault_is_waited_out(partner: Partner, clock: Driven) -> None:
    partner.fail("/customers", Fault.RATE_LIMITED, retry_after="60")
    partner.fail("/customers", Fault.ERROR)
    assert nightly(clock)["status"] == "success"
    assert [wait for wait in clock.slept if wait >= 60] == [60.0]


def test_a_wait_beyond_the_deadline_is_not_begun(partner: Partner, clock: Driven) -> None:
    partner.fail("/customers", Fault.RATE_LIMITED, times=None, retry_after="3600")
    assert "(rate_limited)" in failed(clock)["reason"]
    assert clock.slept == []


@pytest.mark.parametrize("fault", [Fault.TRICKLE, Fault.TRICKLE_HEAD, Fault.SLOW])
def test_a_source_that_drips_is_left_at_the_deadline(partner: Partner, fault: Fault) -> None:
    partner.fail("/customers", fault, times=None)
    with pytest.raises(sync.SyncFailedError):
        runner.run(sync.NIGHTLY, {}, deadline=Deadline(time.monotonic() + 0.7))
    assert last_run()["reason"] == "The run's time was over."


def test_a_source_that_dies_at_page_seven_is_gone_on_with_there(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.removed = {1, 170}
    partner.customers.altered = {3: {"name": "A"}, 175: {"name": "B"}}
    partner.fail("/customers", Fault.DIE_AT_PAGE, times=None, page=7)
    assert nightly(clock)["status"] == "partial"
    run = last_run()
    assert (run["recordCount"], run["cursor"]) == (119, "120.7")
    assert "(unreachable)" in run["reason"]
    assert active() == ids(*range(COUNT)), "who is missing is known at the list's end alone"
    partner.behave()
    partner.received.clear()
    assert nightly(clock)["status"] == "success"
    assert [query["cursor"] for query in asked(partner)] == ["120.7", "140.8", "160.9"]
    assert counts(last_run()) == {"updated": 1, "unchanged": 58, "archived": 2}
    assert active() == ids(*range(COUNT)) - ids(1, 170)


def test_a_run_that_its_deadline_cuts_off_is_gone_on_with(partner: Partner, clock: Driven) -> None:
    at_page(partner, 4, lambda: clock.sleep(1000))
    assert hourly(clock)["status"] == "partial"
    run = last_run()
    assert run["reason"] == "The run's time was over."
    # While it waited for the fourth page it had the third in hand.
    assert run["cursor"] in ("40.3", "60.4")
    assert ids(*range(2 * PAGE)) <= active() <= ids(*range(3 * PAGE))
    partner.customers.twist = lambda page, number: page
    partner.received.clear()
    assert hourly(clock)["status"] == "success"
    assert asked(partner)[0]["cursor"] == run["cursor"]
    assert active() == ids(*range(COUNT))


def test_a_cursor_that_the_source_forgot_begins_the_list_anew(partner: Partner, clock: Driven) -> None:
    partner.customers.count = 300
    partner.fail("/customers", Fault.DIE_AT_PAGE, times=None, page=15)
    nightly(clock)
    partner.behave()
    partner.received.clear()
    partner.customers.count = 260
    assert nightly(clock)["status"] == "success"
    assert [query.get("cursor") for query in asked(partner)][:3] == ["280.15", None, "20.2"]
    assert counts(last_run()) == {"unchanged": 260, "archived": 20}


@pytest.mark.parametrize("following", ["0.1", "0.{}"])
def test_a_list_that_goes_in_a_circle_or_never_ends_is_left(partner: Partner, clock: Driven, following: str) -> None:
    nightly(clock)
    partner.customers.removed = {1}
    partner.customers.twist = lambda page, number: {**page, "nextCursor": following.format(number + 1)}
    partner.received.clear()
    assert nightly(clock)["status"] == "partial"
    assert "nothing new" in last_run()["reason"]
    assert last_run()["cursor"] is None, "nobody goes on with it"
    assert len(partner.received) < 20
    assert active() == ids(*range(COUNT))


def test_a_list_of_empty_pages_is_left(partner: Partner, clock: Driven) -> None:
    partner.customers.twist = lambda page, number: {"customers": [], "nextCursor": f"0.{number + 1}"}
    assert "nothing new" in failed(clock)["reason"]


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


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: json.dumps(junk)[:40])
def test_a_page_of_another_form_ends_the_run(partner: Partner, clock: Driven, junk: Any) -> None:
    partner.customers.twist = lambda page, number: junk if number == 3 else page
    assert nightly(clock)["status"] == "partial"
    assert "(junk)" in last_run()["reason"]
    assert active() == ids(*range(2 * PAGE))


def test_a_record_larger_than_an_answer_costs_none_of_those_before_it(partner: Partner, clock: Driven) -> None:
    partner.customers.altered[90] = {"note": "x" * 1_100_000}
    assert nightly(clock)["status"] == "partial"
    assert "(too_large)" in last_run()["reason"]
    assert active() == ids(*range(90))
    # The page that it stands on is bad in itself: it holds up one run, and not every one from then on.
    failed(clock)
    partner.customers.altered = {}
    assert nightly(clock)["status"] == "success"
    assert active() == ids(*range(COUNT))


def test_a_key_that_was_changed_is_read_anew(partner: Partner, clock: Driven, machine: Machine) -> None:
    nightly(clock)
    secret = json.dumps({"api_key": "unused", "source_api_key": partner.rotate_key()})
    machine.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=secret)
    assert nightly(clock)["status"] == "success"


# --------------------------------------------------------------------------------- never twice


def test_a_run_that_overlaps_another_is_skipped_and_asks_for_nothing(partner: Partner, clock: Driven) -> None:
    during: list[Row] = []

    def another() -> None:
        before = len(partner.received)
        during.append(hourly(Driven()))
        assert len(partner.received) == before

    at_page(partner, 3, another)
    assert nightly(clock)["status"] == "success"
    [body] = during
    assert (body["status"], body["message"]) == ("skipped", "Daily sync skipped: another run is under way")
    assert sorted(run["status"] for run in history()) == ["skipped", "success"]


def expire() -> None:
    """As if the holder of the leases had been still for longer than they last."""
    for lane in range(lanes.LANES):
        leases.JOBS.update(f"lease#sync{f'/{lane}' if lane else ''}", change={"expires": 1})


def test_a_late_holder_cannot_write(partner: Partner, clock: Driven) -> None:
    taken_over: list[set[str]] = []

    def take_over() -> None:
        expire()
        with leases.lease("sync", 60) as first:
            assert first is not None
            with lanes.lanes(first, clock.deadline()) as held:
                assert held is not None
            taken_over.append(active())

    at_page(partner, 4, take_over)
    with pytest.raises(LeaseLostError):
        runner.run(sync.NIGHTLY, {}, deadline=clock.deadline())
    [before] = taken_over
    # A page that was under way when the other took over is not finished.
    assert before <= active() < ids(*range(4 * PAGE))
    assert last_run()["status"] == "failed"
    assert models.find_unfinished(models.Kind.COMPREHENSIVE) is None, "not even its progress"


def test_what_was_killed_is_ended_by_the_next_run(partner: Partner, clock: Driven) -> None:
    killed = models.begin(models.Kind.INCREMENTAL, False, datetime.now(UTC))
    nightly(clock)
    [told] = [run for run in history() if run["syncId"] == killed.sync_id]
    assert (told["status"], told["reason"]) == ("failed", "It was ended from outside before it was done.")


def test_a_row_that_others_change_meanwhile_is_left_to_the_next_run(partner: Partner, clock: Driven) -> None:
    nightly(clock)
    partner.customers.altered = {number: {"name": "New"} for number in (21, 22, 23)}

    def between(model: Any, params: Row, **_: Any) -> None:
        if b"customer-000022" in params["body"] and not archived:
            archived.append(1)
            RECORDS.update(CUSTOMERS, "customer-000022", change={"isActive": False})

    archived: list[int] = []
    clients.client("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", between)
    nightly(clock)
    assert archived
    run = last_run()
    assert (run["updated"], run["contested"], run["status"]) == (2, 1, "partial")
    assert "New" not in rows()["customer-000022"]["data"]


# ------------------------------------------------------------------------------------- telling


def test_runs_are_told_as_events_and_metrics(
    partner: Partner, clock: Driven, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    nightly(clock)
    partner.fail("/customers", Fault.ERROR, times=None)
    failed(clock)
    told: dict[str, Any] = {record.message: vars(record).get("metadata") for record in caplog.records}
    assert {"SYNC_STARTED", "API_FAILURE", "SYNC_COMPLETED", "EXECUTION_COMPLETED", "EXECUTION_FAILED"} <= set(told)
    assert set(told["EXECUTION_COMPLETED"]) == {"durationMs", "recordsProcessed", "avgTimePerRecord"}
    assert told["EXECUTION_COMPLETED"]["recordsProcessed"] == COUNT
    assert told["EXECUTION_FAILED"]["failurePoint"] == "source"
    assert partner.api_key not in str(told)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    figures = [line for line in lines if "_aws" in line]
    assert [(each["RecordsProcessed"], each["SyncsFailed"]) for each in figures] == [([COUNT], [0]), ([0], [1])]
    defined, _totals = figures[0]["_aws"]["CloudWatchMetrics"]
    assert defined["Namespace"] == "ImageProcessing"
    assert {"Name": "ProcessingTime", "Unit": "Seconds"} in defined["Metrics"]


def test_administrators_see_the_history_in_pages(machine: Machine, partner: Partner, clock: Driven) -> None:
    with_records(partner, {"id": "bad"})
    nightly(clock)
    partner.fail("/customers", Fault.ERROR, times=None)
    failed(clock)
    admin = User(machine.api_url, email="admin@example.com", password="Darkroom-2026!")
    admin.sign_in()
    page = call("GET /admin/syncs", admin.headers, query={"limit": "1", "status": "failed"})
    assert page.status == 200, page
    assert [run["status"] for run in page.body["items"]] == ["failed"]
    page = call("GET /admin/syncs", admin.headers, query={"limit": "1", "status": "partial"})
    [run] = page.body["items"]
    assert (run["rejected"], run["errors"]) == (1, [{"recordId": "bad", "reason": "updatedAt is required"}])
    first = call("GET /admin/syncs", admin.headers, query={"limit": "1"}).body
    second = call("GET /admin/syncs", admin.headers, query={"limit": "1", "cursor": first["nextCursor"]}).body
    assert first["items"][0]["executedAt"] > second["items"][0]["executedAt"]
    ordinary = User(machine.api_url, email="user@example.com", password="Darkroom-2026!")
    ordinary.sign_in()
    assert call("GET /admin/syncs", ordinary.headers).status == 403
