"""The stream of usage records: adds each to the sums of its day, and to what its user has spent."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from chalicelib.accounts.models import RunCost, spent_update, user_exists
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import read_image
from chalicelib.core.http import budgets
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT
from chalicelib.metering import daily_sums
from chalicelib.metering.models import EVERY_USER, EVERYONE, OPERATION, Entry, Row


@required_env_vars(
    {
        "DAILY_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
    }
)
def count_records(event: Mapping[str, Any]) -> None:
    """Counts each usage record of a stream's batch exactly once."""
    records = {
        record["eventID"]: read_image(record["dynamodb"]["NewImage"])
        for record in event["Records"]
        if record["eventName"] == "INSERT"
    }

    def spent_updates(entries: list[Entry]) -> list[dict[str, Any]]:
        return _spent_updates(records[entry.event_id] for entry in entries)

    accounts = {record["account"] for record in records.values()} - {SYSTEM_ACCOUNT}
    # The last records of an erased account may come after the erasure: they count for EVERYONE alone.
    erased = {account for account in accounts if not user_exists(account)}
    entries = [Entry(event_id, _sums(record, erased), _origin(record)) for event_id, record in records.items()]
    daily_sums.add_once(entries, also=spent_updates)


def _origin(record: Mapping[str, Any]) -> str:
    """The account, and the second in which the run began."""
    return f"{record['account']}#{record['timestamp'][:19]}"


def _sums(record: Mapping[str, Any], erased: Container[str]) -> dict[Row, dict[str, Any]]:
    account, day, what = record["account"], record["timestamp"][:10], f"{OPERATION}{record['operation']}"
    # Everyone's API operations have an item each: in one, they would exceed a KB. The functions behind the API are few.
    rows = [Row(EVERYONE, day, what, None if record.get("event_source") == "HTTP" else OPERATION)]
    if account not in erased:
        rows.append(Row(account, day, what, OPERATION))
        if account != SYSTEM_ACCOUNT:
            rows.append(Row(EVERY_USER, day, f"user:{account}"))
        if record.get("api_key_id"):
            rows.append(Row(account, day, f"key:{record['api_key_id']}"))
    numbers = {
        "requests": 1,
        "failures": 0 if record["success"] else 1,
        "dollars": record["lambda_cost"],
        "milliseconds": record["duration_ms"],
    }
    sums = dict.fromkeys(rows, numbers)
    if record.get("kind") and record["success"]:
        runs, milliseconds = names_of_kind(record["kind"])
        sums[rows[0]] = {**numbers, runs: 1, milliseconds: record["duration_ms"]}
    return sums


def names_of_kind(kind: str) -> tuple[str, str]:
    """The names of two numbers of an operation: its successful runs of that kind, and their milliseconds."""
    return f"{kind}.runs", f"{kind}.milliseconds"


def _spent_updates(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The writes that add the runs' dollars to each user's row."""
    runs: dict[str, list[RunCost]] = {}
    for record in records:
        if record["account"] != SYSTEM_ACCOUNT:
            user = None if record.get("keys_alone") else budgets.USER
            payers = filter(None, (user, record.get("api_key_id")))
            run = record["timestamp"], dict.fromkeys(payers, record["lambda_cost"])
            runs.setdefault(record["account"], []).append(run)
    return [write for account, its in runs.items() for write in spent_update(account, its)]
