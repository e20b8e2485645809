"""Which errors of AWS are temporary: the same call may succeed later."""

import pytest

from chalicelib.core import clients
from chalicelib.core.observing import alerts


def cancelled(*reasons: str) -> clients.ClientError:
    """DynamoDB's error for a cancelled transaction, with the reason of each write."""
    said = {"Error": {"Code": "TransactionCanceledException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return clients.ClientError(
        {**said, "CancellationReasons": [{"Code": each} for each in reasons]}, "TransactWriteItems"
    )


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"])
def test_a_throttled_or_conflicting_transaction_is_a_temporary_error(reason: str) -> None:
    assert clients.is_transient(cancelled("None", reason))
    assert not alerts.is_unexpected(cancelled("None", reason))


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_with_a_failed_condition_is_no_temporary_error(reason: str) -> None:
    assert not clients.is_transient(cancelled("ThrottlingError", reason))
    assert not clients.is_transient(cancelled(reason))


def test_a_write_that_conflicts_with_a_transaction_is_a_temporary_error() -> None:
    said = {"Error": {"Code": "TransactionConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    assert clients.is_transient(clients.ClientError(said, "UpdateItem"))
