"""The inbox of the audit trail: each request that is audited puts its entry there before it begins, and when it ends.

The end replaces the beginning, as long as that still waits: the stream lets it, and appends the entry after its end.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.audit.models import BEGUN, INBOX, OVER_LIMIT, Entry
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Attr, ConditionFailedError
from chalicelib.core.errors import TooManyRequestsError, UnavailableError, raises
from chalicelib.core.http.call import Audit
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
@raises(UnavailableError)
def begin_entry(execution: Execution) -> None:
    """Writes to the inbox that a request begins. Without that nothing is done: a deed that leaves no trace is worse.

    Raises:
        UnavailableError: it cannot be written.
    """
    entry = _entry(execution, ids.new_id("aud"), BEGUN)
    try:
        INBOX.put(entry.to_item())
    except Exception as error:
        _report(error, execution, entry.to_item())
        raise UnavailableError from error
    execution.audit_id = entry.id


@required_env_vars({"AUDIT_INBOX_TABLE": [DynamoDBOperation.PUT_ITEM]})
def end_entry(execution: Execution) -> None:
    """Writes to the inbox how a request ended. Never raises: an error is logged and reported to the operators.

    If it cannot be written, the entry stays begun.
    """
    item: dict[str, Any] = {}
    try:
        item = _entry(execution, execution.audit_id or ids.new_id("aud"), execution.outcome).to_item()
        if isinstance(execution.public_error, TooManyRequestsError):
            item[OVER_LIMIT] = True
        INBOX.put(item, when=None if execution.audit_id is None else Attr("id").exists())
    except ConditionFailedError:
        # This write took place, and only its answer was lost: the stream has the entry.
        log.info("AUDIT_ENTRY_MOVED", id=execution.audit_id)
    except Exception as error:
        _report(error, execution, item)


def _report(error: Exception, execution: Execution, item: Mapping[str, Any]) -> None:
    # The log keeps the entry.
    log.error("AUDIT_NOT_WRITTEN", error, operation=execution.operation, entry=item)
    alerts.report(error, "audit")


TRAIL_OF_REQUESTS = Audit(begin_entry, end_entry)


def operators_entry_write(operation: str, target: Mapping[str, Any], source: str, moment: str) -> dict[str, Any]:
    """The write, for a transaction, of the entry of what an operator did with AWS credentials.

    `source` is the ARN of the operator's identity, `moment` ISO 8601 in UTC.
    """
    entry = Entry(id=ids.new_id("aud"), timestamp=moment, operation=operation, target=dict(target), source=source)
    return INBOX.to_create(entry.to_item())


def _entry(execution: Execution, entry_id: str, outcome: str) -> Entry:
    return Entry(
        id=entry_id,
        timestamp=ids.timestamp(execution.started_at),
        user_id=execution.actor,
        key_id=execution.api_key_id,
        operation=execution.operation,
        target=_target(execution),
        outcome=outcome,
        source=execution.source,
        request_id=execution.request_id,
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
