"""Fills a stage through its public address and functions: rows of every kind and status, and unfinished work."""

import functools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from local.fake_api import FakeApi
from tests import pictures
from tests.deploy.expected import STREAMS
from tests.deploy.upgrade.stage import Answer, Person, Stage, fetched, send
from tests.deploy.upgrade.triggers import Triggers
from tests.journeys.receiver import Receiver
from tests.waiting import wait_for

# By the step of an execution: the call of Step Functions to block there.
HELD = {
    "PROCESSING, at Resize": r"lambda POST .*darkroom-dev-resize.*/invocations",
    "PROCESSING, at Watermark": r"lambda POST .*darkroom-dev-watermark.*/invocations",
}

_PICTURE = pictures.jpeg(320, 240)


@dataclass
class Filled:
    """The created data, and the responses about it."""

    stage: Stage
    triggers: Triggers
    ann: Person
    root: Person
    # The user whose account is erased after the upgrade.
    zed: Person
    # An image's id by status; for statuses that do not last, the images in progress.
    images: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    # The responses to the creation and the rotation of a key.
    keys: dict[str, Answer] = field(default_factory=dict)
    # By Idempotency-Key: the path, the body, the response.
    repeats: dict[str, tuple[str, Answer, Answer]] = field(default_factory=dict)
    # By status: the response to POST /upload, with the presigned request.
    announced: dict[str, Answer] = field(default_factory=dict)
    # A link to a variant, and its content.
    link: str = ""
    variant: bytes = b""
    webhook_secret: str = ""
    # By path: the responses about old rows.
    told: dict[str, Answer] = field(default_factory=dict)
    in_flight: dict[str, int] = field(default_factory=dict)


def begin(stage: Stage) -> Filled:
    """The first users, one of them an administrator."""
    ann, root, zed = (Person(stage, f"{name}@example.com").sign_up() for name in ("ann", "root", "zed"))
    make_administrator(root)
    return Filled(stage, Triggers(stage), ann, root, zed)


def begin_again(filled: Filled) -> Filled:
    """Two more users of a stage with data. Its administrator stays."""
    eve, max_ = (Person(filled.stage, f"{name}@example.com").sign_up() for name in ("eve", "max"))
    filled.root.sign_in()
    return Filled(filled.stage, filled.triggers, eve, filled.root, max_)


def fill(filled: Filled, receiver: Receiver, fake_api: FakeApi) -> None:
    """Creates one of everything, and leaves some work in progress."""
    filled.root.ok("PATCH", f"/admin/users/{filled.ann.id}", {"canExportData": True})
    name_webhook(filled, receiver)
    make_images(filled)
    make_actions(filled)
    make_keys(filled)
    make_accounts_end(filled)
    sync(filled.stage, fake_api)
    filled.triggers.run_dry()
    filled.told = told(filled)
    leave_in_flight(filled)


# ---------------------------------------------------------------------------------- rows


def make_administrator(person: Person) -> None:
    """Writes to the table, as operators did in version 0.1.0."""
    person.stage.aws.client("dynamodb").update_item(
        TableName="darkroom-dev-users",
        Key={"userId": {"S": person.id}},
        UpdateExpression="SET #role = :role",
        ExpressionAttributeNames={"#role": "role"},
        ExpressionAttributeValues={":role": {"S": "ADMIN"}},
    )


def name_webhook(filled: Filled, receiver: Receiver) -> None:
    change = {"name": "Ann", "preferences": {"webhook": {"url": receiver.url}}}
    filled.webhook_secret = filled.ann.ok("PATCH", "/auth/profile", change)["profile"]["webhookSecret"]


def make_images(filled: Filled) -> None:
    """COMPLETED, FAILED, PENDING, and a COMPLETED one that is deleted later."""
    ann = filled.ann
    for status, data in (("COMPLETED", _PICTURE), ("DELETED", _PICTURE), ("FAILED", b"no picture")):
        filled.announced[status] = ann.announce(f"{status}.jpg")
        assert send(filled.announced[status], data) == 200
        filled.images[status] = filled.announced[status]["imageId"]
    filled.images["of zed"] = filled.zed.upload(_PICTURE, "zed.jpg")
    arrived(filled, "COMPLETED", "DELETED", "FAILED", "of zed")
    finish(filled)
    body = {"fileName": "PENDING.jpg", "fileType": "image/jpeg"}
    filled.announced["PENDING"] = idempotent(filled, "the-upload", "/upload", body)
    filled.images["PENDING"] = filled.announced["PENDING"]["imageId"]
    variant = ann.image(filled.images["COMPLETED"])["variants"][0]
    filled.link, filled.variant = variant["url"], fetched(variant["url"])


def idempotent(filled: Filled, key: str, path: str, body: Answer) -> Answer:
    """A request of Ann's under an Idempotency-Key, to be sent again later."""
    answer = filled.ann.ok("POST", path, body, Idempotency_Key=key)
    filled.repeats[key] = (path, body, answer)
    return answer


