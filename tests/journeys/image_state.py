"""What the local machine holds of a user's images: rows, files, usage records and queues."""

import io
from typing import Any

import requests
from PIL import Image

from local.machine import Machine
from local.moto_patches.stepfunctions_progress import PROGRESS
from tests.journeys.user import User


def download_picture(url: str) -> Image.Image:
    answer = requests.get(url, timeout=30)
    assert answer.status_code == 200
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    return picture


def image_item(machine: Machine, user: User, image_id: str) -> dict[str, Any]:
    """The image's item in its table, in DynamoDB's own types."""
    item: dict[str, Any] = machine.client("dynamodb").get_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": user.id}, "imageId": {"S": image_id}},
        ConsistentRead=True,
    )["Item"]
    return item


def output_keys(machine: Machine, user: User, image_id: str = "") -> list[str]:
    """The key of every version of every output of a user, or of one of their images."""
    pages = machine.client("s3").get_paginator("list_object_versions")
    prefix = f"processed/{user.id}/{image_id and image_id + '-'}"
    listed = pages.paginate(Bucket=machine.environment["S3_OUTPUT_BUCKET"], Prefix=prefix)
    return [version["Key"] for page in listed for version in page.get("Versions", ())]


def count_runs(machine: Machine, user: User, operation: str) -> int:
    """How many usage records an operation has left for a user."""
    pages = (
        machine.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
            KeyConditionExpression="account = :user",
            FilterExpression="operation = :operation",
            ExpressionAttributeValues={":user": {"S": user.id}, ":operation": {"S": operation}},
        )
    )
    return sum(int(page["Count"]) for page in pages)


def executions_of(image_id: str) -> list[str]:
    """The names of the image's executions that have not ended."""
    return [each.name for each in list(PROGRESS.values()) if each.name.startswith(f"{image_id}-")]


def queue_depth(machine: Machine, queue: str) -> int:
    """How many messages a queue holds, visible or not."""
    url = machine.client("sqs").get_queue_url(QueueName=f"darkroom-local-{queue}")["QueueUrl"]
    return sum(machine.queue_depth(url))


def upload_event(machine: Machine, user: User, image_id: str, version: str | None = None) -> dict[str, Any]:
    """The S3 event of an image's upload, as S3 would send it again; or of another version of the object."""
    item = image_item(machine, user, image_id)
    described = {
        "key": item["s3Key"]["S"],
        "size": int(item["fileSize"]["N"]),
        "versionId": version or item["objectVersion"]["S"],
    }
    bucket = {"name": machine.environment["S3_INPUT_BUCKET"]}
    return {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": bucket, "object": described}}]}
