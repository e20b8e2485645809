"""Journeys of the reconciler: what the streams have lost is mended."""

import secrets
from decimal import Decimal
from typing import Any

from chalicelib.core import ids
from chalicelib.core.observing.tracking import USAGE
from chalicelib.images import IMAGES
from chalicelib.images.models import bytes_kept
from chalicelib.jobs.leases import JOBS
from chalicelib.metering import daily_sums
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.of_streams import insert_event
from tests.journeys.rights.world import INBOX, USERS, World, ago, item

RECONCILER_PASS = "reconciler#usage"


def reconcile(world: World) -> dict[str, Any]:
    """A run that makes a pass over what began in the last six days."""
    JOBS.put({"name": RECONCILER_PASS, "since": ago(days=7), "until": ago(days=6), "endedAt": ago(days=2)})
    result: dict[str, Any] = world.invoke("reconciler")
    assert result["isComplete"], result
    return result


def lost_run(world: World) -> dict[str, Any]:
    """A run of Ann that began two hours ago and was not counted."""
    timestamp = f"{ago(hours=2)}#{secrets.token_hex(4)}"
    row = {"account": world.user_id, "timestamp": timestamp, "operation": f"op{secrets.token_hex(4)}"}
    USAGE.put({**row, "success": True, "duration_ms": 1, "lambda_cost": Decimal("0.001")})
    return item(USAGE, world.user_id, timestamp)


def requests_of(world: World, run: dict[str, Any]) -> list[int]:
    what, day = f"operation:{run['operation']}", run["timestamp"][:10]
    rows = daily_sums.read_rows(world.user_id, day, day)
    return [int(numbers["requests"]) for _, name, numbers in rows if name == what]


@journey_of("reconciler")
def a_lost_run_is_counted_once(world: World, name: str) -> None:
    USERS.update(world.user_id, change={"spent": {}})
    run = lost_run(world)
    for _ in range(2):
        reconcile(world)
        assert requests_of(world, run) == [1]
    assert item(USERS, world.user_id)["spent"] != {}
    world.invoke("usage_records", insert_event(run))
    assert requests_of(world, run) == [1], "the stream comes late"


@journey_of("reconciler")
def stored_bytes_that_differ_for_a_day_are_corrected(world: World, name: str) -> None:
    kept = sum(bytes_kept(row) for row in IMAGES.all_of(world.user_id))
    USERS.update(world.user_id, change={"storedBytes": kept + 5, "storedBytesDifference": None})
    lost_run(world)
    reconcile(world)
    row = item(USERS, world.user_id)
    assert (row["storedBytes"], row["storedBytesDifference"]["bytes"]) == (kept + 5, -5)
    USERS.update(world.user_id, change={"storedBytesDifference": {"bytes": -5, "at": ago(days=1)}})
    assert reconcile(world)["counts"]["storedBytesCorrected"] == 1
    assert item(USERS, world.user_id)["storedBytes"] == kept


@journey_of("reconciler")
def a_waiting_entry_is_sent_to_the_trail_again(world: World, name: str) -> None:
    entry_id = ids.new_id("aud")
    INBOX.put({"id": entry_id, "timestamp": ago(minutes=16), "operation": "op", "outcome": "begun"})
    reconcile(world)
    assert item(INBOX, entry_id)["timesSent"] == 1
    assert world.heartbeat(name)["outcome"] == "success"
