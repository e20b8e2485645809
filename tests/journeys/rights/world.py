"""The local machine for small journeys: triggers are off; methods create and read rows, files and messages."""

import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
from moto.s3.models import S3Backend, s3_backends
from moto.sqs.models import sqs_backends

from chalicelib.actions import ACTIONS, Action
from chalicelib.core import ids
from chalicelib.core.aws.tables import Table
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT, USAGE
from chalicelib.core.settings import Settings
from chalicelib.images import IMAGES, Image, Status
from chalicelib.jobs import leases
from local.accounts import ADMIN
from local.accounts import PASSWORD as LOCAL_PASSWORD
from local.aws import ACCOUNT, REGION
from local.machine import Machine
from local.patching import patch
from tests import pictures
from tests.journeys.user import User

PHOTO = pictures.jpeg(320, 240)
SECRET = "darkroom/local/external-services"
CUSTOMERS = "customers"
_BUCKETS = ("S3_INPUT_BUCKET", "S3_OUTPUT_BUCKET", "ARCHIVE_BUCKET")
_PASSES = ("uploads", "processed", "reports", "exports", "rows")

Item = dict[str, Any]


def ago(**age: float) -> str:
    """The moment that long ago, in the format of rows."""
    return ids.timestamp(datetime.now(UTC) - timedelta(**age))


