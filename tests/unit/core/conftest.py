"""What the tests of the platform share."""

from typing import Any

import pytest

from chalicelib.core.observing.tracking import USAGE


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replaces the table of usage records; alerts go nowhere."""
    records: list[dict[str, Any]] = []
    for name, value in {
        "USAGE_METRICS_DYNAMO_TABLE": "usage",
        "USAGE_KEEP_DAYS": "90",
        "CRITICAL_ERRORS_SQS_QUEUE_NAME": "unreachable.fifo",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(type(USAGE), "put", lambda table, item: records.append(dict(item)))
    return records
