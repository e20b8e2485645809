"""Finds usage records that the stream has lost, and counts them as the stream would have."""

import itertools
from collections.abc import Iterator

from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.observing.tracking import USAGE
from chalicelib.metering import daily_sums
from chalicelib.metering.stream import Run, add_runs

_AT_ONCE = 100
# Sorts after the timestamps of a moment, which have random digits behind them.
_LAST = "~"


@required_env_vars(add_runs, {"USAGE_METRICS_DYNAMO_TABLE": [DynamoDBOperation.QUERY]})
def count_lost_runs(account: str, since: str, until: str, *, is_dry: bool) -> tuple[int, int]:
    """Counts the runs of an account, begun between these moments (ISO 8601), that were not counted.

    Gives how many runs there were, and how many of them were not counted. The records must be younger than a week:
    until then their dedupe keys say whether they were counted.
    """
    found = lost = 0
    for runs in _batches(account, since, until):
        found += len(runs)
        missing = _not_counted(runs)
        lost += len(missing) if is_dry or not missing else add_runs(missing)[0]
    return found, lost


def _batches(account: str, since: str, until: str) -> Iterator[list[Run]]:
    records = USAGE.between(account, since, f"{until}{_LAST}")
    return iter(lambda: [Run(record) for record in itertools.islice(records, _AT_ONCE)], [])


def _not_counted(runs: list[Run]) -> list[Run]:
    entries = {run.entry(erased=()).key: run for run in runs}
    return [entries[entry.key] for entry in daily_sums.not_added([run.entry(erased=()) for run in runs])]