@dataclass
class World:
    """`ann`, whose id is `user_id`, may export and has one finished image, `photo`; `admin` is an administrator."""

    machine: Machine
    ann: User
    user_id: str
    admin: User
    photo: str

    # ------------------------------------------------------------------- functions

    def invoke(self, name: str, event: Any = None) -> Any:
        """A function's result for the event; it must succeed."""
        result, errored = self.machine.invoke(name, event)
        assert not errored, result
        return result

    def invoke_failing(self, name: str, event: Any = None) -> Any:
        """A function's error for the event; it must fail."""
        error, errored = self.machine.invoke(name, event)
        assert errored, error
        return error

    def setting(self, name: str) -> str:
        return self.machine.environment[name]

    def put_setting(self, name: str, value: str) -> None:
        path = f"/darkroom/local/darkroom/{name}"
        self.machine.client("ssm").put_parameter(Name=path, Type="String", Value=value, Overwrite=True)

    def remove_setting(self, name: str) -> str:
        """Remove a setting from Parameter Store; its value."""
        ssm, path = self.machine.client("ssm"), f"/darkroom/local/darkroom/{name}"
        value: str = ssm.get_parameter(Name=path)["Parameter"]["Value"]
        ssm.delete_parameter(Name=path)
        return value

    @contextmanager
    def secret_value(self, text: str) -> Iterator[None]:
        """Meanwhile the secret of the external services has this value."""
        client = self.machine.client("secretsmanager")
        client.put_secret_value(SecretId=SECRET, SecretString=text)
        try:
            yield
        finally:
            client.put_secret_value(SecretId=SECRET, SecretString="{}")

    # ---------------------------------------------------------------------- queues

    def empty_queue(self, name: str) -> str:
        """Empty one of the stage's queues; its URL."""
        stored = sqs_backends[ACCOUNT][REGION].get_queue(f"darkroom-local-{name}")
        _empty(stored)
        return f"{self.machine.aws_url}/{ACCOUNT}/{stored.name}"

    def take_messages(self, url: str) -> list[Item]:
        """Receive and delete the messages that wait in a queue."""
        sqs = self.machine.client("sqs")
        messages: list[Item] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for each in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return messages

    def let_work_wait(self) -> None:
        """One message in the queue of uploads and one in that of actions, each with its unfinished row."""
        sqs = self.machine.client("sqs")
        self.create_image(Status.UPLOADED)
        self.create_action("PROCESS_FILE", {})
        for queue in ("uploads", "actions"):
            sqs.send_message(QueueUrl=self.empty_queue(queue), MessageBody="{}")

    def queue_event(self, url: str, *bodies: Any) -> Item:
        """Send messages with these bodies to the queue; the event with which Lambda would deliver them."""
        sqs = self.machine.client("sqs")
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        return {"Records": [_queue_record(each) for each in messages]}

    @contextmanager
    def messages_of(self, topic_variable: str) -> Iterator[Callable[[], list[Item]]]:
        """A function that takes the messages that the topic has published since."""
        sqs, sns = self.machine.client("sqs"), self.machine.client("sns")
        url = sqs.create_queue(QueueName=f"listener-{secrets.token_hex(4)}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.setting(topic_variable)
        subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        try:
            yield lambda: [json.loads(json.loads(each["Body"])["Message"]) for each in self.take_messages(url)]
        finally:
            sns.unsubscribe(SubscriptionArn=subscription)
            sqs.delete_queue(QueueUrl=url)

    # ----------------------------------------------------------------------- tables

    def usage_records(self, operation: str, since: str, account: str = SYSTEM_ACCOUNT) -> list[Item]:
        """The usage records of an operation's runs that started at `since` or later."""
        return [each for each in USAGE.between(account, since, "~") if each["operation"] == operation]

    def create_image(self, status: Status = Status.COMPLETED, *, remove: tuple[str, ...] = (), **more: Any) -> Image:
        """A new image of Ann with an original file; `more` sets and `remove` removes attributes of its row."""
        image_id = ids.new_id("img")
        key = f"uploads/{self.user_id}/{image_id}.jpg"
        version = self.put_file("S3_INPUT_BUCKET", key)
        image = Image(
            user_id=self.user_id,
            image_id=image_id,
            file_name="photo.jpg",
            file_type="image/jpeg",
            s3_key=key,
            status=status,
            created_at=ids.now(),
            file_size=len(PHOTO),
            object_version=version,
            uploaded_at=ids.now(),
        )
        item = {name: value for name, value in {**image.to_item(), **more}.items() if value is not None}
        if status in (Status.COMPLETED, Status.FAILED):
            item = {name: value for name, value in item.items() if name not in ("unfinished", "unfinishedSince")}
            item = {"execution": f"{image_id}-1", "processedAt": ids.now(), **item}
        IMAGES.put({name: value for name, value in item.items() if name not in remove})
        return image

    def image_row(self, image: Image) -> Item:
        """An image's row."""
        return item(IMAGES, image.user_id, image.image_id)

    def change_image(self, image: Image, **change: Any) -> None:
        IMAGES.update(image.user_id, image.image_id, change=change)

    def mark_deleted(self, image: Image) -> None:
        """Change the row as a deletion does."""
        self.change_image(image, status=str(Status.DELETED))

    def remove_image(self, image: Image) -> None:
        """Delete the row."""
        IMAGES.delete(image.user_id, image.image_id)

    def create_action(
        self, action_type: str, metadata: Mapping[str, Any], user_id: str | None = None, **more: Any
    ) -> Action:
        """A new action of Ann, or of another user, that has not run yet."""
        action = Action(
            user_id=user_id or self.user_id,
            action_id=ids.new_id("act"),
            action_type=action_type,
            created_at=ids.now(),
            metadata=metadata,
        )
        ACTIONS.put({**action.to_item(), **more})
        return action

    def last_action_at(self) -> str:
        """The time of Ann's last action; "" if there is none."""
        return str(item(USERS, self.user_id).get("lastActionAt", ""))

    def heartbeat(self, schedule: str) -> Item:
        """The heartbeat of a schedule's last run."""
        return item(leases.JOBS, f"beat#{schedule}")

    def forget_sweeper_passes(self) -> None:
        """Let the sweeper's next round start a full pass."""
        for place in _PASSES:
            leases.JOBS.delete(f"sweeper#{place}")

    def clean_up(self) -> None:
        """Remove what journeys left: all queues' messages, and all of Ann's images and actions but her photo."""
        for queue in list(sqs_backends[ACCOUNT][REGION].queues.values()):
            _empty(queue)
        for each in list(IMAGES.between(self.user_id, "0", "~")):
            if each["imageId"] != self.photo:
                IMAGES.delete(self.user_id, each["imageId"])
        for each in list(ACTIONS.between(self.user_id, "0", "~")):
            ACTIONS.delete(self.user_id, each["actionId"])
        for each in list(RECORDS.between(CUSTOMERS, "!", "~")):
            RECORDS.delete(CUSTOMERS, each["recordId"])
        for rows, _ in INBOX.scan(500):
            for each in rows:
                INBOX.delete(each["id"])
        for bucket in _BUCKETS:
            self._empty_bucket(bucket)

    def _empty_bucket(self, variable: str) -> None:
        s3, bucket = self.machine.client("s3"), self.setting(variable)
        for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
            if leftovers := [each for each in objects if not self._is_kept(each["Key"])]:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": leftovers, "Quiet": True})

    def _is_kept(self, key: str) -> bool:
        return self.photo in key or key.startswith(self.setting("FONTS_PREFIX"))

    # ------------------------------------------------------------------------ files

    def put_file(self, bucket: str, key: str, *, age: timedelta | None = None) -> str:
        """Write a file, with an old date if `age` is given; its version."""
        name = self.setting(bucket)
        version = str(self.machine.client("s3").put_object(Bucket=name, Key=key, Body=PHOTO)["VersionId"])
        if age is not None:
            stored = s3_backends[ACCOUNT]["aws"].buckets[name].keys[key]
            stored.last_modified = datetime.now(UTC).replace(tzinfo=None) - age
        return version

    def pdf_text(self, key: str) -> str:
        """The text of a PDF in the output bucket."""
        stored = self.machine.client("s3").get_object(Bucket=self.setting("S3_OUTPUT_BUCKET"), Key=key)
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(stored["Body"].read())).pages)

    def file_keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys of all versions of the files with this prefix."""
        listed = self.machine.client("s3").list_object_versions(Bucket=self.setting(bucket), Prefix=prefix)
        return [each["Key"] for each in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]]

    def unfinished_uploads(self, bucket: str, prefix: str) -> list[str]:
        """The keys of multipart uploads that are neither completed nor aborted."""
        listed = self.machine.client("s3").list_multipart_uploads(Bucket=self.setting(bucket))
        return [each["Key"] for each in listed.get("Uploads", ()) if each["Key"].startswith(prefix)]


USERS = Table(Settings.USERS_TABLE, "userId")
INBOX = Table(Settings.AUDIT_INBOX_TABLE, "id")
RECORDS = Table(Settings.RECORDS_TABLE, "source", "recordId")
SYNCS = Table(Settings.SYNCS_TABLE, "source", "executedAt")


def item(table: Table, partition: str, sort: str | None = None) -> Item:
    """A row that must exist."""
    row = table.get(partition, sort)
    assert row is not None, (table.setting, partition, sort)
    return row


def _empty(queue: Any) -> None:
    # PurgeQueue is allowed only once a minute.
    with queue._messages_lock:
        queue._messages.clear()
        queue._pending_messages.clear()


def _queue_record(message: Mapping[str, Any]) -> Item:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


# ----------------------------------------------------------- something happens at the same time


@contextmanager
def when_written(part: str, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` once, before a file whose key contains `part` is written to S3."""
    with _before(S3Backend, "put_object", lambda bucket, key, *_, **__: part in key, action):
        yield


