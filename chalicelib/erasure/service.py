"""The erasure of an account with all that it owns: whatever an export shows, and what only we see of it."""

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts import api_keys, cognito, users
from chalicelib.core import clients, log
from chalicelib.core.aws.tables import Table
from chalicelib.core.http.operations import Caller
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT, USAGE, Execution
from chalicelib.metering.daily_sums import DAILY, EVERY_USER

# DynamoDB takes 25 writes in a batch, and may leave some of them for another.
_AT_ONCE = 25
_LONGEST_PAUSE_SECONDS = 0.2

Key = dict[str, Any]


def erase(user: Caller, execution: Execution) -> dict[str, Any]:
    """Erases the account and what it owns; the row goes last, so that a cut-off erasure can be asked for again.

    Of images, tombstones stay for 30 days; counters of requests, for two hours; answers to
    requests with an Idempotency-Key, for the day that they are kept.
    """
    _erase_owned(user.id)
    api_keys.erase_all(user.id)
    with cognito.translated(), cognito.quiet_about("UserNotFoundException"):
        cognito.client().admin_delete_user(UserPoolId=cognito.pool(), Username=user.claims["username"])
    users.delete(user.id)
    # From here on nobody can begin anything in this account: what was begun meanwhile goes as well.
    _erase_owned(user.id)
    api_keys.erase_all(user.id)
    # What this run costs is written down once it is over, when nothing more is to be written of the user.
    execution.account, execution.user = SYSTEM_ACCOUNT, None
    log.info("ACCOUNT_ERASED", userId=user.id)
    return {"message": "The account and all it owned are erased."}


def _erase_owned(user_id: str) -> None:
    images.erase_all(user_id)
    actions.erase_all(user_id)
    _delete(USAGE, (USAGE.key(user_id, item["timestamp"]) for item in USAGE.between(user_id, "0", "~")))
    _delete(DAILY, _days(user_id))


def _days(user_id: str) -> Iterator[Key]:
    """The keys of all sums by day that are the user's; of each day, first the one among every user's."""
    last = ""
    for item in DAILY.between(user_id, "0", "~"):
        day = item["day#what"].partition("#")[0]
        if day != last:
            yield DAILY.key(EVERY_USER, f"{day}#user:{user_id}")
        yield DAILY.key(user_id, item["day#what"])
        last = day


def _delete(table: Table, keys: Iterable[Key]) -> None:
    waiting = iter(keys)
    while some := [{"DeleteRequest": {"Key": key}} for key in islice(waiting, _AT_ONCE)]:
        while some:
            answer = clients.client("dynamodb").batch_write_item(RequestItems={table.name: some})
            some = answer.get("UnprocessedItems", {}).get(table.name, [])
            if some:
                # Too many writes at once for the table just now.
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311
