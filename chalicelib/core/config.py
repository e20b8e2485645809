"""The only reader of os.environ and of Parameter Store. What their texts mean is said in core/settings."""

import functools
import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core import clients

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider

VERSION = "0.2.0"

# A Lambda container lives for hours at most: a parameter is read once in its life.
_CONTAINER_LIFE_SECONDS = 86_400


def in_environment(name: str) -> str | None:
    """The environment variable; None if it is not set."""
    return os.environ.get(name)


def in_parameter_store(paths: Mapping[str, str], with_default: Collection[str]) -> dict[str, str]:
    """The stored values of those of `paths` (name → path) that Parameter Store has, fetched in one go.

    The names in `with_default` have a value without it: if they are not stored, they are looked for only once.
    """
    unknown = [path for path in paths.values() if path not in _absent]
    values: dict[str, Any] = {}
    if unknown:
        values = _provider().get_parameters_by_name(
            parameters={path: {} for path in unknown},
            decrypt=True,
            max_age=_CONTAINER_LIFE_SECONDS,
            raise_on_error=False,
        )
    # A default that serves now serves for the container's life; without one, the next call looks again.
    _absent.update(path for name, path in paths.items() if name in with_default and path not in values)
    return {name: str(values[path]) for name, path in paths.items() if path in values}


_absent: set[str] = set()


def forget_parameters() -> None:
    """Forgets the values from Parameter Store: the next look-up finds what has changed there."""
    _provider().store.clear()


@functools.cache
def _provider() -> "SSMProvider":
    # Imported late: if the environment has every setting, this is never needed.
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    return SSMProvider(boto3_client=clients.client("ssm"))


# ------------------------------------------------------------ what Lambda and Chalice tell the process


def region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "us-east-1")


def function_name() -> str | None:
    """The running function's name at AWS; None under `chalice local`."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


def is_traced() -> bool:
    """Whether X-Ray keeps the trace of the current run (Lambda, "Defined runtime environment variables")."""
    return function_name() is not None and "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")


def function_memory_mb() -> int:
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"))


def is_chalice_command() -> bool:
    """Whether Chalice's command line imports the application, to deploy it or to serve it locally."""
    return bool(os.environ.get("AWS_CHALICE_CLI_MODE"))
