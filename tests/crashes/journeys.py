"""What users do, and what runs by itself: each journey is a clean run whose every call is broken in turn."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests import pictures
from tests.crashes.stage import Prepare, Stage

Play = Callable[[Stage, Any], Any]
PHOTO = pictures.jpeg(96, 64)


def _nothing(stage: Stage) -> None:
    return None


@dataclass(frozen=True)
class Journey:
    """`play` is broken; what `prepare` does before is not, and its result is handed to `play`.

    With `is_external`, an external service does the actions. `next_run` is a job that runs again, days later.
    """

    play: Play
    prepare: Prepare = _nothing
    is_external: bool = False
    next_run: tuple[str, float] | None = None


def upload(stage: Stage, _: Any = None) -> str:
    """A picture is announced, sent and processed; its id."""
    announced = stage.client.call("POST", "/upload", fileName="photo.jpg", fileType="image/jpeg")
    stage.client.send_file(announced, PHOTO)
    return str(announced["imageId"])


def repeat_upload(stage: Stage, _: None) -> None:
    """A program that has forgotten the answer sends the same again, and gets the same image."""
    request: dict[str, Any] = {"fileName": "photo.jpg", "fileType": "image/jpeg", "key": str(uuid.uuid4())}
    announced, again = (stage.client.call("POST", "/upload", **request) for _turn in range(2))
    assert announced["imageId"] == again["imageId"]
    stage.client.send_file(again, PHOTO)


def _uploaded(stage: Stage) -> str:
    image_id = upload(stage)
    stage.settle()
    return image_id


def reprocess(stage: Stage, image_id: str) -> None:
    """A finished picture is processed once more."""
    stage.client.call("POST", f"/images/{image_id}/reprocess")


def delete(stage: Stage, image_id: str) -> None:
    """A finished picture is deleted. 404: an earlier try has deleted it."""
    stage.client.call("DELETE", f"/images/{image_id}", allow=(404,))


def delete_in_pipeline(stage: Stage, _: None) -> None:
    """A picture is deleted while its last step writes: before the last of its files."""
    announced = stage.client.call("POST", "/upload", fileName="photo.jpg", fileType="image/jpeg")
    image_id = str(announced["imageId"])
    stage.door.at("watermark", "PutObject", 3, lambda: delete(stage, image_id))
    stage.client.send_file(announced, PHOTO)


# ---------------------------------------------------------------------------- actions


def _process(**request: Any) -> Play:
    """A finished picture is processed: at once if that is quick, by the queue's worker if not."""

    def play(stage: Stage, image_id: str) -> None:
        stage.client.call("POST", "/actions/process", fileId=image_id, **request)

    return play


def report(stage: Stage, _: Any) -> None:
    """An administrator asks for a report of a month."""
    days = {"start": "2026-01-01", "end": "2026-01-31"}
    stage.admin.call("POST", "/actions/report", reportType="usage", dateRange=days, formats=["csv", "json"])


def export(stage: Stage, _: Any) -> None:
    """A user exports all that is stored of them."""
    stage.client.call("POST", "/actions/export", dataTypes=["profile", "activities", "files"], format="csv")


def external(stage: Stage, _: Any) -> None:
    """An external service does the work; the user looks until it is done."""
    action = stage.client.call("POST", "/actions/custom", actionType="TRANSLATE", payload={"text": "Guten Tag"})
    for _look in range(5):
        shown = stage.client.call("GET", f"/actions/{action['actionId']}")
        if shown["action"]["status"] != "PENDING":
            break


# ---------------------------------------------------------------------------- accounts


def _full_account(stage: Stage) -> str:
    image_id = _uploaded(stage)
    stage.client.call("POST", "/keys", name="a key", accessTypes=["exports"])
    stage.client.call("POST", "/actions/process", fileId=image_id, processingType="analyze")
    return image_id


def erase(stage: Stage, _: Any = None) -> None:
    """A user erases their account. 401: an earlier try has erased it."""
    stage.client.call("DELETE", "/auth/profile", allow=(401,))


def erase_in_pipeline(stage: Stage, _: None) -> None:
    """A user erases their account while the last step of a picture writes."""
    announced = stage.client.call("POST", "/upload", fileName="photo.jpg", fileType="image/jpeg")
    stage.door.at("watermark", "PutObject", 3, lambda: erase(stage))
    stage.client.send_file(announced, PHOTO)


