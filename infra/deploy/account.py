"""What the account allows a stage: checked before a deploy begins, and said in the plan."""

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra import pipeline_timeouts, settings, stages, template
from infra.deploy import functions
from infra.deploy.errors import RefusedError, code_of
from infra.deploy.target import Target

# Lambda keeps so many executions for functions without a reservation ("Understanding Lambda function scaling"). An
# account with a lower limit, such as a new one with 10, can reserve none.
_ALWAYS_UNRESERVED = 100
_CONCURRENCY_QUOTA = "L-B99A9384"

# Bytes of all environment variables of a function ("Lambda quotas").
_LARGEST_ENVIRONMENT = 4096
# The names that AWS gives are recorded during the deploy, the longest of them a stream's ARN.
_RECORDED_LATER = 768


def check(target: Target) -> None:
    """Raises:
    RefusedError: the account or Lambda would refuse what the stage asks for.
    """
    _check_pipeline(target)
    _check_environments(target)
    _check_concurrency(target)


def _check_pipeline(target: Target) -> None:
    """A state machine cannot become another kind, nor can CloudFormation replace one that has a name."""
    try:
        timed = pipeline_timeouts.with_timeouts(template.load(), settings.timeouts(target.config, target.stage))
    except pipeline_timeouts.TooLongError as error:
        raise RefusedError(f"{error} Shorten them, and deploy again.") from None
    wanted = timed["Resources"][pipeline_timeouts.STATE_MACHINE]["Properties"]["StateMachineType"]
    arn = stages.arn_of(stages.resources()[pipeline_timeouts.STATE_MACHINE], target.place)
    try:
        stands = target.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["type"]
    except ClientError as error:
        if code_of(error) != "StateMachineDoesNotExist":
            raise
        return
    if stands != wanted:
        raise RefusedError(
            f"With these timeouts the state machine of {target.stage} has to be {wanted}, and it is {stands}: AWS "
            "cannot change that. Keep the timeouts of validation, resize and watermark on one side of five minutes "
            f"in all, or `python -m infra destroy --stage {target.stage}` (data stays) and deploy again."
        )


def _check_environments(target: Target) -> None:
    # Before the first deploy, what AWS will name is missing.
    room = _LARGEST_ENVIRONMENT - (0 if target.settings("api_handler").get("JWKS_URL") else _RECORDED_LATER)
    for name in target.declared:
        size = len(json.dumps(target.settings(name)))
        if size > room:
            raise RefusedError(
                f"The environment of {name} has {size:,} bytes, and of Lambda's {_LARGEST_ENVIRONMENT:,} it can use "
                f"{room:,}. Move settings from .chalice/config.json to Parameter Store: "
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
    asked = sum(wanted.values())
    if asked > free:
        what = ", ".join(f"{name} {number}" for name, number in wanted.items())
        raise RefusedError(
            f"infra/stages.toml asks for {asked} concurrent executions for {target.stage} ({what}). Account "
            f"{target.place.account} has {total} in {target.place.region}, of which {max(0, free)} can be reserved or "
            f"provisioned. Ask AWS for more (Service Quotas, AWS Lambda, Concurrent executions, "
            f"{_CONCURRENCY_QUOTA}), or take them out of provisioned_concurrency and reserved_concurrency, then run "
            "this again."
        )


def remarks(target: Target) -> Iterator[str]:
    """What works less than it may seem, or not at all, because of how the account or the stage is set."""
    if _sender(target) or target.options.accounts_email:
        yield from _remarks_on_ses(target)
    if not target.options.accounts_email:
        yield "Cognito sends its codes itself, about 50 a day: name an address of SES in accounts_email for more."


def _remarks_on_ses(target: Target) -> Iterator[str]:
    try:
        account = target.client("sesv2").get_account()
    except ClientError as error:
        # Nothing that a deploy makes depends on it.
        yield f"SES does not say whether it is in its sandbox ({code_of(error)}), where mail reaches few addresses."
        return
    if not account.get("ProductionAccessEnabled"):
        yield (
            f"SES is in its sandbox in {target.place.region}: mail reaches verified addresses alone. Ask for "
            "production access in the SES console."
        )


def _sender(target: Target) -> str:
    return target.settings("action_worker").get("SENDER_EMAIL", "")