@contextmanager
def when_listed(prefix: str, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` once, before the versions of files with this prefix are listed."""
    with _before(S3Backend, "list_object_versions", lambda *_, **kwargs: kwargs.get("prefix") == prefix, action):
        yield


@contextmanager
def _before(owner: Any, name: str, matches: Callable[..., bool], action: Callable[[], None]) -> Iterator[None]:
    """Call `action` once, before the first call of a method whose arguments match."""
    original = getattr(owner, name)
    called: list[bool] = []

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not called and matches(*args, **kwargs):
            called.append(True)
            action()
        return original(self, *args, **kwargs)

    patch(owner, name, method)
    try:
        yield
    finally:
        patch(owner, name, original)


# -------------------------------------------------------------------------- fixtures


@contextmanager
def without_triggers(machine: Machine) -> Iterator[None]:
    """All triggers are disabled: messages and stream records that come meanwhile are delivered afterwards."""
    s3, bucket = machine.client("s3"), machine.environment["S3_INPUT_BUCKET"]
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    notifications.pop("ResponseMetadata")
    mappings = machine.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    with ExitStack() as stack:
        for mapping in mappings:
            stack.callback(_enable_mapping, machine, mapping["UUID"], True)
            _enable_mapping(machine, mapping["UUID"], False)
        stack.callback(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=notifications)
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        yield


def _enable_mapping(machine: Machine, mapping: str, enabled: bool) -> None:
    machine.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=enabled)


def empty_tables(machine: Machine) -> None:
    """Empty the tables that scheduled jobs read completely."""
    dynamodb = machine.client("dynamodb")
    for table in (IMAGES, ACTIONS, RECORDS, SYNCS):
        # BatchWriteItem takes 25 at most.
        for rows, _ in table.scan(25):
            keys = [{name: {"S": each[name]} for name in (table.partition, str(table.sort))} for each in rows]
            if keys:
                requests = [{"DeleteRequest": {"Key": key}} for key in keys]
                dynamodb.batch_write_item(RequestItems={table.name: requests})


def create_world(machine: Machine) -> World:
    """A world whose users are created through the API."""
    admin = User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    admin.sign_in()
    ann = User.new(machine.api_url)
    user_id = ann.id
    assert admin.request("PATCH", f"/admin/users/{user_id}", json={"canExportData": True}).status_code == 200
    photo = ann.upload(PHOTO)
    assert ann.finished(photo)["status"] == "COMPLETED"
    return World(machine, ann, user_id, admin, photo)