def sign_out(stage: Stage, _: None) -> None:
    """A user ends all sessions. 401: an earlier try has ended them."""
    stage.client.call("POST", "/auth/signout", allow=(401,))


def reset_password(stage: Stage, _: None) -> None:
    """A user has forgotten the password. 400: an earlier try has used the code."""
    email = stage.client.email
    stage.client.call("POST", "/auth/forgot-password", email=email)
    stage.client.call(
        "POST", "/auth/reset-password", email=email, code="123456", password="Another-Day-2026!", allow=(400,)
    )


def _issued_key(stage: Stage) -> str:
    return str(stage.client.call("POST", "/keys", name="a key", accessTypes=["exports"])["keyId"])


def rotate_key(stage: Stage, key_id: str) -> None:
    """An API key gets a new secret, and the old one ends."""
    stage.client.call("POST", f"/keys/{key_id}/rotate", graceSeconds=0)


def change_rights(stage: Stage, _: None) -> None:
    """An administrator changes a user's rights, which stands in the audit trail."""
    stage.admin.call("PATCH", f"/admin/users/{stage.user_id}", canExportData=False)


def look(stage: Stage, _: None) -> None:
    """A user looks at their images, several times: only usage records come of it."""
    for _turn in range(3):
        stage.client.call("GET", "/images")


# ---------------------------------------------------------------------------- jobs


def _job(name: str, days: float = 0.0) -> Play:
    """A scheduled job runs, so many days later."""

    def play(stage: Stage, _: Any) -> None:
        stage.advance(days * 86_400.0)
        stage.run_job(name)

    return play


def _synced(stage: Stage) -> None:
    """Customers, and an announcement whose file never came."""
    stage.run_job("nightly_sync")
    stage.client.call("POST", "/upload", fileName="photo.jpg", fileType="image/jpeg")


def _expired(stage: Stage) -> None:
    stage.run_job("nightly_sync")
    stage.advance(40 * 86_400.0)
    stage.run_job("weekly_cleanup")


def _disordered(stage: Stage) -> None:
    """A picture one of whose files is lost, and a file of no picture."""
    image_id = _uploaded(stage)
    s3, bucket = stage.machine.client("s3"), stage.machine.environment["S3_OUTPUT_BUCKET"]
    s3.delete_object(Bucket=bucket, Key=f"processed/{stage.user_id}/{image_id}-small.jpg")
    s3.put_object(Bucket=bucket, Key=f"processed/{stage.user_id}/img_gone-small.jpg", Body=PHOTO)


JOURNEYS: Mapping[str, Journey] = MappingProxyType(
    {
        "upload": Journey(upload),
        "repetition": Journey(repeat_upload),
        "reprocess": Journey(reprocess, _uploaded),
        "deletion": Journey(delete, _uploaded),
        "deletion_in_pipeline": Journey(delete_in_pipeline),
        "resizing": Journey(_process(processingType="resize", options={"width": 32}), _uploaded),
        "conversion": Journey(_process(processingType="convert", options={"format": "avif"}), _uploaded),
        "analysis": Journey(_process(processingType="analyze"), _uploaded),
        "report": Journey(report),
        "export": Journey(export, _uploaded),
        "external_action": Journey(external, is_external=True),
        "erasure": Journey(erase, _full_account),
        "erasure_in_pipeline": Journey(erase_in_pipeline),
        "sign_out": Journey(sign_out),
        "password_reset": Journey(reset_password),
        "key_rotation": Journey(rotate_key, _issued_key),
        "audit": Journey(change_rights),
        "sums": Journey(look),
        "sync": Journey(_job("nightly_sync"), next_run=("nightly_sync", 1)),
        "clean_up": Journey(_job("weekly_cleanup", days=40), _synced, next_run=("weekly_cleanup", 7)),
        "archive": Journey(_job("quarterly_archive", days=100), _expired, next_run=("quarterly_archive", 91)),
        # It goes over all files once a day.
        "sweep": Journey(_job("sweeper", days=3), _disordered, next_run=("sweeper", 1)),
        # After an outage that was longer than Lambda's retries, an operator runs it by hand (docs/operations.md).
        "monthly_report": Journey(_job("monthly_report"), next_run=("monthly_report", 0)),
    }
)
