"""The only reader of os.environ: environment, then SSM Parameter Store, then the default, then a clear error."""

import functools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.core import clients
from chalicelib.core.errors import InvalidSettingError, MissingConfigError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider

VERSION = "0.2.0"

# Every other setting names a resource and must be set.
DEFAULTS = {
    "SERVICE_NAME": "darkroom",
    "CORS_ORIGIN": "*",
    "MAX_FILE_SIZE": "10485760",
    "MAX_PIXELS": "50331648",
    "ALLOWED_TYPES": "image/jpeg,image/png,image/gif,image/webp",
    "RESIZE_DIMENSIONS": "small=800x600,medium=1200x900,large=1920x1080",
    "QUALITY_SETTING": "85",
    "OUTPUT_FORMATS": "jpeg",
    "WATERMARK_TEXT": "Processed by Image Platform",
    "WATERMARK_FONT": "Arial",
    "WATERMARK_COLOR": "#FFFFFF",
    "WATERMARK_POSITION": "bottom-right",
    "WATERMARK_OPACITY": "0.5",
    "WATERMARK_IMAGE_KEY": "",
    "SCAN_COMMAND_URL": "",
    "ALLOW_PRIVATE_ADDRESSES": "false",
    "FONTS_PREFIX": "fonts/",
    "LINK_EXPIRY_SECONDS": "3600",
    "SENDER_EMAIL": "",
    "EXPORT_EMAIL_DOMAINS": "",
    "USAGE_KEEP_DAYS": "90",
    "KEEP_RECORDS_DAYS": "30",
    "ARCHIVE_BUCKET": "",
    "REQUESTS_PER_MINUTE": "600",
    "REQUESTS_PER_HOUR": "20000",
    "AUTH_PER_ADDRESS_PER_MINUTE": "10",
    "AUTH_PER_SOURCE_PER_MINUTE": "60",
    "WRONG_PASSWORDS_PER_MINUTE": "5",
    "WRONG_PASSWORDS_PER_DAY": "1000",
    "COGNITO_FORMER_CLIENT_ID": "",
    "HEALTH_PER_SOURCE_PER_MINUTE": "60",
    "STORED_BYTES_PER_USER": "10737418240",
    "DOLLARS_PER_HOUR": "1",
    "DOLLARS_PER_DAY": "10",
    "DOLLARS_PER_MONTH": "100",
    "CHECK_ANSWERS": "false",
    "CUSTOM_ACTION_TYPES": "",
    "EXTERNAL_SERVICES_SECRET": "darkroom/{stage}/external-services",
    "API_BASE_URL": "",
    "EXTERNAL_API_URL": "",
    "ENABLE_BATCH_PROCESSING": "true",
    "BATCH_SIZE": "10",
    "BATCH_PAUSE_MS": "0",
    "LOG_LEVEL": "INFO",
}

# Never read from the environment: consoles show it, and child processes inherit it.
STORED_ONLY = frozenset({"COGNITO_CLIENT_SECRET"})

# A Lambda container lives for hours at most: a parameter is read once in its life.
_CONTAINER_LIFE_SECONDS = 86_400


def get(name: str) -> str:
    """The value of a setting, as text. Raises MissingConfigError if it is set nowhere and has no default."""
    value = _in_environment(name)
    return value if value is not None else resolve([name])[name]


def integer(name: str) -> int:
    """Raises InvalidSettingError if the setting is not a whole number."""
    value = get(name)
    try:
        return int(value)
    except ValueError:
        raise InvalidSettingError(name, value, "must be a whole number") from None


def number(name: str) -> float:
    """Raises InvalidSettingError if the setting is not a number."""
    value = get(name)
    try:
        return float(value)
    except ValueError:
        raise InvalidSettingError(name, value, "must be a number") from None


def choice(name: str, known: Iterable[str]) -> str:
    """The one of `known` that the setting names, ignoring case and blanks around it. Raises InvalidSettingError."""
    return chosen(name, get(name), known)


def chosen(name: str, value: str, known: Iterable[str]) -> str:
    """As `choice`, for a value of the setting `name`."""
    by_name = {each.casefold(): each for each in known}
    try:
        return by_name[value.strip().casefold()]
    except KeyError:
        raise InvalidSettingError(name, value, f"must be one of {', '.join(by_name.values())}") from None


