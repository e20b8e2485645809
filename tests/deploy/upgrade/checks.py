"""Checks of a stage with data, for both versions: nothing is lost, and responses stay the same."""

from collections.abc import Iterator
from typing import Any

from chalicelib.core.aws.writes import TOKEN
from tests.deploy.upgrade.sample_data import Filled, in_flight

# Fields that differ in each response, or after more requests.
_CHANGES = {"requestId", "url", "resultUrl", "downloadUrl", "lastActionAt", "lastUsedAt"}


def begun(filled: Filled) -> set[str]:
    """The ids of the images in progress."""
    return {each for name, each in filled.images.items() if name.startswith(("UPLOADED", "PROCESSING"))}


def check_finished(filled: Filled) -> None:
    """Fails if work is left or has failed."""
    assert {filled.ann.image(each)["status"] for each in begun(filled)} == {"COMPLETED"}
    assert filled.ann.action(filled.actions["PENDING"])["status"] == "COMPLETED"
    left = {name: number for name, number in in_flight(filled).items() if name.startswith(("messages", "executions"))}
    assert left == dict.fromkeys(left, 0)
    dead = [url.rpartition("/")[2] for url in filled.stage.aws.client("sqs").list_queues()["QueueUrls"]]
    dead = [name.removeprefix("darkroom-dev-") for name in dead if "-dead" in name]
    assert dead
    assert {name: filled.stage.waiting(name) for name in dead} == dict.fromkeys(dead, 0)


def differences(before: Any, now: Any, at: str) -> Iterator[str]:
    """The paths where a response lacks a field of an earlier one. It may have more fields."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before.keys() - _CHANGES:
            yield from differences(before[name], now.get(name), f"{at}.{name}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for place, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{at}[{place}]")
    elif before != now:
        yield f"{at}: {before!r} is now {now!r}"


def check_lists(filled: Filled) -> None:
    """Fails if a list of several pages has other rows than were created."""
    gone = {"DELETED", "of zed"}
    images = [each["imageId"] for each in filled.ann.every("/images")]
    assert sorted(images) == sorted(each for name, each in filled.images.items() if name not in gone)
    others = {"of zed", "of a report"}
    actions = [each["actionId"] for each in filled.ann.every("/actions")]
    assert sorted(actions) == sorted(each for name, each in filled.actions.items() if name not in others)


def check_every_run_is_counted_once(filled: Filled) -> None:
    """Fails if the daily sums differ from the usage records."""
    filled.triggers.run_dry()
    runs = [row for row in filled.stage.rows("usage") if row["account"]["S"] == filled.ann.id]
    assert filled.ann.ok("GET", "/usage")["totals"]["requests"] == len(runs)


def stored(filled: Filled, image_id: str) -> bool:
    """Whether a bucket has a version of one of the image's files."""
    s3 = filled.stage.aws.client("s3")
    keys = [
        each["Key"]
        for bucket in s3.list_buckets()["Buckets"]
        for each in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", ())
    ]
    return any(image_id in key for key in keys)


def left_of_account(filled: Filled) -> list[tuple[str, dict[str, Any]]]:
    """The remaining rows of an erased account, except those that are documented to stay."""
    return [
        (table, row)
        for table in ("users", "images", "actions", "api-keys", "usage", "daily")
        for row in filled.stage.rows(table)
        if filled.zed.id in repr(row) and not _may_stay(row)
    ]


def _may_stay(row: dict[str, Any]) -> bool:
    """A tombstone of an image, and how many were deleted that day."""
    is_tombstone = row.keys() - {"erased", TOKEN} == {"userId", "imageId", "status", "ttl"}
    return is_tombstone or row.keys() == {"scope", "day#what", "deleted|sum"}
