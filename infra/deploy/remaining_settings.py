"""The settings that Chalice's deploy does not make: each is compared with its target, and changed if it differs."""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy import api_settings, functions, provisioned_concurrency, tags, trigger_settings
from infra.deploy.change import Change
from infra.deploy.errors import code_of, message_of
from infra.deploy.target import Target

_KEY = "kms_key_arn"

Progress = Callable[[str], None]


def changes(target: Target) -> list[Change]:
    """All needed changes, in the order in which they have to be made."""
    return [change for part in _PARTS for change in part(target)]


def apply(target: Target, progress: Progress) -> int:
    """Makes all needed changes; returns their number."""
    applied = 0
    # The parts are compared one after the other, because published versions depend on the functions' settings.
    for part in _PARTS:
        for change in part(target):
            progress(change.what)
            _apply_with_retries(change)
            applied += 1
    return applied


# A role's new policy takes effect with a delay, and a resource that is being changed cannot be changed again.
_RETRY_SECONDS = 90
_BUSY = {"ResourceInUseException", "ResourceConflictException"}
_NOT_YET_EFFECTIVE = ("permission", "cannot be assumed", "not authorized")


def _apply_with_retries(change: Change) -> None:
    until = time.monotonic() + _RETRY_SECONDS
    while True:
        try:
            change.apply()
            return
        except ClientError as error:
            if time.monotonic() > until or not _is_temporary(error):
                raise
            time.sleep(3)


def _is_temporary(error: ClientError) -> bool:
    """Whether the same call may succeed some seconds later."""
    if code_of(error) == "InvalidParameterValueException":
        return any(words in message_of(error) for words in _NOT_YET_EFFECTIVE)
    return code_of(error) in _BUSY


# ------------------------------------------------------------------------- functions


def _functions(target: Target) -> Iterator[Change]:
    """Environments, their encryption key, tracing. Chalice supports no key and does not know the API's address."""
    lambda_ = target.client("lambda")
    key = target.config["stages"][target.stage].get(_KEY, "")
    deployed = functions.deployed(target)
    for name in target.grants:
        current = deployed.get(target.lambda_name(name))
        if current is None:
            continue
        wrong: dict[str, Any] = {}
        if current.get("KMSKeyArn", "") != key:
            wrong["KMSKeyArn"] = key
        if current.get("Environment", {}).get("Variables", {}) != target.settings(name):
            wrong["Environment"] = {"Variables": target.settings(name)}
        tracing = {"Mode": "Active" if target.is_traced(name) else "PassThrough"}
        if current.get("TracingConfig", {}) != tracing:
            # Chalice switches tracing on, but never off.
            wrong["TracingConfig"] = tracing
        if wrong:
            yield Change(
                f"{name}: {', '.join(sorted(wrong))}", functools.partial(_configure, lambda_, target, name, wrong)
            )


def _configure(lambda_: Any, target: Target, name: str, wrong: dict[str, Any]) -> None:
    function = target.lambda_name(name)
    lambda_.update_function_configuration(FunctionName=function, **wrong)
    lambda_.get_waiter("function_updated_v2").wait(FunctionName=function)


# A published version contains the function's settings, so provisioned concurrency comes last.
_PARTS = (_functions, trigger_settings.changes, api_settings.changes, tags.changes, provisioned_concurrency.changes)
