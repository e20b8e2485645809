"""The external services that user actions go to: asked with a key, in strict JSON, patiently but not for ever."""

import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chalicelib.core import grants, log, payload, records
from chalicelib.core.errors import DarkroomError
from chalicelib.core.grants import required_env_vars
from chalicelib.external import circuit_breaker, secret
from chalicelib.external.addresses import host_of
from chalicelib.external.client import request
from chalicelib.external.errors import (
    CREDENTIALS_REFUSED,
    AddressNotAllowedError,
    ExternalServiceError,
    Reason,
    refusal,
)
from chalicelib.external.messages import Response
from chalicelib.external.retries import retrying
from chalicelib.external.secret import Secret

PROCESS_FILE = "/file-processor/upload"
GENERATE_REPORT = "/report-generator/create"
EXPORT_DATA = "/data-exporter/queue"
CUSTOM = "/generic-processor"

# With what stands around it, below the 29 seconds that API Gateway waits for an answer.
CALL_SECONDS = 20.0
MAX_ID_CHARACTERS = 256
MAX_STATUS_CHARACTERS = 64


def configured() -> bool:
    """Whether this stage has external services.

    Raises:
        ExternalServiceError: MISCONFIGURED: that cannot be told.
    """
    return secret.read() is not None


def callback_secret() -> str | None:
    """What the services sign their callbacks with (`signatures.verify`); None where none is agreed.

    Raises:
        ExternalServiceError: MISCONFIGURED.
    """
    known = secret.read()
    return None if known is None else known.callback_secret


@required_env_vars({**secret.NEEDS, "ALLOW_PRIVATE_ADDRESSES": []})
def call(
    path: str, data: Mapping[str, Any], *, idempotency_key: str | None = None, deadline: float | None = None
) -> dict[str, Any]:
    """Hands work to a service by POST; gives its answer, in which `id` and `status` are sure to be texts.

    Every attempt carries the same Idempotency-Key, one made for this call unless given. `deadline` is a moment of
    time.monotonic(), CALL_SECONDS from now unless given.

    Raises:
        ExternalServiceRefusedError: it answered with a 4xx that will stay.
        ExternalServiceError: with the reason, and neither what was sent nor what came back.
    """
    key = idempotency_key or str(uuid.uuid4())
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, log.CORRELATION_HEADER: log.correlation_id()}
    return _ask("POST", path, records.to_json(data).encode(), headers, deadline)


def status_of(path: str, external_id: str, *, deadline: float | None = None) -> dict[str, Any]:
    """How the work stands that `call` handed to `path`, by the `id` that it gave.

    Raises:
        ExternalServiceError: as `call` does.
    """
    return _ask("GET", f"{path}/{quote(external_id, safe='')}", None, {}, deadline, about=external_id)


NEEDS = grants.of(call)


def _ask(
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    deadline: float | None,
    about: str | None = None,
) -> dict[str, Any]:
    """The service's answer; where `about` is given, it must be about the work of that id."""
    began = time.monotonic()
    until = began + CALL_SECONDS if deadline is None else deadline
    try:
        host, answer = _authorized(method, path, body, headers, until)
        result = _result(host, answer)
        if about not in (None, result["id"]):
            raise _junk(host, "speaks of other work")
    except ExternalServiceError as error:
        log.warning("EXTERNAL_CALL_FAILED", error, method=method, service=_service(path), reason=error.reason)
        raise
    took = round((time.monotonic() - began) * 1000)
    log.info("EXTERNAL_CALL", method=method, service=_service(path), status=answer.status, durationMs=took)
    return result


def _service(path: str) -> str:
    """The service's name for the log, which takes no path: `file-processor` of `/file-processor/upload/work-1`."""
    return path.split("/")[1]


def _authorized(
    method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
) -> tuple[str, Response]:
    """The host, and its answer to the key that we know, or if that is refused to the one in Secrets Manager now."""
    known = _known(secret.read())
    answer = _send(known, method, path, body, headers, deadline)
    if answer.status in CREDENTIALS_REFUSED:
        known = _known(secret.read(anew=True))
        answer = _send(known, method, path, body, headers, deadline)
    return host_of(known.base_url), answer


def _known(found: Secret | None) -> Secret:
    if found is None:
        raise ExternalServiceError("there are no external services on this stage", Reason.MISCONFIGURED)
    return found


def _send(
    known: Secret, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float
) -> Response:
    circuit = circuit_breaker.of(known.base_url)
    sent = {"Accept": "application/json", "Authorization": f"Bearer {known.api_key}", **headers}

    def attempt() -> Response:
        # An operator named the base URL: it may well be private.
        return request(method, known.base_url + path, body=body, headers=sent, deadline=deadline, trusted=True)

    try:
        return retrying(lambda: circuit.call(attempt), deadline=deadline)
    except AddressNotAllowedError as error:
        raise ExternalServiceError(str(error), Reason.ADDRESS_NOT_ALLOWED) from error


def _result(host: str, answer: Response) -> dict[str, Any]:
    refused = refusal(answer.status, f"{host} answered {answer.status}")
    if refused is not None:
        raise refused
    try:
        result = payload.parse(answer.body)
    except DarkroomError:
        raise _junk(host, "is not JSON as we take it") from None
    if not isinstance(result, dict):
        raise _junk(host, "is not an object")
    if not _is_word(result.get("id"), MAX_ID_CHARACTERS) or not _is_word(result.get("status"), MAX_STATUS_CHARACTERS):
        raise _junk(host, "lacks an id or a status")
    return result


def _is_word(value: Any, longest: int) -> bool:
    # A path of `.` or `..` would lead elsewhere.
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() and value.strip(". ") != ""


def _junk(host: str, fault: str) -> ExternalServiceError:
    return ExternalServiceError(f"the answer of {host} {fault}", Reason.JUNK)
