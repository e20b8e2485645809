"""How long queued work will take, in a sentence: from measured runs, or before there are any from the work's size."""

import math

from chalicelib import metering
from chalicelib.actions import Action

# The function that does what is queued: its runs are what is measured.
WORKER = "action_worker"


def estimated_time(action: Action, seconds_by_size: float) -> str:
    """`About 3 seconds.`: what the worker's runs of this type of action took on average, today or else yesterday.

    `seconds_by_size` is what the size of the work suggests. It counts until a run was measured.
    """
    measured = metering.mean_seconds(WORKER, action.action_type)
    return _sentence(seconds_by_size if measured is None else measured)


def _sentence(seconds: float) -> str:
    if seconds < 90:
        return f"About {_counted(max(1, math.ceil(seconds)), 'second')}."
    return f"About {_counted(math.ceil(seconds / 60), 'minute')}."


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
