"""Dead letters of scheduled runs: deleted once nobody needs them.

A schedule fires again by itself. So a letter is of no use after a later run of its job has succeeded; and of a job that
still fails, the newest letter says all. What was sent by hand stays until a person deletes it.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core import clients
from chalicelib.core.aws.grants import SQSOperation, required_env_vars
from chalicelib.core.schedules import SCHEDULES
from chalicelib.core.settings import Settings
from chalicelib.jobs import heartbeats
from chalicelib.jobs.health.queues import SCHEDULED_RUNS
from chalicelib.jobs.rounds import Round
from chalicelib.jobs.runner import scheduled_time

# The limit of a call to SQS.
_AT_ONCE = 10
# Far more than the schedules leave in the time that the queue keeps a letter, with one left of each job.
_MOST = 500
# How long other readers do not see the letters of a round that is killed.
_HIDDEN_SECONDS = 60
# Chalice names a rule by the function that it fires.
_RULE = re.compile(r"arn:[^/]+:rule/.+-(?P<job>\w+)-event")


@dataclass(frozen=True)
class _Letter:
    """`job` and `scheduled_for` (ISO 8601) are of the run that failed; both are empty if no schedule fired it."""

    receipt: str
    job: str
    scheduled_for: str


@required_env_vars(
    heartbeats.read_all,
    {
        "SCHEDULES_DEAD_LETTERS_URL": [
            SQSOperation.GET_QUEUE_ATTRIBUTES,
            SQSOperation.RECEIVE_MESSAGE,
            SQSOperation.DELETE_MESSAGE_BATCH,
            SQSOperation.CHANGE_MESSAGE_VISIBILITY,
        ]
    },
)
def sweep_dead_letters(a_round: Round) -> None:
    """Deletes the letters of scheduled runs that a later run has made needless."""
    letters = _receive(SCHEDULED_RUNS.depth().waiting)
    if not letters:
        return
    needless = _needless(letters)
    try:
        for start in range(0, len(needless), _AT_ONCE):
            some = needless[start : start + _AT_ONCE]
            if a_round.change(functools.partial(_delete, some)):
                a_round.count("deadLettersDeleted", len(some))
    finally:
        # The health check counts what can be seen.
        for letter in letters if a_round.is_dry else [each for each in letters if each not in needless]:
            _show(letter)


def _receive(number: int) -> list[_Letter]:
    """The letters of the queue, which holds about that many; nobody else sees them meanwhile."""
    letters: list[_Letter] = []
    while len(letters) < min(number, _MOST):
        response = clients.client("sqs").receive_message(
            QueueUrl=Settings.SCHEDULES_DEAD_LETTERS_URL.get(),
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=_HIDDEN_SECONDS,
            # Without any wait SQS asks only some of its servers.
            WaitTimeSeconds=1,
        )
        messages = response.get("Messages", ())
        if not messages:
            break
        letters += [_read(message) for message in messages]
    return letters


def _read(message: Mapping[str, Any]) -> _Letter:
    """A letter of Lambda, which holds the event as `requestPayload`, or of EventBridge, which is the event."""
    try:
        body = json.loads(message["Body"])
        event = body.get("requestPayload", body)
        moment = scheduled_time(event)
        rule = None if moment is None else _RULE.fullmatch(event["resources"][0])
    except (AttributeError, LookupError, TypeError, ValueError):
        moment, rule = None, None
    if moment is None or rule is None or rule["job"] not in SCHEDULES:
        return _Letter(message["ReceiptHandle"], "", "")
    return _Letter(message["ReceiptHandle"], rule["job"], moment)


def _needless(letters: Iterable[_Letter]) -> list[_Letter]:
    succeeded = {name: beat.succeeded_for or "" for name, beat in heartbeats.read_all().items()}
    newest: dict[str, str] = {}
    for letter in letters:
        newest[letter.job] = max(letter.scheduled_for, newest.get(letter.job, ""))
    return [
        letter
        for letter in letters
        if letter.job and (letter.scheduled_for <= succeeded[letter.job] or letter.scheduled_for < newest[letter.job])
    ]


def _delete(letters: Iterable[_Letter]) -> bool:
    entries = [{"Id": str(place), "ReceiptHandle": letter.receipt} for place, letter in enumerate(letters)]
    url = Settings.SCHEDULES_DEAD_LETTERS_URL.get()
    response = clients.client("sqs").delete_message_batch(QueueUrl=url, Entries=entries)
    return not response.get("Failed")


def _show(letter: _Letter) -> None:
    clients.client("sqs").change_message_visibility(
        QueueUrl=Settings.SCHEDULES_DEAD_LETTERS_URL.get(), ReceiptHandle=letter.receipt, VisibilityTimeout=0
    )
