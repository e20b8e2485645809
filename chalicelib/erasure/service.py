"""The erasure of an account with all its data: what an export shows, and what only Darkroom uses."""

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts import api_keys, cognito
from chalicelib.accounts.models import delete_user, mark_erasing
from chalicelib.core import clients, log
from chalicelib.core.aws.grants import CognitoOperation, DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Table
from chalicelib.core.http.operations import Caller
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT, USAGE, Execution
from chalicelib.metering.models import DAILY, EVERY_USER

# DynamoDB, BatchWriteItem: writes in a batch.
_BATCH = 25
_LONGEST_PAUSE_SECONDS = 0.2

Key = dict[str, Any]


@required_env_vars(
    api_keys.erase_all,
    images.erase_all,
    actions.erase_all,
    {
        "USERS_TABLE": [DynamoDBOperation.UPDATE_ITEM, DynamoDBOperation.DELETE_ITEM],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_DELETE_USER],
        "USAGE_METRICS_DYNAMO_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.BATCH_WRITE_ITEM],
        "DAILY_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.BATCH_WRITE_ITEM],
    },
)
def erase(user: Caller, execution: Execution) -> dict[str, Any]:
    """Erases the account and its data. The user's row goes last, so that a cut-off erasure can be requested again.

    What a step under way writes later, the streams' functions do not count for the user, and remove.
    docs/privacy.md says what stays for a while, and why.
    """
    _erase_owned(user.id)
    api_keys.erase_all(user.id)
    with cognito.translating_errors(), cognito.ignoring("UserNotFoundException"):
        cognito.client().admin_delete_user(UserPoolId=cognito.pool_id(), Username=user.claims["username"])
    mark_erasing(user.id)
    # Nothing new can begin in this account now. Erase what began since the first pass.
    _erase_owned(user.id)
    api_keys.erase_all(user.id)
    delete_user(user.id)
    # The usage record of this request is written at its end, and must not name the user.
    execution.account, execution.user = SYSTEM_ACCOUNT, None
    log.info("ACCOUNT_ERASED", userId=user.id)
    return {"message": "The account and all it owned are erased."}


def erase_data(user_id: str) -> None:
    """Erases the data of an account that the user pool no longer has, as after a restore from a backup."""
    _erase_owned(user_id)
    api_keys.erase_all(user_id)
    delete_user(user_id)


def _erase_owned(user_id: str) -> None:
    images.erase_all(user_id)
    actions.erase_all(user_id)
    _delete(USAGE, (USAGE.key(user_id, item["timestamp"]) for item in USAGE.between(user_id, "0", "~")))
    _delete(DAILY, _keys_of_days(user_id))


def _keys_of_days(user_id: str) -> Iterator[Key]:
    """The keys of the user's daily sums; before those of a day, the key of the user's row in EVERY_USER."""
    last = ""
    for item in DAILY.between(user_id, "0", "~"):
        day = item["day#what"].partition("#")[0]
        if day != last:
            yield DAILY.key(EVERY_USER, f"{day}#user:{user_id}")
        yield DAILY.key(user_id, item["day#what"])
        last = day


def _delete(table: Table, keys: Iterable[Key]) -> None:
    waiting = iter(keys)
    while batch := [{"DeleteRequest": {"Key": key}} for key in islice(waiting, _BATCH)]:
        while batch:
            response = clients.client("dynamodb").batch_write_item(RequestItems={table.name: batch})
            batch = response.get("UnprocessedItems", {}).get(table.name, [])
            if batch:
                # The table is throttled.
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311
