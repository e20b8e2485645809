"""Journeys that every function has: its run leaves a usage record, and its internal errors are reported."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from chalicelib.core import ids
from chalicelib.images import Status
from chalicelib.jobs.leases import JOBS
from chalicelib.jobs.sync.sync_records import ARCHIVED
from chalicelib.metering.models import DAILY, EVERYONE
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.of_reconciler import RECONCILER_PASS
from tests.journeys.rights.of_schedules import put_record
from tests.journeys.rights.of_streams import published
from tests.journeys.rights.world import World, ago

_NOTHING: Mapping[str, Any] = {"Records": []}
_DRY: Mapping[str, Any] = {"dryRun": True}
_STEP: Mapping[str, Any] = {"execution": "x-1"}
_STEPS = ("validation", "resize", "watermark")
# By function, an event that changes nothing. The steps of the pipeline fail with it, which leaves a record as well.
_HARMLESS: Mapping[str, Any] = {
    **dict.fromkeys(("s3_event", "orchestrator", "audit_entries"), _NOTHING),
    **dict.fromkeys(("action_worker", "import_worker", "critical_errors"), _NOTHING),
    "notifications": published(json.dumps({"userId": "nobody"})),
    **dict.fromkeys(("nightly_sync", "business_hours_sync", "weekly_cleanup", "quarterly_archive", "sweeper"), _DRY),
    "reconciler": _DRY,
    "monthly_report": {"dryRun": True, "since": "2023-01-01"},
    "health_check": {},
    **dict.fromkeys(_STEPS, _STEP),
}


@journey_of(*_HARMLESS)
def a_run_leaves_a_usage_record(world: World, name: str) -> None:
    started = ids.now()
    world.machine.invoke(name, _HARMLESS[name])
    assert len(world.usage_records(name, started)) == 1


# ------------------------------------------------------------------------------- errors


@contextmanager
def _wrong_number(world: World) -> Iterator[None]:
    for name, value in _WRONG.items():
        world.put_setting(name, value)
    try:
        yield
    finally:
        for name in _WRONG:
            world.remove_setting(name)


_WRONG = {"EXTERNAL_API_URL": "http://127.0.0.1:9", "BATCH_SIZE": "many"}


@contextmanager
def _missing_setting(world: World) -> Iterator[None]:
    value = world.remove_setting("COGNITO_USER_POOL_ID")
    try:
        yield
    finally:
        world.put_setting("COGNITO_USER_POOL_ID", value)


@contextmanager
def _broken_sum(world: World) -> Iterator[None]:
    DAILY.put({"scope": EVERYONE, "day#what": "2023-02-01#format:odd", "sum": "many"})
    try:
        yield
    finally:
        DAILY.delete(EVERYONE, "2023-02-01#format:odd")


@contextmanager
def _broken_image(world: World) -> Iterator[None]:
    """One for the sweeper, with an impossible execution name."""
    world.empty_queue("uploads")
    world.create_image(Status.PROCESSING, execution="nonsense", unfinishedSince=ago(hours=1))
    world.forget_sweeper_passes()
    yield


@contextmanager
def _broken_upload(world: World) -> Iterator[None]:
    """One for the clean-up, whose row lacks a required attribute."""
    world.create_image(Status.PENDING, unfinishedSince=ago(hours=26), remove=("fileName",))
    yield


@contextmanager
def _broken_pass(world: World) -> Iterator[None]:
    """One of the reconciler, of which nobody knows when it began."""
    JOBS.put({"name": RECONCILER_PASS})
    try:
        yield
    finally:
        JOBS.delete(RECONCILER_PASS)


@contextmanager
def _broken_record(world: World) -> Iterator[None]:
    put_record("broken", ARCHIVED, ago(days=31), data="no JSON")
    yield


_INVALID: Mapping[str, Any] = {"Records": [{}]}
_Context = Callable[[World], Any]
# By function, a context manager that causes the error, and the event.
_ERRORS: Mapping[str, tuple[_Context, Any]] = {
    **dict.fromkeys(("s3_event", "orchestrator", "image_changes", "usage_records"), (nullcontext, _INVALID)),
    **dict.fromkeys(("audit_entries", "action_worker", "import_worker", "critical_errors"), (nullcontext, _INVALID)),
    "notifications": (nullcontext, published("no JSON")),
    **dict.fromkeys(_STEPS, (nullcontext, _STEP)),
    **dict.fromkeys(("nightly_sync", "business_hours_sync"), (_wrong_number, {})),
    "health_check": (_missing_setting, {}),
    "monthly_report": (_broken_sum, {"since": "2023-02-01", "dryRun": True}),
    "sweeper": (_broken_image, {}),
    "reconciler": (_broken_pass, {}),
    "weekly_cleanup": (_broken_upload, {}),
    "quarterly_archive": (_broken_record, {}),
}


@journey_of(*_ERRORS)
def an_internal_error_is_reported(world: World, name: str) -> None:
    context, event = _ERRORS[name]
    errors = world.empty_queue("critical-errors.fifo")
    # The same error is reported once in five minutes.
    world.machine.clock.advance(301)
    with context(world):
        world.machine.invoke(name, event)
    operations = [json.loads(each["Body"])["operation"] for each in world.take_messages(errors)]
    assert operations == [name]
