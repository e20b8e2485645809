"""What functions declare of the resources that they touch."""

from typing import Any

import pytest

from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SQSOperation, required_env_vars
from chalicelib.core.observing import tracking


def test_what_decorators_declare_adds_up() -> None:
    @required_env_vars({"TABLE": [DynamoDBOperation.GET_ITEM], "BUCKET": []})
    @required_env_vars({"TABLE": [DynamoDBOperation.PUT_ITEM]})
    @tracking.track_execution
    def handler(event: Any, context: Any) -> None: ...

    assert grants.of(handler) == {
        "TABLE": {DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM},
        "BUCKET": frozenset(),
        "USAGE_METRICS_DYNAMO_TABLE": {DynamoDBOperation.PUT_ITEM},
        "USAGE_KEEP_DAYS": frozenset(),
        "CRITICAL_ERRORS_SQS_QUEUE_NAME": {SQSOperation.GET_QUEUE_URL, SQSOperation.SEND_MESSAGE},
    }


def test_only_known_operations_can_be_declared() -> None:
    with pytest.raises(TypeError, match="GetObject"):
        required_env_vars({"BUCKET": ["GetObject"]})  # type: ignore[list-item]
    required_env_vars({"BUCKET": [S3Operation.GET_OBJECT]})
