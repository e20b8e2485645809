"""Runs of the customer sync in this process, on a clock of its own, and what they leave behind."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core import clients
from chalicelib.core.deadline import Deadline
from chalicelib.jobs import runner, sync
from chalicelib.jobs.sync.sync_records import CUSTOMERS, RECORDS
from local.fake_api import FakeApi

PAGE = 20
COUNT = 60

Row = dict[str, Any]


class FakeClock:
    """A clock that moves only when something sleeps on it."""

    def __init__(self) -> None:
        self.moment = time.monotonic()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds

    def deadline(self) -> Deadline:
        return Deadline(self.moment + 270.0, self, self.sleep)


def empty_table(table: Any, sort_key: str) -> None:
    for items, _ in table.scan(25):
        deletions = [{"DeleteRequest": {"Key": table.key(item["source"], item[sort_key])}} for item in items]
        if deletions:
            clients.client("dynamodb").batch_write_item(RequestItems={table.name: deletions})


def run_nightly(clock: FakeClock, **options: Any) -> dict[str, Any]:
    answer = runner.run(sync.NIGHTLY, options, deadline=clock.deadline())
    assert answer["statusCode"] == 200
    body: dict[str, Any] = answer["body"]
    return body


def run_hourly(clock: FakeClock, **options: Any) -> dict[str, Any]:
    body: dict[str, Any] = runner.run(sync.BUSINESS_HOURS, options, deadline=clock.deadline())["body"]
    return body


def run_and_fail(clock: FakeClock) -> Row:
    """Runs a nightly sync that must fail; its sync record."""
    with pytest.raises(sync.SyncFailedError):
        runner.run(sync.NIGHTLY, {}, deadline=clock.deadline())
    run = last_run()
    assert run["status"] == "failed"
    return run


def stored_rows(source: str = CUSTOMERS) -> dict[str, Row]:
    """The stored customers by their ids, or the rejected ones."""
    return {item["recordId"]: item for item in RECORDS.between(source, "!", "\U0010ffff")}


def active_ids() -> set[str]:
    return {record_id for record_id, row in stored_rows().items() if row["isActive"]}


def customer_ids(*numbers: int) -> set[str]:
    return {f"customer-{number:06d}" for number in numbers}


def run_history() -> list[Row]:
    items: list[Row] = sync.list_syncs({"limit": 100})["items"]
    # The machine's own schedule may run a sync too. It has no source.
    return [item for item in items if item["reason"] != "not configured: EXTERNAL_API_URL is empty"]


def last_run() -> Row:
    return run_history()[0]


def counts_of(run: Row) -> dict[str, int]:
    return {name: run[name] for name in ("created", "updated", "unchanged", "rejected", "archived") if run[name]}


def changed_ids(run: Row) -> Any:
    return json.loads(run["data"])


def queries_of(fake_api: FakeApi) -> list[dict[str, str]]:
    return [each.query for each in fake_api.received]


def add_records(fake_api: FakeApi, *records: Any) -> None:
    """Appends records to the first page of the source."""

    def edit_page(page: Row, number: int) -> Row:
        return page if number > 1 else {**page, "customers": [*page["customers"], *records]}

    fake_api.customers.edit_page = edit_page


def call_at_page(fake_api: FakeApi, page_number: int, do: Callable[[], None]) -> None:
    """Calls `do` while the source answers with that page."""

    def edit_page(page: Row, number: int) -> Row:
        if number == page_number:
            do()
        return page

    fake_api.customers.edit_page = edit_page
