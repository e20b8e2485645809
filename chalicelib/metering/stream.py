"""The stream of usage records: adds each to the sums of its day, and to what its user has spent.

A record's own key is its dedupe key: it counts once, whether the stream brings it or a reconciliation finds it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts.models import RunCost, UserErasedError, spent_update, user_exists
from chalicelib.core import log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import read_image
from chalicelib.core.http import budgets
from chalicelib.core.observing import streams
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT, USAGE
from chalicelib.metering import daily_sums
from chalicelib.metering.models import EVERY_USER, EVERYONE, OPERATION, Entry, Row

# The length of an ISO time up to its second.
_SECOND = 19


@dataclass(frozen=True)
class Run:
    """A usage record. `former_id` is the id of its change in the stream: 0.1.0 stored that as its dedupe key."""

    record: Mapping[str, Any]
    former_id: str | None = None

    @property
    def account(self) -> str:
        return str(self.record["account"])

    def entry(self, erased: Container[str]) -> Entry:
        """What the run adds to the sums. Those of erased accounts count for EVERYONE alone."""
        timestamp: str = self.record["timestamp"]
        # The account's runs that began in the same second share an item; the rest of the key tells them apart.
        origin = f"{self.account}#{timestamp[:_SECOND]}"
        return Entry(timestamp[_SECOND:], _sums(self.record, erased), origin, self.former_id)


@required_env_vars(
    {
        "DAILY_TABLE": [DynamoDBOperation.BATCH_GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
    }
)
def add_runs(runs: Sequence[Run]) -> tuple[int, set[str]]:
    """Counts each of these runs exactly once, whoever counts them.

    Gives how many were not counted before, and whose accounts are erased: their last records may come later.
    """
    accounts = {run.account for run in runs} - {SYSTEM_ACCOUNT}
    erased = {account for account in accounts if not user_exists(account)}
    entries = [run.entry(erased) for run in runs]
    records = {entry.key: run.record for entry, run in zip(entries, runs, strict=True)}

    def spent_updates(some: list[Entry]) -> list[dict[str, Any]]:
        counted = (records[entry.key] for entry in some)
        return _spent_updates(record for record in counted if record["account"] not in erased)

    try:
        return len(daily_sums.add_once(entries, also=spent_updates)), erased
    except UserErasedError:
        # Erased since `erased` was read.
        return add_runs(runs)


@required_env_vars(streams.handle, add_runs, {"USAGE_METRICS_DYNAMO_TABLE": [DynamoDBOperation.DELETE_ITEM]})
def count_records(event: Mapping[str, Any]) -> None:
    """Counts each usage record of a stream's batch exactly once, and removes those of erased accounts."""
    streams.handle("usage_records", event, _count)


def _count(records: Sequence[streams.Record]) -> None:
    runs = [
        Run(read_image(record["dynamodb"]["NewImage"]), record["eventID"])
        for record in records
        if record["eventName"] == "INSERT"
    ]
    _, erased = add_runs(runs)
    # A step that was under way writes its record after the erasure. It is counted first: what is gone cannot be.
    for run in runs:
        if run.account in erased:
            USAGE.delete(run.account, run.record["timestamp"])
            log.info("USAGE_OF_ERASED_REMOVED", operation=run.record["operation"])


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
