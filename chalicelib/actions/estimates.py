"""How long queued work will take, as a sentence: from measured runs or, before there are any, from the work's size."""

import math

from chalicelib import metering
from chalicelib.actions.models import Action
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars

# The function that does queued work. Its runs are measured.
WORKER = "action_worker"


@required_env_vars({"DAILY_TABLE": [DynamoDBOperation.GET_ITEM]})
def estimated_time(action: Action, seconds_by_size: float) -> str:
    """`About 3 seconds.`: the mean time of the worker's runs for this type of action, today or else yesterday.

    Without a measured run it is `seconds_by_size`, which the size of the work suggests.
    """
    seconds = metering.mean_seconds(WORKER, action.action_type)
    seconds = seconds_by_size if seconds is None else seconds
    number, unit = (seconds, "second") if seconds < 90 else (seconds / 60, "minute")
    number = max(1, math.ceil(number))
    return f"About {number} {unit}{'' if number == 1 else 's'}."
