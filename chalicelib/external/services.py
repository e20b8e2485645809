"""The external services that user actions are delegated to: strict JSON, an API key, retries within a deadline."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import DarkroomError, raises
from chalicelib.core.http import payload
from chalicelib.external import circuit_breaker, secret
from chalicelib.external.addresses import host_of
from chalicelib.external.client import request
from chalicelib.external.errors import (
    CREDENTIALS_REFUSED,
    AddressNotAllowedError,
    ExternalServiceError,
    ExternalServiceRefusedError,
    Reason,
    error_for_status,
)
from chalicelib.external.messages import Response
from chalicelib.external.retries import call_with_retries
from chalicelib.external.secret import Secret

PROCESS_FILE = "/file-processor/upload"
GENERATE_REPORT = "/report-generator/create"
EXPORT_DATA = "/data-exporter/queue"
CUSTOM = "/generic-processor"

# With the rest of a request this stays below API Gateway's timeout of 29 seconds.
CALL_SECONDS = 20.0
MAX_ID_CHARACTERS = 256
MAX_STATUS_CHARACTERS = 64


def is_configured() -> bool:
    """Whether this stage has external services.

    Raises:
        ExternalServiceError: MISCONFIGURED: the secret cannot be read.
    """
    return secret.read() is not None


@required_env_vars(secret.read)
def callback_secret() -> str | None:
    """The key that services sign callbacks with (`signatures.verify`), if there is one.

    Raises:
        ExternalServiceError: MISCONFIGURED.
    """
    current = secret.read()
    return None if current is None else current.callback_secret


@required_env_vars(secret.read, {"ALLOW_PRIVATE_ADDRESSES": []})
@raises(ExternalServiceError, ExternalServiceRefusedError)
def call(
    path: str, data: Mapping[str, Any], *, idempotency_key: str | None = None, deadline: Deadline | None = None
) -> dict[str, Any]:
    """Sends work to a service by POST; returns its response, in which `id` and `status` are strings.

    All attempts have the same Idempotency-Key, by default a new one. `deadline` is by default
    CALL_SECONDS from now.

    Raises:
        ExternalServiceRefusedError: a permanent 4xx.
        ExternalServiceError: any other failure. Neither the request nor the response is in it.
    """
    key = idempotency_key or str(uuid.uuid4())
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, log.CORRELATION_HEADER: log.correlation_id()}
    return _Call("POST", path, ids.to_json(data).encode(), headers, deadline or Deadline.within(CALL_SECONDS)).run()


@required_env_vars(secret.read, {"ALLOW_PRIVATE_ADDRESSES": []})
def fetch_status(path: str, external_id: str, *, deadline: Deadline | None = None) -> dict[str, Any]:
    """The status of the work with the id that `call` returned for `path`.

    Raises:
        ExternalServiceError: as `call` does.
    """
    url_path = f"{path}/{quote(external_id, safe='')}"
    return _Call("GET", url_path, None, {}, deadline or Deadline.within(CALL_SECONDS), expected_id=external_id).run()


@dataclass(frozen=True)
class _Call:
    """One call with its retries. The response must have `expected_id`, if that is set."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]
    deadline: Deadline
    expected_id: str | None = None

    def run(self) -> dict[str, Any]:
        started_at = time.monotonic()
        # The log gets the service's name only: `file-processor` of `/file-processor/upload/work-1`.
        logged = {"method": self.method, "service": self.path.split("/")[1]}
        try:
            host, response = self._send_authorized()
            result = _parse_result(host, response)
            if self.expected_id not in (None, result["id"]):
                raise _junk(host, "is about other work")
        except ExternalServiceError as error:
            log.warning("EXTERNAL_CALL_FAILED", error, **logged, reason=error.reason)
            raise
        duration = round((time.monotonic() - started_at) * 1000)
        log.info("EXTERNAL_CALL", **logged, status=response.status, durationMs=duration)
        return result

    def _send_authorized(self) -> tuple[str, Response]:
        """The host and its response. If the cached API key is refused, tries once more with the current one."""
        current = _existing(secret.read())
        response = self._send_with_retries(current)
        if response.status in CREDENTIALS_REFUSED:
            current = _existing(secret.read(refresh=True))
            response = self._send_with_retries(current)
        return host_of(current.base_url), response

    def _send_with_retries(self, current: Secret) -> Response:
        circuit = circuit_breaker.for_service(current.base_url)
        try:
            return call_with_retries(lambda: circuit.call(lambda: self._send(current)), deadline=self.deadline)
        except AddressNotAllowedError as error:
            raise ExternalServiceError(str(error), Reason.ADDRESS_NOT_ALLOWED) from error

    def _send(self, current: Secret) -> Response:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {current.api_key}", **self.headers}
        url = current.base_url + self.path
        # An operator set the base URL, so it may be private.
        return request(self.method, url, body=self.body, headers=headers, deadline=self.deadline, trusted=True)


def _existing(current: Secret | None) -> Secret:
    if current is None:
        raise ExternalServiceError("there are no external services on this stage", Reason.MISCONFIGURED)
    return current


def _parse_result(host: str, response: Response) -> dict[str, Any]:
    error = error_for_status(response.status, f"{host} answered {response.status}")
    if error is not None:
        raise error
    try:
        result = payload.parse(response.body)
    except DarkroomError:
        raise _junk(host, "is not valid JSON") from None
    if not isinstance(result, dict):
        raise _junk(host, "is not an object")
    if not _is_name(result.get("id"), MAX_ID_CHARACTERS) or not _is_name(result.get("status"), MAX_STATUS_CHARACTERS):
        raise _junk(host, "lacks an id or a status")
    return result


def _is_name(value: Any, max_characters: int) -> bool:
    # An id of `.` or `..` would change the path of fetch_status.
    return isinstance(value, str) and len(value) <= max_characters and value.isprintable() and value.strip(". ") != ""


def _junk(host: str, fault: str) -> ExternalServiceError:
    return ExternalServiceError(f"the response of {host} {fault}", Reason.JUNK)
