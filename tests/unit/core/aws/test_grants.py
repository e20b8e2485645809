"""Which operations a function declares, and that only known ones can be declared."""

from typing import Any

import pytest

from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SQSOperation, required_env_vars
from chalicelib.core.observing import tracking


def test_grants_of_several_decorators_are_combined() -> None:
    @required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM], "S3_INPUT_BUCKET": []})
    @required_env_vars({"USERS_TABLE": [DynamoDBOperation.PUT_ITEM]})
    @tracking.track_execution
    def handler(event: Any, context: Any) -> None: ...

    assert grants.of(handler) == {
        "USERS_TABLE": {DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM},
        "S3_INPUT_BUCKET": frozenset(),
        "USAGE_METRICS_DYNAMO_TABLE": {DynamoDBOperation.PUT_ITEM},
        "USAGE_KEEP_DAYS": frozenset(),
        "CRITICAL_ERRORS_SQS_QUEUE_NAME": {SQSOperation.GET_QUEUE_URL, SQSOperation.SEND_MESSAGE},
    }


def test_only_known_operations_can_be_declared() -> None:
    with pytest.raises(TypeError, match="GetObject"):
        required_env_vars({"S3_INPUT_BUCKET": ["GetObject"]})  # type: ignore[list-item]
    required_env_vars({"S3_INPUT_BUCKET": [S3Operation.GET_OBJECT]})
    with pytest.raises(TypeError, match="S3_INPUT_BUCKT is no setting"):
        required_env_vars({"S3_INPUT_BUCKT": [S3Operation.GET_OBJECT]})
