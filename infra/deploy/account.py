"""The limits of the account: checked before a deploy begins, and mentioned in the plan."""

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra import pipeline_timeouts, settings, stages, template
from infra.deploy import functions
from infra.deploy.errors import RefusedError, code_of, ignoring
from infra.deploy.target import Target

# Lambda keeps these executions for functions without a reservation ("Understanding Lambda function scaling"). With a
# lower limit an account can reserve none; a new account has 10.
_ALWAYS_UNRESERVED = 100
_CONCURRENCY_QUOTA = "L-B99A9384"

# Bytes of a function's environment variables ("Lambda quotas").
_MAX_ENVIRONMENT = 4096
# Bytes of the settings that the first deploy records.
_RECORDED_LATER = 768


def check(target: Target) -> None:
    """Raises:
    RefusedError: the account or Lambda would refuse the stage's settings.
    """
    _check_pipeline(target)
    _check_environments(target)
    _check_concurrency(target)


def _check_pipeline(target: Target) -> None:
    """The type of a state machine cannot change, and CloudFormation cannot replace one with a fixed name."""
    try:
        timed = pipeline_timeouts.with_timeouts(template.load(), settings.timeouts(target.config, target.stage))
    except pipeline_timeouts.TooLongError as error:
        raise RefusedError(f"{error} Shorten them, and deploy again.") from None
    wanted = timed["Resources"][pipeline_timeouts.STATE_MACHINE]["Properties"]["StateMachineType"]
    arn = stages.arn_of(stages.resources()[pipeline_timeouts.STATE_MACHINE], target.place)
    current = wanted
    with ignoring("StateMachineDoesNotExist"):
        current = target.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["type"]
    if current != wanted:
        raise RefusedError(
            f"With these timeouts the state machine of {target.stage} must be {wanted}, and it is {current}. AWS "
            "cannot change that. Keep the sum of the timeouts of validation, resize and watermark on the same side of "
            f"five minutes, or `python -m infra destroy --stage {target.stage}` (data stays) and deploy again."
        )


def _check_environments(target: Target) -> None:
    # Before the first deploy the recorded settings are missing.
    available = _MAX_ENVIRONMENT - (0 if target.settings("api_handler").get("JWKS_URL") else _RECORDED_LATER)
    for name in target.grants:
        size = len(json.dumps(target.settings(name)))
        if size > available:
            raise RefusedError(
                f"The environment of {name} has {size:,} bytes. Of Lambda's limit of {_MAX_ENVIRONMENT:,} it can use "
                f"{available:,}. Move settings from .chalice/config.json to Parameter Store: "
                f"/darkroom/{target.stage}/darkroom/NAME."
            )


def _check_concurrency(target: Target) -> None:
    options = target.options
    wanted = {**options.provisioned_concurrency, **options.reserved_concurrency}
    if not wanted:
        return
    limit = target.client("lambda").get_account_settings()["AccountLimit"]
    total = int(limit["ConcurrentExecutions"])
    free = (
        int(limit["UnreservedConcurrentExecutions"])
        + functions.reserved_concurrency(target)
        - min(_ALWAYS_UNRESERVED, total)
    )
    needed = sum(wanted.values())
    if needed > free:
        what = ", ".join(f"{name} {number}" for name, number in wanted.items())
        raise RefusedError(
            f"infra/stages.toml asks for {needed} concurrent executions for {target.stage} ({what}). Account "
            f"{target.place.account} has {total} in {target.place.region}, of which {max(0, free)} can be reserved or "
            f"provisioned. Request more (Service Quotas, AWS Lambda, Concurrent executions, "
            f"{_CONCURRENCY_QUOTA}), or remove them from provisioned_concurrency and reserved_concurrency, then run "
            "this again."
        )


def remarks(target: Target) -> Iterator[str]:
    """What the account or the stage's options limit, as sentences."""
    if _sender(target) or target.options.accounts_email:
        yield from _remarks_on_ses(target)
    if not target.options.accounts_email:
        yield "Cognito sends its codes itself, about 50 a day. For more, set accounts_email to an address of SES."


def _remarks_on_ses(target: Target) -> Iterator[str]:
    try:
        account = target.client("sesv2").get_account()
    except ClientError as error:
        # A deploy does not depend on it.
        yield f"SES may be in its sandbox ({code_of(error)}), where mail reaches verified addresses only."
        return
    if not account.get("ProductionAccessEnabled"):
        yield (
            f"SES is in its sandbox in {target.place.region}: mail reaches verified addresses only. Request "
            "production access in the SES console."
        )


def _sender(target: Target) -> str:
    return target.settings("action_worker").get("SENDER_EMAIL", "")