def make_actions(filled: Filled) -> None:
    """COMPLETED by the API, and FAILED by the worker, because the image was deleted."""
    ann, images, actions = filled.ann, filled.images, filled.actions
    resize = {"fileId": images["COMPLETED"], "processingType": "resize", "options": {"width": 100}}
    actions["COMPLETED"] = idempotent(filled, "the-action", "/actions/process", resize)["jobId"]
    today = datetime.now(UTC).date().isoformat()
    report = {"reportType": "usage", "dateRange": {"start": today, "end": today}}
    actions["of a report"] = filled.root.ok("POST", "/actions/report", report)["reportId"]
    export = {"dataTypes": ["profile", "files"], "format": "json"}
    actions["of an export"] = ann.ok("POST", "/actions/export", export)["exportId"]
    actions["FAILED"] = ann.ok("POST", "/actions/process", to_avif(images["DELETED"]))["jobId"]
    ann.ok("DELETE", f"/images/{images['DELETED']}")
    assert filled.triggers.deliver("actions") == 1
    assert ann.action(actions["FAILED"])["status"] == "FAILED"


def to_avif(image_id: str) -> Answer:
    """Work for the queue."""
    return {"fileId": image_id, "processingType": "convert", "options": {"format": "avif"}}


def make_keys(filled: Filled) -> None:
    """A rotated key, with a secret in its grace period."""
    made = filled.ann.ok("POST", "/keys", {"name": "machine", "accessTypes": ["file_upload"]})
    filled.keys = {"replaced": made, "current": filled.ann.ok("POST", f"/keys/{made['keyId']}/rotate", {})}


def make_accounts_end(filled: Filled) -> None:
    """Creates data of every kind for the account that will be erased."""
    zed = filled.zed
    gone = zed.upload(_PICTURE, "gone.jpg")
    zed.ok("DELETE", f"/images/{gone}")
    made = zed.ok("POST", "/keys", {"name": "zed", "accessTypes": ["file_upload"]})
    zed.ok("POST", f"/keys/{made['keyId']}/rotate", {})
    zed.ok("POST", "/actions/process", {"fileId": filled.images["of zed"], "processingType": "analyze"})
    filled.actions["of zed"] = zed.ok("POST", "/actions/process", to_avif(filled.images["of zed"]))["jobId"]
    assert filled.triggers.deliver("actions") == 1


def sync(stage: Stage, fake_api: FakeApi) -> None:
    """A run of the nightly sync; its result is in the list of syncs."""
    secret = json.dumps({"source_api_key": fake_api.api_key})
    stage.aws.client("secretsmanager").put_secret_value(SecretId="darkroom/dev/external-services", SecretString=secret)
    answer, fault = stage.invoke("nightly_sync", {})
    assert fault is None, answer


def arrived(filled: Filled, *names: str) -> None:
    """Waits until S3's events of these uploads were handled."""

    def look() -> bool:
        rows = {row["imageId"]["S"]: row["status"]["S"] for row in filled.stage.rows("images")}
        return all(rows[filled.images[name]] != "PENDING" for name in names)

    wait_for(look, f"the uploads of {names}", every=0.1)


def finish(filled: Filled) -> None:
    """Waits until everything has ended."""
    for held in filled.stage.aws.held():
        filled.stage.aws.release(held)

    filled.triggers.run_dry()
    wait_for(lambda: not filled.stage.executions("RUNNING"), "the end of all executions", within=120, every=0.1)
    # Stream records of the executions.
    filled.triggers.run_dry()


# --------------------------------------------------------------------------- in progress


def leave_in_flight(filled: Filled) -> None:
    """Messages in both queues, executions that wait for their next step, and records in all streams."""
    ann, images = filled.ann, filled.images
    filled.actions["PENDING"] = ann.ok("POST", "/actions/process", to_avif(images["COMPLETED"]))["jobId"]
    for name, held in HELD.items():
        filled.stage.aws.hold(held)
        images[name] = ann.upload(_PICTURE, f"{name}.jpg")
        arrived(filled, name)
        assert filled.triggers.deliver("uploads") == 1
        wait_for(functools.partial(is_held, filled, held), f"the call that is held: {held}")
    images["UPLOADED"] = ann.upload(_PICTURE, "UPLOADED.jpg")
    arrived(filled, "UPLOADED")
    filled.in_flight = in_flight(filled)


def is_held(filled: Filled, call: str) -> bool:
    return call in filled.stage.aws.held()


def in_flight(filled: Filled) -> dict[str, int]:
    """The number of unfinished work items by kind."""
    stage, triggers = filled.stage, filled.triggers
    return {
        "messages in the queue uploads": stage.waiting("uploads"),
        "messages in the queue actions": stage.waiting("actions"),
        **{f"records of the stream of {function}": len(triggers.behind(function)) for function in STREAMS},
        **{f"executions, {name}": int(held in stage.aws.held()) for name, held in HELD.items()},
        "executions that run": len(stage.executions("RUNNING")),
        "presigned requests of uploads that nobody has used yet": 1,
        "secrets of an API key in their grace": 1,
        "answers kept for their Idempotency-Key": len(filled.repeats),
    }


# ----------------------------------------------------------------------------- responses


def told(filled: Filled) -> dict[str, Answer]:
    """The current responses of all reading routes about these rows."""
    ann, root = filled.ann, filled.root
    images = [filled.images[name] for name in ("COMPLETED", "FAILED", "PENDING")]
    actions = [filled.actions[name] for name in ("COMPLETED", "FAILED", "of an export")]
    paths = ["/auth/profile", "/keys", *(f"/images/{each}" for each in images)]
    answers = {path: ann.ok("GET", path) for path in [*paths, *(f"/actions/{each}" for each in actions)]}
    for path in ("/admin/syncs", "/admin/users"):
        answers[path] = root.ok("GET", path)
    return answers
