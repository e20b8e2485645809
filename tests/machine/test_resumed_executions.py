"""An execution that the end of the machine has cut off goes on in the next run, where it was."""

import copy
import json
import uuid

import pytest

from local import moto_server
from local.moto_patches import stepfunctions_progress
from local.moto_patches.stepfunctions_progress import PROGRESS, Answer, Progress
from tests.conftest import Eventually
from tests.machine.conftest import Tiny

IMAGES = "darkroom-tiny-images"


def test_a_write_that_was_made_is_not_made_again(
    tiny: Tiny, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first state's write has a condition that refuses a second one."""
    noted: list[tuple[str, Progress]] = []
    original = stepfunctions_progress.note_answer

    def note_answer(task: str, answer: Answer) -> None:
        original(task, answer)
        arn = task.rpartition("/")[0]
        if name in arn:
            noted.append((arn, copy.deepcopy(PROGRESS[arn])))

    dynamodb, name = tiny.client("dynamodb"), uuid.uuid4().hex
    monkeypatch.setattr(moto_server, "note_answer", note_answer)
    key = {"userId": {"S": "u"}, "imageId": {"S": name}}
    row = {**key, "status": {"S": "PROCESSING"}, "execution": {"S": name}}
    dynamodb.put_item(TableName=IMAGES, Item=row)
    step = {"userId": "u", "imageId": name, "execution": name, "fileName": "a.jpg", "s3Key": "k", "correlationId": "c"}
    step |= {"fileSize": "1", "fileType": "image/jpeg", "versionId": "v", "bucket": "b"}
    tiny.client("stepfunctions").start_execution(
        stateMachineArn=tiny.resource("ImagePipeline"), name=name, input=json.dumps(step)
    )

    def status() -> str:
        return str(dynamodb.get_item(TableName=IMAGES, Key=key, ConsistentRead=True)["Item"]["status"]["S"])

    eventually(lambda: status() == "COMPLETED")
    arn, begun = noted[0]
    eventually(lambda: arn not in PROGRESS)
    assert (begun.state, begun.entered) == ("Begin", 1)
    # As it was when the first state had written, and the machine was killed before the execution knew it.
    dynamodb.put_item(TableName=IMAGES, Item={**row, "startedAt": {"S": "2026-01-01T00:00:00.000Z"}})
    documents = json.loads(json.dumps({arn: vars(begun) | {"state_input": json.dumps(begun.state_input)}}))
    stepfunctions_progress.resume(stepfunctions_progress.of_documents(documents))
    eventually(lambda: status() == "COMPLETED")
