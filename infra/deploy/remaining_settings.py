"""What is left between Chalice's deploy and a finished stage: each setting compared with what it is to be."""

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
    """All that is not as it should be, in the order in which it is to be put right."""
    return [change for part in _PARTS for change in part(target)]


def apply(target: Target, progress: Progress) -> int:
    """Puts right what is not as it should be; how many settings that were."""
    applied = 0
    # What is published follows from how the functions are then: it is compared after they are put right.
    for part in _PARTS:
        for change in part(target):
            progress(change.what)
            _patiently(change)
            applied += 1
    return applied


# A role's new rights are not known everywhere at once, and what is still being changed cannot be changed again.
_PATIENCE_SECONDS = 90
_BUSY = {"ResourceInUseException", "ResourceConflictException"}
_UNKNOWN_YET = ("permission", "cannot be assumed", "not authorized")


def _patiently(change: Change) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            change.apply()
            return
        except ClientError as error:
            if time.monotonic() > until or not _passes(error):
                raise
            time.sleep(3)


def _passes(error: ClientError) -> bool:
    """Whether the same call may succeed in some seconds."""
    if code_of(error) == "InvalidParameterValueException":
        return any(words in message_of(error) for words in _UNKNOWN_YET)
    return code_of(error) in _BUSY


# ------------------------------------------------------------------------- functions


def _functions(target: Target) -> Iterator[Change]:
    """Environments, the key that encrypts them, traces: Chalice knows of no key, nor of the address that it makes."""
    lambda_ = target.client("lambda")
    key = target.config["stages"][target.stage].get(_KEY, "")
    found = functions.deployed(target)
    for name in target.declared:
        standing = found.get(target.lambda_name(name))
        if standing is None:
            continue
        wrong: dict[str, Any] = {}
        if standing.get("KMSKeyArn", "") != key:
            wrong["KMSKeyArn"] = key
        if standing.get("Environment", {}).get("Variables", {}) != target.settings(name):
            wrong["Environment"] = {"Variables": target.settings(name)}
        tracing = {"Mode": "Active" if target.is_traced(name) else "PassThrough"}
        if standing.get("TracingConfig", {}) != tracing:
            # Chalice switches it on and never off.
            wrong["TracingConfig"] = tracing
        if wrong:
            yield Change(
                f"{name}: {', '.join(sorted(wrong))}", functools.partial(_configure, lambda_, target, name, wrong)
            )


def _configure(lambda_: Any, target: Target, name: str, wrong: dict[str, Any]) -> None:
    function = target.lambda_name(name)
    lambda_.update_function_configuration(FunctionName=function, **wrong)
    lambda_.get_waiter("function_updated_v2").wait(FunctionName=function)


# What is published for an alias is published as it is to be, so that comes last.
_PARTS = (_functions, trigger_settings.changes, api_settings.changes, tags.changes, provisioned_concurrency.changes)
