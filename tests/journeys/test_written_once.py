"""A write whose answer was lost is sent again, and takes place once: its condition does not refuse it to itself."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core import clients
from chalicelib.core.aws import writes
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table, transact
from chalicelib.core.settings import Settings
from tests.lost_answers import ALL_TRIES, Loss, losing

JOBS = Table(Settings.JOBS_TABLE, "name")
LOSSES = pytest.mark.parametrize("loss", Loss, ids=lambda loss: loss.name.lower())


@pytest.fixture
def name(function: pytest.MonkeyPatch) -> str:
    """The key of an item for this test alone."""
    return f"item-{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Kind:
    """A kind of write: its call to DynamoDB, whether an item is there before, and its result and item after."""

    operation: str
    write: Callable[[str], Any]
    exists: bool
    result: Any
    after: dict[str, Any] | None


IS_OLD = Attr("state").eq("old")
NEW = {"state": "new"}
OLD = {"state": "old"}
KINDS = {
    "create": Kind("PutItem", lambda name: JOBS.create({"name": name, **NEW}), False, None, NEW),
    "put": Kind("PutItem", lambda name: JOBS.put({"name": name, **NEW}, when=IS_OLD), True, None, NEW),
    "update": Kind("UpdateItem", lambda name: JOBS.update(name, when=IS_OLD, change=NEW)["state"], True, "new", NEW),
    "update by adding": Kind(
        "UpdateItem",
        lambda name: int(JOBS.update(name, change={}, add={"runs": 1})["runs"]),
        True,
        1,
        {**OLD, "runs": 1},
    ),
    "update by adding, with a condition that still holds": Kind(
        "UpdateItem",
        lambda name: int(JOBS.update(name, when=IS_OLD, change={}, add={"runs": 1})["runs"]),
        True,
        1,
        {**OLD, "runs": 1},
    ),
    "count": Kind("UpdateItem", lambda name: JOBS.count(name, {"a": 1}, {}), False, (True, {"a": 1}), {"a": 1}),
    "count back": Kind("UpdateItem", lambda name: JOBS.count_back(name, ["a"]), True, None, {**OLD, "a": -1}),
    "delete": Kind("DeleteItem", lambda name: JOBS.delete(name, when=IS_OLD), True, None, None),
    "transaction that creates": Kind(
        "TransactWriteItems", lambda name: transact(JOBS.to_create({"name": name, **NEW})), False, None, NEW
    ),
    "transaction that puts": Kind(
        "TransactWriteItems", lambda name: transact(JOBS.to_put({"name": name, **NEW}, where=OLD)), True, None, NEW
    ),
    "transaction that updates": Kind(
        "TransactWriteItems", lambda name: transact(JOBS.to_update(JOBS.key(name), NEW, where=OLD)), True, None, NEW
    ),
    "transaction that adds": Kind(
        "TransactWriteItems", lambda name: transact(JOBS.to_add(JOBS.key(name), {"a": 1})), True, None, {**OLD, "a": 1}
    ),
    "transaction that deletes": Kind(
        "TransactWriteItems", lambda name: transact(JOBS.to_delete(JOBS.key(name), where=OLD)), True, None, None
    ),
}


def prepare(kind: Kind, name: str) -> None:
    if kind.exists:
        JOBS.put({"name": name, **OLD})


def item(name: str) -> dict[str, Any] | None:
    found = JOBS.get(name)
    return None if found is None else {key: value for key, value in found.items() if key != "name"}


@LOSSES
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_write_takes_place_once_and_gives_its_result(name: str, kind: Kind, loss: Loss) -> None:
    prepare(kind, name)
    with losing("dynamodb", kind.operation, loss, loss) as lost:
        result = kind.write(name)
    assert lost() == 2
    assert (result, item(name)) == (kind.result, kind.after)


@pytest.mark.parametrize("kind", [each for each in KINDS if "adding" not in each and "adds" not in each])
@LOSSES
def test_a_write_of_somebody_else_is_still_refused(name: str, kind: str, loss: Loss) -> None:
    write = KINDS[kind]
    if not write.exists:
        write.write(name)
    with losing("dynamodb", write.operation, loss):
        if kind == "count":
            assert write.write(name) == (False, {"a": 1})
        elif kind == "count back":
            write.write(name)
            assert item(name) is None
        elif kind == "delete":
            JOBS.put({"name": name, **NEW})
            with pytest.raises(ConditionFailedError) as refused:
                write.write(name)
            assert refused.value.item == {"name": name, **NEW}
        else:
            with pytest.raises(ConditionFailedError):
                write.write(name)


def test_a_delete_without_a_lost_answer_finds_nothing_to_delete(name: str) -> None:
    with pytest.raises(ConditionFailedError):
        JOBS.delete(name, when=IS_OLD)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_answer_that_is_lost_for_good_is_an_error_that_may_pass(name: str, kind: Kind) -> None:
    prepare(kind, name)
    with (
        losing("dynamodb", kind.operation, *[Loss.ERROR_AFTER] * ALL_TRIES),
        pytest.raises(clients.ClientError) as error,
    ):
        kind.write(name)
    assert clients.is_transient(error.value)
    assert item(name) == kind.after


def test_a_write_that_one_transaction_made_is_recognized_in_another(name: str) -> None:
    JOBS.put({"name": name, **OLD})
    end, other = JOBS.to_update(JOBS.key(name), NEW, where=OLD), JOBS.to_add(JOBS.key(f"{name}-sums"), {"a": 1})
    with (
        losing("dynamodb", "TransactWriteItems", *[Loss.ANSWER_LOST] * ALL_TRIES),
        pytest.raises(Exception, match="closed"),
    ):
        transact(end, other)
    transact(end)
    assert (item(name), item(f"{name}-sums")) == (NEW, {"a": 1})
    with pytest.raises(ConditionFailedError):
        transact(JOBS.to_update(JOBS.key(name), NEW, where=OLD))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(Loss), max_size=ALL_TRIES - 1), min_size=1, max_size=8), st.integers(1, 8))
def test_a_counter_counts_each_call_once(function: pytest.MonkeyPatch, calls: list[list[Loss]], limit: int) -> None:
    # A client that has repeated many calls repeats no more of them.
    clients._clients.pop("dynamodb", None)
    name, passed = f"counter-{uuid.uuid4().hex}", []
    for losses in calls:
        with losing("dynamodb", "UpdateItem", *losses):
            passed.append(JOBS.count(name, {"a": limit}, {}))
    assert passed == [(place < limit, {"a": min(place + 1, limit)}) for place in range(len(calls))]


def test_readers_of_a_table_do_not_see_the_token(name: str) -> None:
    created = {"name": name, **NEW}
    JOBS.create(created)
    stored = clients.client("dynamodb").get_item(TableName=JOBS.name, Key=JOBS.key(name))["Item"]
    assert len(stored.pop(writes.TOKEN)) == 8
    assert stored == created
    assert JOBS.get(name) == JOBS.any_of(name) == created
    assert JOBS.get_many([JOBS.key(name)]) == list(JOBS.all_of(name)) == JOBS.page(name, limit=1).items == [created]
    assert created in [each for found, _ in JOBS.scan(100) for each in found]
    assert JOBS.update(name, when=Attr("state").exists(), change={"more": "x"}) == {**created, "more": "x"}
    with pytest.raises(ConditionFailedError) as refused:
        JOBS.create(created)
    assert refused.value.item == {**created, "more": "x"}
