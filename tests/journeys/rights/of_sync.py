"""Journeys of the scheduled syncs, with a fake API that has a few customers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from chalicelib.jobs.sync import models
from local.fake_api import FakeApi
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.world import CUSTOMERS, RECORDS, SYNCS, World, ago, item


@contextmanager
def source(world: World) -> Iterator[FakeApi]:
    """A fake API that the syncs read; the records of earlier syncs are deleted."""
    for table in (RECORDS, SYNCS):
        for rows, _ in table.scan(500):
            for each in rows:
                table.delete(each["source"], each[str(table.sort)])
    with FakeApi(customers=6) as fake_api, world.secret_value(json.dumps({"source_api_key": fake_api.api_key})):
        world.put_setting("EXTERNAL_API_URL", fake_api.url)
        try:
            yield fake_api
        finally:
            world.remove_setting("EXTERNAL_API_URL")


def sync(world: World, name: str, **options: Any) -> None:
    body = world.invoke(name, {"syncType": "comprehensive", **options})["body"]
    assert body["status"] == "success", body
    assert world.heartbeat(name)["outcome"] == "success"


@journey_of("nightly_sync", "business_hours_sync")
def customers_are_added_changed_and_removed(world: World, name: str) -> None:
    with source(world) as fake_api:
        sync(world, name)
        fake_api.customers.altered[1] = {"name": "New", "updatedAt": "2026-10-01T12:00:00Z"}
        fake_api.customers.removed = {2}
        sync(world, name)
        assert "New" in item(RECORDS, CUSTOMERS, "customer-000001")["data"]
        assert item(RECORDS, CUSTOMERS, "customer-000002")["isActive"] is False
        assert item(RECORDS, CUSTOMERS, "customer-000003")["isActive"] is True


@journey_of("nightly_sync", "business_hours_sync")
def a_killed_run_is_marked_as_failed(world: World, name: str) -> None:
    with source(world):
        killed = models.begin(models.Kind.COMPREHENSIVE, False, datetime.fromisoformat(ago(minutes=30)))
        sync(world, name)
        assert item(SYNCS, CUSTOMERS, killed.executed_at)["status"] == "failed"
