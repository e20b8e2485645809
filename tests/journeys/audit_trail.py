"""The audit trail of the local machine, read from its tables."""

import os
from typing import Any

from chalicelib.core import clients
from local.machine import Machine
from tests.waiting import wait_for


def audit_entries(machine: Machine) -> list[dict[str, Any]]:
    """Every entry of the trail, oldest first, once the inbox is empty."""
    wait_for(
        lambda: machine.records_waiting("audit_entries") == 0 and not all_items(machine, "AUDIT_INBOX_TABLE"),
        "the inbox to be empty",
    )
    entries = [item for item in all_items(machine, "AUDIT_TABLE") if item["day"] != "head"]
    return sorted(entries, key=lambda entry: str(entry["sequence"]))


def audit_entries_of(machine: Machine, user_id: str) -> list[dict[str, Any]]:
    return [entry for entry in audit_entries(machine) if entry.get("userId") == user_id]


def all_items(machine: Machine, setting: str) -> list[dict[str, Any]]:
    """Every item of the table that `setting` names: in this process first, where a test may have its own table."""
    name = os.environ.get(setting) or machine.environment[setting]
    pages = machine.client("dynamodb").get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return [clients.unmarshal(item) for page in pages for item in page["Items"]]