def flag(name: str) -> bool:
    return get(name).strip().lower() in {"true", "1", "yes", "on"}


def words(name: str) -> list[str]:
    """The parts of a comma-separated setting."""
    return [word.strip() for word in get(name).split(",") if word.strip()]


def resolve(names: Iterable[str]) -> dict[str, str]:
    """The values of several settings; those that are not in the environment are fetched from Parameter Store at once.

    Raises:
        MissingConfigError: naming every setting that is set nowhere, and both places.
    """
    in_environment = {name: _in_environment(name) for name in names}
    values = {name: value for name, value in in_environment.items() if value is not None}
    others = [name for name in in_environment if name not in values]
    stored = _stored(others) if others else {}
    missing = {name: parameter_path(name) for name in others if name not in stored and name not in DEFAULTS}
    if missing:
        raise MissingConfigError(missing)
    return values | {name: stored[name] if name in stored else _default(name) for name in others}


def _in_environment(name: str) -> str | None:
    return None if name in STORED_ONLY else os.environ.get(name)


def forget_parameters() -> None:
    """Forgets the values from Parameter Store: the next look-up finds what has changed there."""
    _provider().store.clear()


def _default(name: str) -> str:
    return DEFAULTS[name].replace("{stage}", stage())


def _stored(names: Iterable[str]) -> dict[str, str]:
    paths = {name: parameter_path(name) for name in names}
    unknown = [path for name, path in paths.items() if path not in _absent]
    values: dict[str, Any] = {}
    if unknown:
        values = _provider().get_parameters_by_name(
            parameters={path: {} for path in unknown},
            decrypt=True,
            max_age=_CONTAINER_LIFE_SECONDS,
            raise_on_error=False,
        )
    # A default that serves now serves for the container's life; without one, the next call looks again.
    _absent.update(path for name, path in paths.items() if name in DEFAULTS and path not in values)
    return {name: str(values[path]) for name, path in paths.items() if path in values}


_absent: set[str] = set()


@functools.cache
def _provider() -> "SSMProvider":
    # Imported late: if the environment has every setting, this is never needed.
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    return SSMProvider(boto3_client=clients.client("ssm"))


def parameter_path(name: str) -> str:
    return f"/darkroom/{stage()}/{service()}/{name}"


def stage() -> str:
    return os.environ.get("STAGE", "local")


def service() -> str:
    return os.environ.get("SERVICE_NAME", DEFAULTS["SERVICE_NAME"])


def region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "us-east-1")


def log_level() -> str:
    return os.environ.get("LOG_LEVEL", DEFAULTS["LOG_LEVEL"])


def cors_origin() -> str:
    """Read when app.py is imported, so from the environment only."""
    return os.environ.get("CORS_ORIGIN", DEFAULTS["CORS_ORIGIN"])


def schedules_off() -> frozenset[str]:
    """The schedules that this stage does not have. Read when app.py is imported, so from the environment only."""
    names = os.environ.get("SCHEDULES_OFF", "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


def function_name() -> str:
    """The running function's name at AWS; the API under `chalice local` has none."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", f"{service()}-{stage()}")


def is_traced() -> bool:
    """Whether X-Ray keeps the trace of the current run (Lambda, "Defined runtime environment variables")."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ and "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")


def function_memory_mb() -> int:
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"))


class TriggerName(str):
    """A trigger's name that also knows its variable: its grants are found by it."""

    variable: str


def trigger_name(variable: str) -> TriggerName:
    """The bucket, queue, topic or stream of a trigger, for its decorator; of a queue's URL the queue's name.

    From the environment only: every function imports app.py, so a look-up elsewhere would slow each cold start.
    Without the variable a running function gets a placeholder, which it never uses.

    Raises:
        SystemExit: Chalice's command line deploys the triggers, and the variable is not set.
    """
    value = os.environ.get(variable)
    if value is None:
        if os.environ.get("AWS_CHALICE_CLI_MODE") and stage() != "local":
            raise SystemExit(
                f"{variable} is named by AWS when the stage's resources are made: run `python -m infra deploy --stage "
                f"{stage()}`, which makes them and then calls Chalice."
            )
        value = f"unset-{variable.lower().replace('_', '-')}"
    name = TriggerName(value.rsplit("/", 1)[-1] if value.startswith(("http://", "https://")) else value)
    name.variable = variable
    return name
