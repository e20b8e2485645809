"""The base URL and credentials of the external services, from Secrets Manager."""

import functools
import json
import time
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import clients
from chalicelib.core.aws.grants import SecretsManagerOperation, required_env_vars
from chalicelib.core.errors import raises
from chalicelib.core.settings import Settings
from chalicelib.external.addresses import check_url
from chalicelib.external.errors import AddressNotAllowedError, ExternalServiceError, Reason

# A refused key is refreshed at once, so this only delays a changed base URL.
_CACHE_SECONDS = 300
# How long a missing secret is not looked for again.
_ABSENT_SECONDS = 60.0


@dataclass(frozen=True)
class Secret:
    """`base_url` has no trailing slash. The repr hides the credentials."""

    base_url: str
    api_key: str = field(repr=False)
    callback_secret: str | None = field(repr=False)


@required_env_vars({"EXTERNAL_SERVICES_SECRET": [SecretsManagerOperation.GET_SECRET_VALUE]})
@raises(ExternalServiceError)
def read(*, refresh: bool = False) -> Secret | None:
    """The secret that EXTERNAL_SERVICES_SECRET names; None if it does not exist or has no base URL.

    Each container caches it for five minutes, and a missing one for one minute. `refresh` skips the cache.

    Raises:
        ExternalServiceError: MISCONFIGURED: it cannot be read, or is not
            `{"base_url": …, "api_key": …, "callback_secret"?: …}`.
    """
    text = _store().read(Settings.EXTERNAL_SERVICES_SECRET.get(), refresh)
    return None if text is None else _parse(text)


@required_env_vars({"EXTERNAL_SERVICES_SECRET": [SecretsManagerOperation.GET_SECRET_VALUE]})
def source_key(*, refresh: bool = False) -> str | None:
    """The key for EXTERNAL_API_URL: the secret's `source_api_key`, else its `api_key`, else None.

    It needs no base URL: a stage may sync customers without other external services. `refresh` is as in `read`.

    Raises:
        ExternalServiceError: MISCONFIGURED.
    """
    text = _store().read(Settings.EXTERNAL_SERVICES_SECRET.get(), refresh)
    fields = {} if text is None else _parse_object(text)
    key = fields.get("source_api_key", fields.get("api_key"))
    return None if key is None else _checked_key(key)


class _Store:
    """Caches secrets through Powertools, which does not cache missing ones; this class does.

    Powertools is imported on first use: every function imports this module, and few read a secret.
    """

    def __init__(self) -> None:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider

        self._provider = SecretsProvider(boto3_client=clients.client("secretsmanager"))
        self._absent_until: dict[str, float] = {}

    def read(self, name: str, refresh: bool) -> str | None:
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        if not refresh and time.monotonic() < self._absent_until.get(name, 0.0):
            return None
        try:
            return str(self._provider.get(name, max_age=_CACHE_SECONDS, force_fetch=refresh))
        except GetParameterError as error:
            # Powertools keeps only the message; AWS's own error is its context.
            if error.__context__ is None or clients.error_code(error.__context__) != "ResourceNotFoundException":
                raise _misconfigured("cannot be read") from error
        self._absent_until[name] = time.monotonic() + _ABSENT_SECONDS
        return None


@functools.cache
def _store() -> _Store:
    return _Store()


def _parse_object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError:
        # The error quotes the text.
        raise _misconfigured("is not JSON") from None
    if not isinstance(fields, dict):
        raise _misconfigured("is not an object")
    return fields


def _checked_key(key: Any) -> str:
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or not key.strip():
        raise _misconfigured("has no api_key that a header can carry")
    return key


def _parse(text: str) -> Secret | None:
    fields = _parse_object(text)
    base_url, callback_secret = fields.get("base_url"), fields.get("callback_secret")
    if not base_url:
        return None
    try:
        check_url(base_url if isinstance(base_url, str) else "")
    except AddressNotAllowedError:
        raise _misconfigured("has a base_url that cannot be called") from None
    api_key = _checked_key(fields.get("api_key"))
    if callback_secret is not None and (not isinstance(callback_secret, str) or not callback_secret):
        raise _misconfigured("has a callback_secret that is not a text")
    return Secret(base_url.rstrip("/"), api_key, callback_secret)


def _misconfigured(fault: str) -> ExternalServiceError:
    return ExternalServiceError(f"the secret of the external services {fault}", Reason.MISCONFIGURED)
