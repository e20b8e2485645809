"""Which errors of AWS are transient: the same call may succeed later."""

import pytest

from chalicelib.core import clients
from chalicelib.core.observing import alerts


def cancelled(*reasons: str) -> clients.ClientError:
    """DynamoDB's response to a cancelled transaction, with a reason for each write."""
    said = {"Error": {"Code": "TransactionCanceledException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return clients.ClientError(
        {**said, "CancellationReasons": [{"Code": each} for each in reasons]}, "TransactWriteItems"
    )


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"])
def test_a_transaction_conflict_or_throttling_is_transient(reason: str) -> None:
    assert clients.is_transient(cancelled("None", reason))
    assert not alerts.is_unexpected(cancelled("None", reason))


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_that_can_never_succeed_is_not_transient(reason: str) -> None:
    assert not clients.is_transient(cancelled("ThrottlingError", reason))
    assert not clients.is_transient(cancelled(reason))


def test_a_write_to_an_item_that_a_transaction_holds_is_transient() -> None:
    said = {"Error": {"Code": "TransactionConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    assert clients.is_transient(clients.ClientError(said, "UpdateItem"))
