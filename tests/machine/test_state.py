"""What the machine holds outlives its runs: accounts, images, keys, actions, the trail, and what users never see."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from infra.settings import LOCAL_STAGE, environment_of, with_stage
from tests import pictures
from tests.machine.running_machine import RunningMachine, Session, running
from tests.waiting import wait_for

_BUCKET = "darkroom-local-output-machine"
_QUEUE = "darkroom-local-actions-dead"


@dataclass
class Kept:
    """What the first run has left: answers of its API and of its AWS."""

    folder: Path
    session: Session
    key: str
    image_id: str
    answers: dict[str, Any]
    receipt: str


def _client(machine: RunningMachine, service: str) -> Any:
    environment = environment_of(with_stage(LOCAL_STAGE), LOCAL_STAGE, "api_handler")
    return boto3.client(
        service,
        endpoint_url=machine.lines[1].split()[-1],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}, proxies={}),
    )


def _answers(machine: RunningMachine, session: Session) -> dict[str, Any]:
    """What must be the same in every run."""
    image = session.call("GET", "/images")["items"][0]
    s3 = _client(machine, "s3")
    versions = s3.list_object_versions(Bucket=_BUCKET, Prefix="notes/")
    return {
        "profile": session.call("GET", "/auth/profile"),
        "image": {name: image[name] for name in ("imageId", "status", "fileName", "title", "tags")},
        "actions": [(each["actionId"], each["status"]) for each in session.call("GET", "/actions")["items"]],
        "keys": session.call("GET", "/keys"),
        "versions": [(each["VersionId"], each["ETag"], each["IsLatest"]) for each in versions["Versions"]],
        "markers": [(each["VersionId"], each["IsLatest"]) for each in versions["DeleteMarkers"]],
        "type": s3.head_object(Bucket=_BUCKET, Key="notes/a", VersionId=versions["Versions"][0]["VersionId"])[
            "ContentType"
        ],
        "parameter": _client(machine, "ssm").get_parameter(Name="/darkroom/local/darkroom/WATERMARK_TEXT")["Parameter"][
            "Value"
        ],
        "secret": _client(machine, "secretsmanager").get_secret_value(SecretId="darkroom/local/external-services")[
            "SecretString"
        ],
    }


def _make_everything(machine: RunningMachine, session: Session) -> tuple[str, str, str]:
    image_id = session.upload(pictures.jpeg())
    wait_for(lambda: session.image(image_id)["status"] == "COMPLETED", "the image", 60)
    session.call("PATCH", f"/images/{image_id}", title="The sea", tags=["kept"])
    action = session.call("POST", "/actions/process", fileId=image_id, processingType="analyze")["jobId"]
    wait_for(lambda: session.call("GET", f"/actions/{action}")["action"]["status"] == "COMPLETED", "the action", 60)
    key = session.call("POST", "/keys", name="script", accessTypes=["full_access"])["key"]
    s3 = _client(machine, "s3")
    for content in (b"first", b"second"):
        s3.put_object(Bucket=_BUCKET, Key="notes/a", Body=content, ContentType="text/plain")
    s3.delete_object(Bucket=_BUCKET, Key="notes/a")
    _client(machine, "ssm").put_parameter(
        Name="/darkroom/local/darkroom/WATERMARK_TEXT", Value="by hand", Type="String", Overwrite=True
    )
    _client(machine, "secretsmanager").put_secret_value(
        SecretId="darkroom/local/external-services", SecretString=json.dumps({"source_api_key": "by hand"})
    )
    sqs = _client(machine, "sqs")
    url = sqs.get_queue_url(QueueName=_QUEUE)["QueueUrl"]
    for text in ("waits", "is received"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    (received,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]
    return image_id, str(key), received["ReceiptHandle"]


def _audited(session: Session) -> set[str]:
    """The operations of which the trail has entries today."""
    return {each["operation"] for each in session.call("GET", "/admin/audit")["items"]}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A folder that a run has left, which Ctrl-C ended."""
    folder = tmp_path_factory.mktemp("state")
    with running(folder) as (machine, url):
        session = Session(url)
        image_id, key, receipt = _make_everything(machine, session)
        answers = _answers(machine, session)
        assert machine.interrupt() == 0
    return Kept(folder, session, key, image_id, answers, receipt)


def test_everything_is_there_in_the_next_run(kept: Kept) -> None:
    with running(kept.folder) as (machine, url):
        # The token is that of the first run, on another port.
        assert url != kept.session.url
        kept.session.url = url
        assert _answers(machine, kept.session) == kept.answers
        own = {"Authorization": f"Bearer {kept.key}"}
        assert requests.get(f"{url}/images/{kept.image_id}", headers=own, timeout=30).status_code == 200
        # Links are made for this run's port.
        variant = kept.session.image(kept.image_id)["variants"][0]
        assert len(requests.get(variant["url"], timeout=30).content) == variant["fileSize"]
        # What the first run's stream had not delivered yet is delivered by this one.
        wait_for(lambda: {"sign_in", "create_key", "process_file"} <= _audited(kept.session), "the trail", 60)
        # A receipt stays valid, and a message that waits is still there.
        sqs = _client(machine, "sqs")
        queue = sqs.get_queue_url(QueueName=_QUEUE)["QueueUrl"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=kept.receipt)
        (left,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
        assert left["Body"] in ("waits", "is received")
        # What is deleted is gone from the disk, too.
        digest = hashlib.sha256(pictures.jpeg()).hexdigest()
        original = kept.folder / "objects" / digest[:2] / digest
        assert original.read_bytes() == pictures.jpeg()
        kept.session.call("DELETE", f"/images/{kept.image_id}")
        wait_for(lambda: not original.exists(), "the file is removed")


@pytest.mark.slow
def test_fresh_begins_anew_and_puts_the_old_state_aside(kept: Kept) -> None:
    with running(kept.folder, "--fresh", "--no-fake-api") as (machine, url):
        assert Session(url).call("GET", "/images")["items"] == []
        assert any(f"{kept.folder}/previous" in line for line in machine.lines)
    assert (kept.folder / "previous" / "documents.sqlite").exists()
