"""admin: what administrators look at."""

from typing import Any

import click

from darkroom import options
from darkroom.api import Api
from darkroom.options import Command, of_input
from darkroom.output import Output, table, time_in_words


def _limited(command: Command) -> Command:
    return options.limit(50)(options.connected(command))


@click.group(cls=options.Group)
def admin() -> None:
    """Users, syncs, the audit trail and the stage's health. For administrators."""


@admin.command()
@of_input("list_users", "role")
@of_input("list_users", "email")
@_limited
def users(api: Api, out: Output, limit: int, **filters: Any) -> None:
    """Find users by role or address."""
    found = list(api.pages("list_users", limit, **filters))
    rows = [
        (
            each["userId"],
            each["email"],
            each["name"],
            each["role"],
            "yes" if each["isActive"] else "no",
            time_in_words(each["createdAt"]),
        )
        for each in found
    ]
    text = table(("user", "email", "name", "role", "active", "created"), rows, "There are no such users.")
    out.answer({"success": True, "items": found}, text)


@admin.command()
@of_input("list_syncs", "status")
@_limited
def syncs(api: Api, out: Output, limit: int, status: str | None) -> None:
    """List the scheduled syncs, newest first."""
    found = list(api.pages("list_syncs", limit, status=status))
    rows = [
        (
            each["syncId"],
            each["kind"],
            each["status"],
            time_in_words(each["executedAt"]),
            each["recordCount"],
            each["created"],
            each["updated"],
            each["reason"],
        )
        for each in found
    ]
    headings = ("sync", "kind", "status", "began", "records", "created", "updated", "reason")
    out.answer({"success": True, "items": found}, table(headings, rows, "There are no such syncs."))


@admin.command()
@of_input("list_audit", "day")
@of_input("list_audit", "userId", "--user", "user_id")
@_limited
def audit(api: Api, out: Output, limit: int, day: str | None, user_id: str | None) -> None:
    """List the audit trail of a day, newest first."""
    found = list(api.pages("list_audit", limit, day=day, userId=user_id))
    rows = [
        (
            each["sequence"],
            each["timestamp"][11:19],
            each["operation"],
            each["outcome"],
            each["userId"],
            each["source"],
            " ".join(f"{name}={value}" for name, value in each["target"].items()),
        )
        for each in found
    ]
    headings = ("number", "time", "operation", "outcome", "user", "source", "target")
    out.answer({"success": True, "items": found}, table(headings, rows, "There are no entries."))


@admin.command()
@options.connected
def health(api: Api, out: Output) -> None:
    """Show the state of each dependency, job and queue."""
    found = api.call("get_system_health")
    dependencies = [("dependency", each["name"], each["status"], each["detail"]) for each in found["dependencies"]]
    jobs = [("job", each["name"], _job_state(each), f"next: {each['nextRunAt'] or 'never'}") for each in found["jobs"]]
    queues = [
        ("queue", each["name"], each["waiting"], each["detail"])
        for each in (*found["queues"], *found["deadLetterQueues"])
    ]
    rows = table(("kind", "name", "state", "detail"), [*dependencies, *jobs, *queues], "")
    out.answer(found, f"{found['stage']} is {found['status']}, checked {found['checkedAt'] or 'never'}.\n{rows}")


def _job_state(job: dict[str, Any]) -> str:
    if job["overdue"]:
        return f"overdue ({job['overdue']['why']})"
    return str(job["lastRun"]["outcome"]) if job["lastRun"] else "never run"
