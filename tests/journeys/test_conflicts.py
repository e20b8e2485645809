"""Writes to an item that a transaction holds are retried, and then refused with 503."""

from collections.abc import Iterator

import pytest

from chalicelib.accounts.models import USERS
from chalicelib.core import clients
from chalicelib.core.aws.tables import transact
from local.machine import Machine
from local.moto_patches.dynamodb_conflicts import CONFLICTS
from tests.journeys.gateway import call
from tests.journeys.ledger import settled
from tests.journeys.user import User


@pytest.fixture
def users_table(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[str]:
    yield machine.environment["USERS_TABLE"]
    CONFLICTS.clear()


def test_a_write_succeeds_as_soon_as_a_transaction_frees_the_item(machine: Machine, users_table: str) -> None:
    ann = User.new(machine.api_url, "Ann")
    settled(machine)
    CONFLICTS.add(users_table, 3)
    answer = call("PATCH /auth/profile", ann.headers, {"name": "Ann Other"})
    assert (answer.status, answer.body["profile"]["name"]) == (200, "Ann Other")
    assert CONFLICTS.clear() == 0


def test_a_write_to_an_item_that_stays_locked_is_answered_with_retry_later(machine: Machine, users_table: str) -> None:
    ann = User.new(machine.api_url, "Ann")
    CONFLICTS.add(users_table, 1000)
    answer = call("PATCH /auth/profile", ann.headers, {"name": "Ann Other"})
    assert (answer.status, answer.body["error"]["code"]) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"]
    assert CONFLICTS.clear() > 900, "the retries end"


@pytest.mark.slow
def test_every_kind_of_write_is_retried(users_table: str) -> None:
    item = {"userId": "held", "role": "USER", "email": "held@example.com"}
    for write in (
        lambda: USERS.create(item),
        lambda: USERS.put(item),
        lambda: USERS.update("held", change={"name": "Held"}),
        lambda: USERS.count("held", {"requests": 9}, {"name": "Held"}),
        lambda: transact(USERS.to_update(USERS.key("held"), {"name": "Held"}, where={"userId": "held"})),
        lambda: USERS.delete("held"),
    ):
        CONFLICTS.add(users_table, 2)
        write()
        assert CONFLICTS.clear() == 0
        CONFLICTS.add(users_table, 1000)
        with pytest.raises(clients.ClientError) as refused:
            write()
        assert clients.is_transient(refused.value)
        CONFLICTS.clear()
    assert USERS.get("held") is None
