"""How long data is kept: records become inactive and move to S3, and uploads that never arrive expire."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import ids
from chalicelib.core.deadline import Deadline
from chalicelib.images import IMAGES
from chalicelib.jobs import leases, retention, runner
from chalicelib.jobs.sync.sync_records import ACTIVE, BY_LIFECYCLE, CUSTOMERS, RECORDS
from chalicelib.metering import daily_sums
from local.machine import Machine
from tests import pictures
from tests.journeys.user import User
from tests.waiting import wait_for

NOW = datetime(2030, 6, 2, 3, tzinfo=UTC)


def clean_up(options: dict[str, Any], now: datetime, deadline: Deadline | None = None) -> dict[str, Any]:
    return runner.run(retention.CLEAN_UP, options, now=now, deadline=deadline)


def archive_quarter(options: dict[str, Any], now: datetime) -> dict[str, Any]:
    return runner.run(retention.ARCHIVE, options, now=now)


@pytest.fixture(autouse=True)
def no_records(function: pytest.MonkeyPatch) -> Iterator[None]:
    """Empties the table of records, before and after."""
    _remove_all()
    yield
    _remove_all()


def _remove_all() -> None:
    for item in list(RECORDS.between(CUSTOMERS, "!", "\U0010ffff")):
        RECORDS.delete(CUSTOMERS, item["recordId"])


def plant(record_id: str, written: datetime, **more: Any) -> dict[str, Any]:
    """Stores a customer as a sync at that time would."""
    at = ids.timestamp(written)
    item = {
        "source": CUSTOMERS,
        "recordId": record_id,
        "data": ids.to_json({"id": record_id, "name": f"Ünsal {record_id}"}),
        "createdAt": at,
        "updatedAt": at,
        "processedAt": at,
        "isActive": True,
        "lifecycle": ACTIVE,
        "since": at,
        **more,
    }
    RECORDS.put(item)
    return item


def found(record_id: str) -> dict[str, Any] | None:
    return RECORDS.get(CUSTOMERS, record_id)


def old(**age: float) -> datetime:
    return NOW - timedelta(**age)


def of_records(answer: dict[str, Any]) -> dict[str, int]:
    """What a round counted of sync records: other journeys may have left uploads that never arrived."""
    return {name: number for name, number in answer["counts"].items() if name.startswith("records")}


# ---------------------------------------------------------------------------- expiry


def test_records_not_synced_for_thirty_days_become_inactive_and_are_kept() -> None:
    plant("young", old(days=29, hours=23))
    plant("aged", old(days=30, seconds=1))
    answer = clean_up({}, NOW)
    assert (answer["status"], of_records(answer)) == ("success", {"recordsExpired": 1})
    assert (young := found("young")) is not None
    assert young["isActive"] is True
    assert (aged := found("aged")) is not None
    assert (aged["isActive"], aged["archivedAt"]) == (False, ids.timestamp(NOW))
    assert aged["data"] == ids.to_json({"id": "aged", "name": "Ünsal aged"}), "its data is kept"
    assert of_records(clean_up({}, NOW)) == {}, "nothing is left to do"


def test_the_number_of_days_is_a_setting(function: pytest.MonkeyPatch) -> None:
    plant("c1", old(days=2))
    function.setenv("KEEP_RECORDS_DAYS", "1")
    assert of_records(clean_up({}, NOW)) == {"recordsExpired": 1}


def test_a_record_that_a_sync_wrote_meanwhile_stays_active(function: pytest.MonkeyPatch) -> None:
    plant("c1", old(days=40))
    stale = [dict(each) for each in BY_LIFECYCLE.between(ACTIVE, "0", "9")]
    fresh = plant("c1", old(days=1))
    function.setattr(type(BY_LIFECYCLE), "between", lambda table, *_: iter(stale if table == BY_LIFECYCLE else ()))
    assert of_records(clean_up({}, NOW)) == {}
    assert found("c1") == fresh


def test_a_dry_run_counts_the_same_and_changes_nothing() -> None:
    planted = [plant(f"c{place:03}", old(days=31)) for place in range(7)]
    dry = clean_up({"dryRun": True}, NOW)
    assert [found(each["recordId"]) for each in planted] == planted
    wet = clean_up({}, NOW)
    assert of_records(dry) == of_records(wet) == {"recordsExpired": 7}


def test_a_round_cut_off_by_time_is_continued_by_the_next() -> None:
    for place in range(25):
        plant(f"c{place:03}", old(days=60 - place))
    # The clock is read once for the lease and once for each record: time is over after the first ten.
    moments = iter([0.0] * 11)
    cut = clean_up({}, NOW, Deadline(1.0, clock=lambda: next(moments, 10_000.0)))
    assert (cut["isComplete"], of_records(cut)) == (False, {"recordsExpired": 10})
    assert (found("c009") or {})["isActive"] is False, "the oldest come first"
    assert (found("c010") or {})["isActive"] is True
    assert of_records(clean_up({}, NOW)) == {"recordsExpired": 15}


def test_a_round_is_skipped_while_another_runs() -> None:
    with leases.lease("weekly_cleanup", 60) as lease:
        assert lease is not None
        assert clean_up({}, NOW) == {"status": "skipped"}


# --------------------------------------------------------------------------- archive


def in_archive(machine: Machine) -> list[dict[str, Any]]:
    """Every line of every file, oldest file first."""
    s3, bucket = machine.client("s3"), machine.environment["ARCHIVE_BUCKET"]
    lines: list[dict[str, Any]] = []
    for each in s3.list_objects_v2(Bucket=bucket, Prefix="records/").get("Contents", ()):
        body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        lines += [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
    return lines


@pytest.fixture
def empty_archive(machine: Machine) -> None:
    s3, bucket = machine.client("s3"), machine.environment["ARCHIVE_BUCKET"]
    for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=each["Key"])


@pytest.mark.usefixtures("empty_archive")
def test_inactive_records_move_to_s3_as_json_lines(machine: Machine, function: pytest.MonkeyPatch) -> None:
    function.setattr(retention, "_FILE_RECORDS", 20)
    for place in range(45):
        plant(f"c{place:04}", old(days=90))
    plant("active", old(days=1))
    clean_up({}, old(days=31))
    plant("back", old(days=90))
    clean_up({}, old(days=29))

    dry = archive_quarter({"dryRun": True}, NOW)
    assert dry["counts"] == {"recordsArchived": 45, "filesWritten": 3}
    assert in_archive(machine) == []
    wet = archive_quarter({}, NOW)
    assert wet["counts"].pop("bytesWritten") > 0
    assert wet["counts"] == dry["counts"]

    lines = in_archive(machine)
    assert sorted(line["recordId"] for line in lines) == [f"c{place:04}" for place in range(45)]
    assert lines[0]["data"]["name"].startswith("Ünsal c0")
    assert lines[0]["archivedAt"] == ids.timestamp(old(days=31))
    assert lines[0]["isActive"] is False
    assert {item["recordId"] for item in RECORDS.between(CUSTOMERS, "!", "~")} == {"active", "back"}


@pytest.mark.usefixtures("empty_archive")
def test_a_round_killed_between_file_and_deletion_loses_no_record(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        plant(name, old(days=90))
    clean_up({}, old(days=40))
    with function.context() as broken:
        broken.setattr(retention, "_delete_unchanged", lambda entry: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            archive_quarter({}, NOW)
    assert found("a") is not None
    archive_quarter({}, NOW)
    assert found("a") is found("b") is None
    assert sorted(line["recordId"] for line in in_archive(machine)) == ["a", "b"], "the same file was written again"


@pytest.mark.usefixtures("empty_archive")
def test_records_of_a_partly_deleted_file_stay_in_the_archive(machine: Machine, function: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        plant(name, old(days=90))
    clean_up({}, old(days=40))
    deleted = retention._delete_unchanged

    def all_but_the_first(entry: dict[str, Any]) -> bool:
        if entry["recordId"] == "a":
            raise ConnectionError
        return deleted(entry)

    with function.context() as broken:
        broken.setattr(retention, "_delete_unchanged", all_but_the_first)
        archive_quarter({}, NOW)
    assert found("a") is not None
    assert found("b") is found("c") is None
    archive_quarter({}, NOW + timedelta(minutes=1))
    assert found("a") is None
    assert {line["recordId"] for line in in_archive(machine)} == {"a", "b", "c"}


@pytest.mark.usefixtures("empty_archive")
def test_if_the_file_cannot_be_written_no_record_is_deleted(machine: Machine, function: pytest.MonkeyPatch) -> None:
    plant("a", old(days=90))
    clean_up({}, old(days=40))
    function.setenv("ARCHIVE_BUCKET", "no-such-bucket")
    with pytest.raises(ExceptionGroup):
        archive_quarter({}, NOW)
    assert found("a") is not None


def test_without_an_archive_bucket_inactive_records_are_kept(function: pytest.MonkeyPatch) -> None:
    plant("a", old(days=90))
    clean_up({}, old(days=40))
    function.setenv("ARCHIVE_BUCKET", "")
    assert archive_quarter({}, NOW)["status"] == "skipped"
    assert found("a") is not None


def test_the_deployed_functions_run_the_jobs(machine: Machine) -> None:
    plant("a", datetime.now(UTC) - timedelta(days=31))
    dry, errored = machine.invoke("weekly_cleanup", {"operation": "cleanup", "dryRun": True})
    assert not errored, dry
    assert (dry["dryRun"], dry["counts"]["recordsExpired"]) == (True, 1)
    answer, errored = machine.invoke("weekly_cleanup")
    assert not errored, answer
    assert answer["counts"]["recordsExpired"] == 1
    for name in ("quarterly_archive", "sweeper"):
        answer, errored = machine.invoke(name, {"dryRun": True})
        assert not errored, answer


# --------------------------------------------------------------------------- uploads


def test_an_upload_that_never_arrived_expires_a_day_after_its_link(ann: User, machine: Machine) -> None:
    image_id = ann.announce(b"", name="never.jpg")["imageId"]
    at = datetime.now(UTC)
    clean_up({}, at + timedelta(hours=24, minutes=59))
    assert ann.image(image_id)["status"] == "PENDING"
    dry = clean_up({"dryRun": True}, at + timedelta(hours=25, minutes=1))
    assert ann.image(image_id)["status"] == "PENDING"
    wet = clean_up({}, at + timedelta(hours=25, minutes=1))
    assert wet["counts"]["uploadsExpired"] == dry["counts"]["uploadsExpired"] >= 1
    assert ann.get(f"/images/{image_id}").status_code == 404
    row = IMAGES.get(ann.id, image_id)
    assert row is not None
    assert "ttl" in row, "DynamoDB deletes the rest of the row later"
    wait_for(lambda: machine.records_waiting("image_changes") == 0, "the stream to be read")
    day = at.date().isoformat()
    assert "deleted" not in {what for _, what, _ in daily_sums.read_rows(ann.id, day, day)}, "nobody deleted anything"


def test_an_upload_whose_arrival_was_missed_is_processed(ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    ann.finished(image_id)
    since = ids.now()
    IMAGES.update(
        ann.id,
        image_id,
        change={"status": "PENDING", "unfinished": "PENDING", "unfinishedSince": since},
        remove=["objectVersion", "execution", "variants", "uploadedAt"],
    )
    answer = clean_up({}, datetime.now(UTC) + timedelta(hours=26))
    assert answer["counts"]["uploadsTaken"] == 1
    assert ann.finished(image_id)["status"] == "COMPLETED"
