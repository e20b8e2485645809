"""What we know of the external services, kept in Secrets Manager: where they are, and the keys to them."""

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import clients, config
from chalicelib.core.aws.grants import SecretsManagerOperation, of, required_env_vars
from chalicelib.external.addresses import check_url
from chalicelib.external.errors import AddressNotAllowedError, ExternalServiceError, Reason

# A key that is refused is read anew at once; this is for a base URL that moves.
_KNOWN_SECONDS = 300
# So soon does a stage that had no services find out that it has some.
_ABSENT_SECONDS = 60.0


@dataclass(frozen=True)
class Secret:
    """`base_url` is without a slash at its end. What must not be seen is not in its repr."""

    base_url: str
    api_key: str = field(repr=False)
    callback_secret: str | None = field(repr=False)


@required_env_vars({"EXTERNAL_SERVICES_SECRET": [SecretsManagerOperation.GET_SECRET_VALUE]})
def read(*, anew: bool = False) -> Secret | None:
    """The secret that EXTERNAL_SERVICES_SECRET names; None where there is none, or it names no base URL.

    A copy is kept for five minutes in each container, or an absence for one; `anew` asks AWS in any case.

    Raises:
        ExternalServiceError: MISCONFIGURED: it cannot be read, or is not
            `{"base_url": …, "api_key": …, "callback_secret"?: …}`.
    """
    text = _store().text(config.get("EXTERNAL_SERVICES_SECRET"), anew)
    return None if text is None else _parsed(text)


@required_env_vars({"EXTERNAL_SERVICES_SECRET": [SecretsManagerOperation.GET_SECRET_VALUE]})
def source_key(*, anew: bool = False) -> str | None:
    """The key to what EXTERNAL_API_URL names: the secret's `source_api_key`, else its `api_key`; None without either.

    It needs no base URL beside it: a stage may read customers from a service that takes no work. `anew` as in `read`.

    Raises:
        ExternalServiceError: MISCONFIGURED.
    """
    text = _store().text(config.get("EXTERNAL_SERVICES_SECRET"), anew)
    held = {} if text is None else _object(text)
    key = held.get("source_api_key", held.get("api_key"))
    return None if key is None else _checked_key(key)


NEEDS = of(read)


class _Store:
    """Powertools' cache, and beside it the names that do not exist, which it would ask for every time.

    Powertools' part is imported where it is used: every function imports this module, and few read a secret.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider

        self._provider = SecretsProvider(boto3_client=clients.client("secretsmanager"))
        self._clock = clock
        self._absent_until: dict[str, float] = {}

    def text(self, name: str, anew: bool) -> str | None:
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        if not anew and self._clock() < self._absent_until.get(name, 0.0):
            return None
        try:
            return str(self._provider.get(name, max_age=_KNOWN_SECONDS, force_fetch=anew))
        except GetParameterError as error:
            # Powertools keeps only the words of what AWS said; the error itself is behind it.
            if error.__context__ is None or clients.error_code(error.__context__) != "ResourceNotFoundException":
                raise _misconfigured("cannot be read") from error
        self._absent_until[name] = self._clock() + _ABSENT_SECONDS
        return None


@functools.cache
def _store() -> _Store:
    return _Store()


def _object(text: str) -> dict[str, Any]:
    try:
        held = json.loads(text)
    except ValueError:
        # The error would quote it.
        raise _misconfigured("is not JSON") from None
    if not isinstance(held, dict):
        raise _misconfigured("is not an object")
    return held


def _checked_key(key: Any) -> str:
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or not key.strip():
        raise _misconfigured("has no api_key that a header can carry")
    return key


def _parsed(text: str) -> Secret | None:
    held = _object(text)
    base_url, callback_secret = held.get("base_url"), held.get("callback_secret")
    if not base_url:
        return None
    _check_base_url(base_url)
    api_key = _checked_key(held.get("api_key"))
    if callback_secret is not None and (not isinstance(callback_secret, str) or not callback_secret):
        raise _misconfigured("has a callback_secret that is no text")
    return Secret(base_url.rstrip("/"), api_key, callback_secret)


def _check_base_url(base_url: Any) -> None:
    try:
        check_url(base_url if isinstance(base_url, str) else "")
    except AddressNotAllowedError:
        raise _misconfigured("has a base_url that cannot be called") from None


def _misconfigured(fault: str) -> ExternalServiceError:
    return ExternalServiceError(f"the secret of the external services {fault}", Reason.MISCONFIGURED)
