"""Which faults of AWS pass: the same call may well succeed later."""

import pytest

from chalicelib.core import clients
from chalicelib.core.observing import alerts


def cancelled(*reasons: str) -> clients.ClientError:
    """What DynamoDB answers to a transaction that it did not make, with what it says of each write."""
    said = {"Error": {"Code": "TransactionCanceledException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return clients.ClientError(
        {**said, "CancellationReasons": [{"Code": each} for each in reasons]}, "TransactWriteItems"
    )


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"])
def test_a_transaction_that_was_in_the_way_may_be_made_later(reason: str) -> None:
    assert clients.is_transient(cancelled("None", reason))
    assert not alerts.is_unexpected(cancelled("None", reason))


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_one_that_can_never_be_made_is_no_passing_fault(reason: str) -> None:
    assert not clients.is_transient(cancelled("ThrottlingError", reason))
    assert not clients.is_transient(cancelled(reason))


def test_a_write_to_what_a_transaction_holds_may_be_made_later() -> None:
    said = {"Error": {"Code": "TransactionConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    assert clients.is_transient(clients.ClientError(said, "UpdateItem"))
