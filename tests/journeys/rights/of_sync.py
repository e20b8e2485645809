"""Journeys of the scheduled syncs, from a partner that has a few customers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from chalicelib.jobs.sync import models
from local.partner import Partner
from tests.journeys.rights.journey import of
from tests.journeys.rights.world import CUSTOMERS, RECORDS, SYNCS, World, ago, item


@contextmanager
def source(world: World) -> Iterator[Partner]:
    """A partner that the syncs read, and nothing that an earlier one brought."""
    for table in (RECORDS, SYNCS):
        for lot, _ in table.scan(500):
            for each in lot:
                table.delete(each["source"], each[str(table.sort)])
    with Partner(customers=6) as partner, world.secret(json.dumps({"source_api_key": partner.api_key})):
        world.put_setting("EXTERNAL_API_URL", partner.url)
        try:
            yield partner
        finally:
            world.remove_setting("EXTERNAL_API_URL")


def synced(world: World, name: str, **options: Any) -> None:
    body = world.invoke(name, {"syncType": "comprehensive", **options})["body"]
    assert body["status"] == "success", body
    assert world.beat(name)["outcome"] == "success"


@of("nightly_sync", "business_hours_sync")
def customers_come_change_and_vanish(world: World, name: str) -> None:
    with source(world) as partner:
        synced(world, name)
        partner.customers.altered[1] = {"name": "New", "updatedAt": "2026-10-01T12:00:00Z"}
        partner.customers.removed = {2}
        synced(world, name)
        assert "New" in item(RECORDS, CUSTOMERS, "customer-000001")["data"]
        assert item(RECORDS, CUSTOMERS, "customer-000002")["isActive"] is False
        assert item(RECORDS, CUSTOMERS, "customer-000003")["isActive"] is True


@of("nightly_sync", "business_hours_sync")
def a_run_that_was_killed_is_ended(world: World, name: str) -> None:
    with source(world):
        killed = models.begin(models.Kind.COMPREHENSIVE, False, datetime.fromisoformat(ago(minutes=30)))
        synced(world, name)
        assert item(SYNCS, CUSTOMERS, killed.executed_at)["status"] == "failed"
