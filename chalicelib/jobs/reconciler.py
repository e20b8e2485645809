"""The reconciler: counts and sends on what the streams have lost, and tells the operators that they did.

A stream's function repeats what failed for 23 hours (infra/event_delivery.py), so this finds something after a longer
outage, or a defect. Each hour it looks at the inbox of the audit trail. Once a day it makes a pass over all accounts:
it counts usage records that were not counted, and compares stored bytes with the images of each user who did something.
A pass that is cut off goes on in the next run.
"""

import functools
from dataclasses import dataclass
from typing import Any

from chalicelib import audit, images, metering
from chalicelib.accounts.models import ERASING_SINCE, STORED_BYTES_DIFFERENCE, USERS
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Item
from chalicelib.core.observing import metrics
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT
from chalicelib.jobs import rounds
from chalicelib.jobs.leases import JOBS
from chalicelib.jobs.rounds import Round
from chalicelib.jobs.runner import Job, Run, payload

# Longer than any request may take.
_REQUEST_MINUTES = 15
# Longer than any run may take: its record has the time of its start.
_RUN_HOURS = 1
_HOURS_BETWEEN_PASSES = 24
# Dedupe keys live for eight days: younger records are counted twice by no one.
_DAYS_BACK = 7
_ACCOUNTS_AT_ONCE = 100
_PLACE = "reconciler#usage"

SENT_AGAIN, STUCK, BEGUN = "auditEntriesSentAgain", "auditEntriesStuck", "requestsCutOff"
RUNS, BYTES, NOT_CHECKED = "runsCounted", "storedBytesCorrected", "usageNotChecked"
ERASING = "erasuresUnfinished"


@required_env_vars(
    audit.waiting_since,
    audit.send_again,
    metering.count_lost_runs,
    images.correct_stored_bytes,
    {
        "USERS_TABLE": [DynamoDBOperation.SCAN],
        "JOBS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
    },
)
def reconcile(run: Run) -> dict[str, Any]:
    """One round (`rounds.go_through`); it counts what was mended, and emits that as a metric."""
    answer = rounds.go_through(run, send_entries_again, check_accounts)
    counts = answer["counts"]
    mended = sum(counts.get(what, 0) for what in (SENT_AGAIN, STUCK, RUNS, BYTES, NOT_CHECKED, ERASING))
    if not run.is_dry:
        metrics.emit({"Reconciled": (mended, metrics.COUNT)}, totals=["Reconciled"], Operation=run.job)
    return answer


RECONCILER = Job("reconciler", reconcile, payload("reconcile"), lease="reconciler")


# ------------------------------------------------------------------------- the audit trail


def send_entries_again(a_round: Round) -> None:
    """Sends entries to the trail that wait in its inbox: of requests that were cut off, and what the stream lost."""
    waiting = audit.waiting_since(a_round.before(minutes=_REQUEST_MINUTES))
    for item in a_round.until_deadline(waiting):
        if audit.is_given_up(item):
            a_round.report(STUCK, id=item["id"])
        elif a_round.change(functools.partial(audit.send_again, item, a_round.now)):
            has_ended = item.get("outcome") != audit.BEGUN
            a_round.report(SENT_AGAIN if has_ended else BEGUN, id=item["id"], operation=str(item.get("operation")))


# ------------------------------------------------------------------- usage and stored bytes


@dataclass(frozen=True)
class _Pass:
    """A pass over all accounts: it looks at runs begun from `since` to `until`, and has come to the key `after`."""

    since: str
    until: str
    after: Item | None = None
    ended_at: str | None = None

    @classmethod
    def due(cls, a_round: Round) -> "_Pass | None":
        """The pass to go on with, or to begin; None if the last one ended less than a day ago.

        Before the first one nothing is looked at: earlier releases stored other dedupe keys.
        """
        row = JOBS.get(_PLACE)
        if row is None:
            first = cls(a_round.now, a_round.now, ended_at=a_round.now)
            a_round.change(first.write)
            return None
        if row.get("endedAt") is None:
            return cls(row["since"], row["until"], row.get("after"))
        if row["endedAt"] > a_round.before(hours=_HOURS_BETWEEN_PASSES):
            return None
        return cls(row["until"], max(row["until"], a_round.before(hours=_RUN_HOURS)))

    def write(self) -> bool:
        """Writes down how far the pass has come."""
        times = {"since": self.since, "until": self.until, "after": self.after, "endedAt": self.ended_at}
        JOBS.put({"name": _PLACE, **times})
        return True

    def next_part(self, after: Item | None, now: str) -> "_Pass":
        return _Pass(self.since, self.until, after, now if after is None else None)


def check_accounts(a_round: Round) -> None:
    """Goes on with the pass over all accounts, as far as time allows."""
    a_pass = _Pass.due(a_round)
    if a_pass is None:
        return
    since = max(a_pass.since, a_round.before(days=_DAYS_BACK))
    if since > a_pass.since:
        a_round.report(NOT_CHECKED, since=a_pass.since, until=min(since, a_pass.until))
    if a_pass.after is None:
        _check_runs(a_round, SYSTEM_ACCOUNT, since, a_pass.until)
    for users, after in a_round.until_deadline(USERS.scan(_ACCOUNTS_AT_ONCE, a_pass.after)):
        _check_users(a_round, users, since, a_pass.until)
        a_round.change(a_pass.next_part(after, a_round.now).write)


def _check_users(a_round: Round, users: list[Item], since: str, until: str) -> None:
    for user in users:
        if user.get(ERASING_SINCE, a_round.now) <= a_round.before(minutes=_REQUEST_MINUTES):
            a_round.report(ERASING, userId=user["userId"])
    checks = [functools.partial(_check_user, a_round, user, since, until) for user in users]
    if a_round.is_dry:
        for check in checks:
            check()
    else:
        a_round.change_all(checks)


def _check_user(a_round: Round, user: Item, since: str, until: str) -> bool:
    user_id = user["userId"]
    has_run = _check_runs(a_round, user_id, since, until)
    if not a_round.is_dry and (has_run or STORED_BYTES_DIFFERENCE in user):
        # The difference was noted in an earlier pass, a day ago.
        correction = images.correct_stored_bytes(user_id, a_round.now, a_round.before(hours=_HOURS_BETWEEN_PASSES - 1))
        if correction is not None:
            a_round.report(BYTES, userId=user_id, bytes=str(correction))
    return True


def _check_runs(a_round: Round, account: str, since: str, until: str) -> bool:
    """Counts the lost runs of an account; whether it had any runs."""
    found, lost = metering.count_lost_runs(account, since, until, is_dry=a_round.is_dry)
    if lost:
        a_round.report(RUNS, account=account, number=str(lost))
    return found > 0
