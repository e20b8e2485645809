"""The inbox of the audit trail: each request that is audited puts its entry there, in one write."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.audit.models import INBOX, Entry
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.observing import alerts
from chalicelib.core.observing.tracking import Execution

# The fields of payloads and responses that say what was done, and to what.
_IDS = (
    "imageId",
    "keyId",
    "userId",
    "actionId",
    "fileId",
    "jobId",
    "reportId",
    "exportId",
    "reportType",
    "actionType",
    "processingType",
    "format",
    "challenge",
    "role",
)
_FLAGS = ("isActive", "canExportData")
# The form of our identifiers. No address and no secret has it.
_ID_FORM = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@required_env_vars({"AUDIT_INBOX_TABLE": [DynamoDBOperation.PUT_ITEM]})
def write_entry(execution: Execution, source: str, request_id: str) -> None:
    """Writes the entry of a request to the inbox. Never raises: an error is logged and reported to the operators."""
    entry: dict[str, Any] = {}
    try:
        entry = _entry(execution, source, request_id).to_item()
        INBOX.put(entry)
    except Exception as error:
        # The log keeps the entry.
        log.error("AUDIT_NOT_WRITTEN", error, operation=execution.operation, entry=entry)
        alerts.report(error, "audit")


def operators_entry_write(operation: str, target: Mapping[str, Any], source: str, moment: str) -> dict[str, Any]:
    """The write, for a transaction, of the entry of what an operator did with AWS credentials.

    `source` is the ARN of the operator's identity, `moment` ISO 8601 in UTC.
    """
    entry = Entry(id=ids.new_id("aud"), timestamp=moment, operation=operation, target=dict(target), source=source)
    return INBOX.to_create(entry.to_item())


def _entry(execution: Execution, source: str, request_id: str) -> Entry:
    return Entry(
        id=ids.new_id("aud"),
        timestamp=ids.timestamp(execution.started_at),
        user_id=execution.actor,
        key_id=execution.api_key_id,
        operation=execution.operation,
        target=_target(execution),
        outcome=execution.outcome,
        source=source,
        request_id=request_id,
    )


def _target(execution: Execution) -> dict[str, Any]:
    """What the operation was about, by ids. Of an anonymous caller, the SHA-256 of the e-mail address in lower case."""
    fields = {**execution.response, **execution.payload}
    target = {name: fields[name] for name in _IDS if _is_id(fields.get(name))}
    target |= {name: fields[name] for name in _FLAGS if isinstance(fields.get(name), bool)}
    target |= _granted(execution.payload)
    if execution.endpoint.startswith("PATCH "):
        target["changed"] = _changed_fields(execution)
    address = execution.payload.get("email")
    if execution.actor is None and isinstance(address, str):
        target["addressHash"] = hashlib.sha256(address.lower().encode()).hexdigest()
    return target


def _changed_fields(execution: Execution) -> str:
    """The names of the fields in the body of a PATCH (`outer.inner` within objects), without their values."""
    in_path = re.findall(r"{(\w+)}", execution.endpoint)
    names: set[str] = set()
    for name, value in execution.payload.items():
        if name not in in_path:
            names |= {f"{name}.{inner}" for inner in value} if isinstance(value, Mapping) and value else {name}
    return " ".join(sorted(names))


def _granted(payload: Mapping[str, Any]) -> dict[str, str]:
    """The access types of a key, and the limits of a key or a user: each as one text."""
    kinds, numbers = payload.get("accessTypes"), payload.get("limits")
    granted: dict[str, str] = {}
    if isinstance(kinds, list):
        granted["accessTypes"] = " ".join(sorted(kind for kind in kinds if _is_id(kind)))
    if isinstance(numbers, Mapping):
        valid = {name: number for name, number in numbers.items() if _is_id(name) and isinstance(number, int | float)}
        granted["limits"] = " ".join(f"{name}={valid[name]}" for name in sorted(valid))
    return granted


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID_FORM.fullmatch(value) is not None
