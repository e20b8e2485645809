"""What a sync stores, that two never overlap, and how its runs are reported."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import clients
from chalicelib.jobs import leases, runner, sync
from chalicelib.jobs.leases import LeaseLostError
from chalicelib.jobs.sync import lanes, models
from chalicelib.jobs.sync.sync_records import ARCHIVED, BY_LIFECYCLE, CUSTOMERS, RECORDS
from local.fake_api import FakeApi
from local.fake_api.faults import Fault
from local.machine import Machine
from tests.journeys.gateway import call, calls_made
from tests.journeys.sync.syncing import (
    COUNT,
    PAGE,
    FakeClock,
    Row,
    active_ids,
    add_records,
    call_at_page,
    changed_ids,
    counts_of,
    customer_ids,
    last_run,
    queries_of,
    run_and_fail,
    run_history,
    run_hourly,
    run_nightly,
    stored_rows,
)
from tests.journeys.user import User

# ------------------------------------------------------------------------- stored records


def test_the_first_sync_stores_every_customer(fake_api: FakeApi, clock: FakeClock) -> None:
    body = run_nightly(clock)
    assert active_ids() == customer_ids(*range(COUNT))
    assert json.loads(stored_rows()["customer-000003"]["data"]) == fake_api.customers.customer(3)
    run = last_run()
    assert (run["status"], run["kind"], run["recordCount"], run["cursor"]) == ("success", "comprehensive", COUNT, None)
    assert counts_of(run) == {"created": COUNT}
    assert changed_ids(run) == {"created": sorted(customer_ids(*range(20))), "updated": [], "archived": []}, (
        "the first of them"
    )
    assert run["date"] == run["executedAt"][:10]
    assert body["message"] == "Daily sync completed successfully"
    assert (body["recordsProcessed"], body["syncId"], body["status"]) == (COUNT, run["syncId"], "success")
    assert body["processingTimeMs"] == run["processingTime"]
    assert body["timestamp"].endswith("Z")
    assert {each.headers["Authorization"] for each in fake_api.received} == {f"Bearer {fake_api.api_key}"}


def test_a_sync_without_changes_only_reads(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    before = stored_rows()
    made = calls_made()
    run_nightly(clock)
    assert counts_of(last_run()) == {"unchanged": COUNT}
    assert stored_rows() == before
    # The single transaction stores the sync's progress.
    assert (made.count("TransactWriteItems"), made.count("BatchWriteItem"), made.count("BatchGetItem")) == (1, 0, 3)


def test_changed_customers_are_updated_and_older_versions_ignored(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    fake_api.customers.altered[5] = {"name": "New Name", "updatedAt": "2026-10-01T12:00:00+02:00"}
    fake_api.customers.altered[6] = {"name": "Old Name", "updatedAt": "2025-10-01T12:00:00Z"}
    fake_api.customers.altered[7] = {"name": "In the same second"}
    run_nightly(clock)
    assert counts_of(last_run()) == {"updated": 2, "unchanged": COUNT - 2}
    assert changed_ids(last_run()) == {"created": [], "updated": sorted(customer_ids(5, 7)), "archived": []}
    stored = stored_rows()
    assert json.loads(stored["customer-000005"]["data"])["name"] == "New Name"
    assert stored["customer-000005"]["updatedAt"] == "2026-10-01T10:00:00.000Z"
    assert "Old Name" not in stored["customer-000006"]["data"]
    assert "In the same second" in stored["customer-000007"]["data"]


def test_only_a_comprehensive_sync_archives_missing_customers_and_they_may_return(
    fake_api: FakeApi, clock: FakeClock
) -> None:
    run_nightly(clock)
    fake_api.customers.removed = {2, 30, 59}
    run_hourly(clock)
    assert active_ids() == customer_ids(*range(COUNT))
    run_nightly(clock)
    gone = customer_ids(2, 30, 59)
    assert counts_of(last_run()) == {"unchanged": COUNT - 3, "archived": 3}
    assert changed_ids(last_run()) == {"created": [], "updated": [], "archived": sorted(gone)}
    assert active_ids() == customer_ids(*range(COUNT)) - gone
    row = stored_rows()["customer-000030"]
    assert (row["isActive"], row["archivedBecause"], row["archivedAt"][:2]) == (False, "vanished", "20")
    assert {entry["recordId"] for entry in BY_LIFECYCLE.between(ARCHIVED, "0", "9")} == gone
    run_nightly(clock)
    assert counts_of(last_run()) == {"unchanged": COUNT - 3}, "they are archived once"
    fake_api.customers.removed = {2}
    run_nightly(clock)
    assert counts_of(last_run()) == {"unchanged": COUNT - 3, "updated": 2}
    assert "archivedAt" not in stored_rows()["customer-000030"]


def test_nobody_is_archived_if_most_customers_are_missing(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    fake_api.customers.removed = set(range(10, COUNT))
    assert run_nightly(clock)["status"] == "partial"
    assert "not believed" in last_run()["reason"]
    assert active_ids() == customer_ids(*range(COUNT))


def test_an_incremental_sync_requests_changes_since_the_last_one(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    fake_api.received.clear()
    fake_api.customers.altered[5] = {"name": "New Name", "updatedAt": "2026-10-01T10:00:00Z"}
    run_hourly(clock)
    assert [query["updatedSince"] for query in queries_of(fake_api)] == ["2026-01-01T00:54:00.000Z"]
    assert counts_of(last_run()) == {"updated": 1, "unchanged": 6}
    assert last_run()["kind"] == "incremental"
    fake_api.received.clear()
    run_hourly(clock)
    assert [query["updatedSince"] for query in queries_of(fake_api)] == ["2026-10-01T09:55:00.000Z"]


def test_a_sync_by_hand_takes_a_kind_and_a_start_time(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock, since="2026-01-01T00:50:00.000Z")
    assert (last_run()["kind"], last_run()["recordCount"]) == ("incremental", 10)
    run_nightly(clock, syncType="incremental")
    assert last_run()["recordCount"] == COUNT, "changes before that time are not assumed to be known"


def test_a_dry_run_counts_and_writes_nothing(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock, dryRun=True)
    assert counts_of(last_run()) == {"created": COUNT}
    assert last_run()["dryRun"] is True
    assert stored_rows() == {}
    run_hourly(clock)
    assert counts_of(last_run()) == {"created": COUNT}


def test_without_a_source_a_sync_is_skipped(function: pytest.MonkeyPatch, clock: FakeClock) -> None:
    function.setenv("EXTERNAL_API_URL", "")
    body = run_nightly(clock)
    assert (body["status"], body["recordsProcessed"]) == ("skipped", 0)
    assert "not configured" in body["message"]


@pytest.mark.parametrize(("batched", "size"), [("false", "10"), ("true", "1"), ("true", "99")])
def test_batches_of_any_size_store_the_same(
    fake_api: FakeApi, clock: FakeClock, function: pytest.MonkeyPatch, batched: str, size: str
) -> None:
    function.setenv("ENABLE_BATCH_PROCESSING", batched)
    function.setenv("BATCH_SIZE", size)
    run_nightly(clock)
    assert active_ids() == customer_ids(*range(COUNT))


def test_batches_of_a_lane_can_be_spaced_out_in_time(
    fake_api: FakeApi, clock: FakeClock, function: pytest.MonkeyPatch
) -> None:
    function.setenv("BATCH_SIZE", "1")
    function.setenv("BATCH_PAUSE_MS", "250")
    fake_api.customers.count = 20
    run_nightly(clock)
    # Four lanes share a page of twenty.
    assert clock.slept == [0.25] * 16


# ------------------------------------------------------------------------- overlaps


def test_a_run_that_overlaps_another_is_skipped_without_requests(fake_api: FakeApi, clock: FakeClock) -> None:
    during: list[Row] = []

    def another() -> None:
        before = len(fake_api.received)
        during.append(run_hourly(FakeClock()))
        assert len(fake_api.received) == before

    call_at_page(fake_api, 3, another)
    assert run_nightly(clock)["status"] == "success"
    [body] = during
    assert (body["status"], body["message"]) == ("skipped", "Daily sync skipped: another run is under way")
    assert sorted(run["status"] for run in run_history()) == ["skipped", "success"]


def expire() -> None:
    """Expires the leases, as if their holder had stopped responding."""
    for lane in range(lanes.LANES):
        leases.JOBS.update(f"lease#sync{f'/{lane}' if lane else ''}", change={"expires": 1})


def test_a_late_holder_cannot_write(fake_api: FakeApi, clock: FakeClock) -> None:
    taken_over: list[set[str]] = []

    def take_over() -> None:
        expire()
        with leases.lease("sync", 60) as first:
            assert first is not None
            with lanes.lanes(first, clock.deadline()) as held:
                assert held is not None
            taken_over.append(active_ids())

    fake_api.customers.count = 9 * PAGE
    call_at_page(fake_api, 4, take_over)
    with pytest.raises(LeaseLostError):
        runner.run(sync.NIGHTLY, {}, deadline=clock.deadline())
    [before] = taken_over
    # A page that was being stored at the takeover is not finished.
    assert before <= active_ids() < customer_ids(*range(4 * PAGE))
    assert last_run()["status"] == "failed"
    assert models.find_unfinished(models.Kind.COMPREHENSIVE) is None, "not even its progress"


def test_a_killed_run_is_marked_failed_by_the_next_run(fake_api: FakeApi, clock: FakeClock) -> None:
    killed = models.begin(models.Kind.INCREMENTAL, False, datetime.now(UTC))
    run_nightly(clock)
    [killed_run] = [run for run in run_history() if run["syncId"] == killed.sync_id]
    assert (killed_run["status"], killed_run["reason"]) == ("failed", "It was ended from outside before it was done.")


def test_a_row_changed_by_others_meanwhile_is_left_to_the_next_run(fake_api: FakeApi, clock: FakeClock) -> None:
    run_nightly(clock)
    fake_api.customers.altered = {number: {"name": "New"} for number in (21, 22, 23)}

    def between(model: Any, params: Row, **_: Any) -> None:
        if b"customer-000022" in params["body"] and not archived:
            archived.append(1)
            RECORDS.update(CUSTOMERS, "customer-000022", change={"isActive": False})

    archived: list[int] = []
    clients.client("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", between)
    run_nightly(clock)
    assert archived
    run = last_run()
    assert (run["updated"], run["contested"], run["status"]) == (2, 1, "partial")
    assert "New" not in stored_rows()["customer-000022"]["data"]


# ------------------------------------------------------------------------- reporting


def test_runs_are_reported_as_log_events_and_metrics(
    fake_api: FakeApi, clock: FakeClock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    run_nightly(clock)
    fake_api.fail("/customers", Fault.ERROR, times=None)
    run_and_fail(clock)
    events: dict[str, Any] = {record.message: vars(record).get("metadata") for record in caplog.records}
    assert {"SYNC_STARTED", "API_FAILURE", "SYNC_COMPLETED", "EXECUTION_COMPLETED", "EXECUTION_FAILED"} <= set(events)
    assert set(events["EXECUTION_COMPLETED"]) == {"durationMs", "recordsProcessed", "avgTimePerRecord"}
    assert events["EXECUTION_COMPLETED"]["recordsProcessed"] == COUNT
    assert events["EXECUTION_FAILED"]["failurePoint"] == "source"
    assert fake_api.api_key not in str(events)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    figures = [line for line in lines if "_aws" in line]
    assert [(each["RecordsProcessed"], each["SyncsFailed"]) for each in figures] == [([COUNT], [0]), ([0], [1])]
    defined, _totals = figures[0]["_aws"]["CloudWatchMetrics"]
    assert defined["Namespace"] == "ImageProcessing"
    assert {"Name": "ProcessingTime", "Unit": "Seconds"} in defined["Metrics"]


def test_administrators_read_the_history_in_pages(
    machine: Machine, admin: User, fake_api: FakeApi, clock: FakeClock
) -> None:
    add_records(fake_api, {"id": "bad"})
    run_nightly(clock)
    fake_api.fail("/customers", Fault.ERROR, times=None)
    run_and_fail(clock)
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
