"""The machine as small journeys want it: quiet, so that what runs is what they run; and what they plant and look up."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.s3.models import S3Backend, s3_backends
from moto.sqs.models import sqs_backends

from chalicelib.actions import ACTIONS, Action
from chalicelib.core import ids
from chalicelib.core.aws.tables import Table
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT, USAGE
from chalicelib.images import IMAGES, Image, Status
from chalicelib.jobs import leases
from local.accounts import ADMIN
from local.accounts import PASSWORD as LOCAL_PASSWORD
from local.cloud import ACCOUNT, REGION
from local.machine import Machine
from local.models import patch
from tests import pictures
from tests.journeys.user import User

PHOTO = pictures.jpeg(320, 240)
SECRET = "darkroom/local/external-services"
CUSTOMERS = "customers"
_BUCKETS = ("S3_INPUT_BUCKET", "S3_OUTPUT_BUCKET", "ARCHIVE_BUCKET")
_PASSES = ("uploads", "processed", "reports", "exports", "rows")

Item = dict[str, Any]


def ago(**age: float) -> str:
    """The moment that long ago, as rows say it."""
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
        """What a function answers to the event; it must not fail."""
        answer, errored = self.machine.invoke(name, event)
        assert not errored, answer
        return answer

    def fails(self, name: str, event: Any = None) -> Any:
        """How a function fails of the event; it must."""
        answer, errored = self.machine.invoke(name, event)
        assert errored, answer
        return answer

    def setting(self, name: str) -> str:
        return self.machine.environment[name]

    def put_setting(self, name: str, value: str) -> None:
        path = f"/darkroom/local/darkroom/{name}"
        self.machine.client("ssm").put_parameter(Name=path, Type="String", Value=value, Overwrite=True)

    def remove_setting(self, name: str) -> str:
        """Takes a setting out of Parameter Store; its value."""
        ssm, path = self.machine.client("ssm"), f"/darkroom/local/darkroom/{name}"
        value: str = ssm.get_parameter(Name=path)["Parameter"]["Value"]
        ssm.delete_parameter(Name=path)
        return value

    @contextmanager
    def secret(self, text: str) -> Iterator[None]:
        """What the secret of the external services says, as long as the block lasts."""
        client = self.machine.client("secretsmanager")
        client.put_secret_value(SecretId=SECRET, SecretString=text)
        try:
            yield
        finally:
            client.put_secret_value(SecretId=SECRET, SecretString="{}")

    # ---------------------------------------------------------------------- queues

    def queue(self, name: str) -> str:
        """The address of one of the stage's queues, emptied."""
        stored = sqs_backends[ACCOUNT][REGION].get_queue(f"darkroom-local-{name}")
        _empty(stored)
        return f"{self.machine.aws_url}/{ACCOUNT}/{stored.name}"

    def received(self, url: str) -> list[Item]:
        """Messages that wait in a queue, taken out of it."""
        sqs = self.machine.client("sqs")
        found: list[Item] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return found

    def delivered(self, url: str, *bodies: Any) -> Item:
        """The event of messages with these bodies, as Lambda would deliver them from the queue."""
        sqs = self.machine.client("sqs")
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        return {"Records": [_delivered(each) for each in found]}

    @contextmanager
    def listening(self, topic_variable: str) -> Iterator[Callable[[], list[Item]]]:
        """What a topic says meanwhile to somebody who has subscribed: the messages."""
        sqs, sns = self.machine.client("sqs"), self.machine.client("sns")
        url = sqs.create_queue(QueueName=f"listener-{secrets.token_hex(4)}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.setting(topic_variable)
        subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        try:
            yield lambda: [json.loads(json.loads(each["Body"])["Message"]) for each in self.received(url)]
        finally:
            sns.unsubscribe(SubscriptionArn=subscription)
            sqs.delete_queue(QueueUrl=url)

    # ----------------------------------------------------------------------- tables

    def runs(self, operation: str, since: str, account: str = SYSTEM_ACCOUNT) -> list[Item]:
        """The usage records of an operation that began since then."""
        found = USAGE.between(account, since, "~")
        return [each for each in found if each["operation"] == operation]

    def planted(self, status: Status = Status.COMPLETED, *, remove: tuple[str, ...] = (), **more: Any) -> Image:
        """A new image of Ann's, with a file as its original; `more` and `remove` make its row differ from that."""
        image_id = ids.new_id("img")
        key = f"uploads/{self.user_id}/{image_id}.jpg"
        version = self.put("S3_INPUT_BUCKET", key)
        image = Image(
            user_id=self.user_id,
            image_id=image_id,
            file_name="planted.jpg",
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

    def image(self, image: Image) -> Item:
        """An image's row."""
        return item(IMAGES, image.user_id, image.image_id)

    def change(self, image: Image, **change: Any) -> None:
        IMAGES.update(image.user_id, image.image_id, change=change)

    def bury(self, image: Image) -> None:
        """What a deletion makes of the row."""
        self.change(image, status=str(Status.DELETED))

    def remove(self, image: Image) -> None:
        """As if the image had never been there."""
        IMAGES.delete(image.user_id, image.image_id)

    def begun(self, action_type: str, metadata: Mapping[str, Any], user_id: str | None = None, **more: Any) -> Action:
        """A new action of Ann's, or of that user's, that waits for its run."""
        action = Action(
            user_id=user_id or self.user_id,
            action_id=ids.new_id("act"),
            action_type=action_type,
            created_at=ids.now(),
            metadata=metadata,
        )
        ACTIONS.put({**action.to_item(), **more})
        return action

    def acted_at(self) -> str:
        """When Ann last did something; "" where she never did."""
        return str(item(USERS, self.user_id).get("lastActionAt", ""))

    def beat(self, schedule: str) -> Item:
        """What a schedule noted of its last run."""
        return item(leases.JOBS, f"beat#{schedule}")

    def forget_passes(self) -> None:
        """No round of the sweeper has begun a pass, or rests after one."""
        for place in _PASSES:
            leases.JOBS.delete(f"sweeper#{place}")

    def tidy(self) -> None:
        """Of what journeys left, Ann has but her photo, and no queue anything."""
        for queue in list(sqs_backends[ACCOUNT][REGION].queues.values()):
            _empty(queue)
        for each in list(IMAGES.between(self.user_id, "0", "~")):
            if each["imageId"] != self.photo:
                IMAGES.delete(self.user_id, each["imageId"])
        for each in list(ACTIONS.between(self.user_id, "0", "~")):
            ACTIONS.delete(self.user_id, each["actionId"])
        for each in list(RECORDS.between(CUSTOMERS, "!", "~")):
            RECORDS.delete(CUSTOMERS, each["recordId"])
        for lot, _ in INBOX.scan(500):
            for each in lot:
                INBOX.delete(each["id"])
        for bucket in _BUCKETS:
            self._discard(bucket)

    def _discard(self, variable: str) -> None:
        s3, bucket = self.machine.client("s3"), self.setting(variable)
        for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            named = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            left = [each for each in named if self.photo not in each["Key"]]
            if left:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": left, "Quiet": True})

    # ------------------------------------------------------------------------ files

    def put(self, bucket: str, key: str, *, age: timedelta | None = None) -> str:
        """Writes a file, perhaps as if long ago; its version."""
        name = self.setting(bucket)
        version = str(self.machine.client("s3").put_object(Bucket=name, Key=key, Body=PHOTO)["VersionId"])
        if age is not None:
            stored = s3_backends[ACCOUNT]["aws"].buckets[name].keys[key]
            stored.last_modified = datetime.now(UTC).replace(tzinfo=None) - age
        return version

    def versions(self, bucket: str, prefix: str) -> list[str]:
        """The keys of all versions of all files that begin so."""
        listed = self.machine.client("s3").list_object_versions(Bucket=self.setting(bucket), Prefix=prefix)
        return [each["Key"] for each in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]]

    def half_written(self, bucket: str, prefix: str) -> list[str]:
        """The keys of uploads in parts that were begun and neither ended nor given up."""
        listed = self.machine.client("s3").list_multipart_uploads(Bucket=self.setting(bucket))
        return [each["Key"] for each in listed.get("Uploads", ()) if each["Key"].startswith(prefix)]


USERS = Table("USERS_TABLE", "userId")
INBOX = Table("AUDIT_INBOX_TABLE", "id")
RECORDS = Table("RECORDS_TABLE", "source", "recordId")
SYNCS = Table("SYNCS_TABLE", "source", "executedAt")


def item(table: Table, partition: str, sort: str | None = None) -> Item:
    """An item that must be there."""
    found = table.get(partition, sort)
    assert found is not None, (table.variable, partition, sort)
    return found


def _empty(queue: Any) -> None:
    # AWS would purge it once a minute only.
    with queue._messages_lock:
        queue._messages.clear()
        queue._pending_messages.clear()


def _delivered(message: Mapping[str, Any]) -> Item:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


# ----------------------------------------------------------- what happens at the same time


@contextmanager
def as_written(part: str, do: Callable[[], None]) -> Iterator[None]:
    """Something happens when a file whose key holds `part` is about to be written to S3, the first time."""
    with _before(S3Backend, "put_object", lambda bucket, key, *_, **__: part in key, do):
        yield


@contextmanager
def as_listed(prefix: str, do: Callable[[], None]) -> Iterator[None]:
    """Something happens when the versions of files that begin so are about to be listed, the first time."""
    with _before(S3Backend, "list_object_versions", lambda *_, **asked: asked.get("prefix") == prefix, do):
        yield


@contextmanager
def _before(owner: Any, name: str, is_it: Callable[..., bool], do: Callable[[], None]) -> Iterator[None]:
    stock = getattr(owner, name)
    done: list[bool] = []

    def first(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not done and is_it(*args, **kwargs):
            done.append(True)
            do()
        return stock(self, *args, **kwargs)

    patch(owner, name, first)
    try:
        yield
    finally:
        patch(owner, name, stock)


# ----------------------------------------------------------------------------- quiet


@contextmanager
def quiet(machine: Machine) -> Iterator[None]:
    """Nothing fires but what is fired by hand: what comes meanwhile to a queue or a stream is delivered afterwards."""
    s3, bucket = machine.client("s3"), machine.environment["S3_INPUT_BUCKET"]
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    notifications.pop("ResponseMetadata")
    mappings = machine.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    with ExitStack() as stack:
        for mapping in mappings:
            stack.callback(_switch, machine, mapping["UUID"], True)
            _switch(machine, mapping["UUID"], False)
        stack.callback(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=notifications)
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        yield


def _switch(machine: Machine, mapping: str, enabled: bool) -> None:
    machine.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=enabled)


def emptied(machine: Machine) -> None:
    """Nothing of other journeys is left where rounds look through all there is."""
    for table in (IMAGES, ACTIONS, RECORDS, SYNCS):
        for lot, _ in table.scan(500):
            for each in lot:
                table.delete(each[table.partition], each[str(table.sort)])


def made(machine: Machine) -> World:
    """The world with its people, as the API makes them."""
    admin = User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    admin.sign_in()
    ann = User.new(machine.api_url)
    user_id = ann.id
    assert admin.request("PATCH", f"/admin/users/{user_id}", json={"canExportData": True}).status_code == 200
    photo = ann.upload(PHOTO)
    assert ann.finished(photo)["status"] == "COMPLETED"
    return World(machine, ann, user_id, admin, photo)
