"""The user pool's clients: the secret of the one is handed to the functions, the other has none and comes to its end.

A client's secret cannot be given to one that is there: CloudFormation makes another, and the tokens of the first would
end with it. So a stage that was made before keeps the first beside the second, for refreshing alone, until the last of
its refresh tokens has ended. How far it has come follows from the client itself (resources.yaml, FormerClient).
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.change import Change
from infra.deploy.errors import code_of
from infra.deploy.target import Target
from infra.function_grants import API

NONE, REFRESHES, SIGNS_IN = "none", "refreshes", "signs-in"

_SETTING = "COGNITO_CLIENT_SECRET"
_PASSWORDS = "ALLOW_USER_PASSWORD_AUTH"
# RefreshTokenValidity of the template.
_LONGEST_SESSION = datetime.timedelta(days=30)
# What encrypts a SecureString where no key is named.
_SERVICES_KEY = "alias/aws/ssm"
_POOL, _CLIENT, _FORMER = "CognitoUserPoolId", "CognitoClientId", "FormerClientId"


def former_client_state(target: Target, outputs: Mapping[str, str]) -> str:
    """What the client without a secret does in a stack that has these outputs; `NONE` once its tokens have ended."""
    described = _described(target, outputs, outputs.get(_FORMER) or outputs.get(_CLIENT))
    # A stage that never had another has but one with a secret.
    if described is None or "ClientSecret" in described:
        return NONE
    if _PASSWORDS in described.get("ExplicitAuthFlows", ()):
        return SIGNS_IN
    changed = described.get("LastModifiedDate")
    is_over = changed is not None and datetime.datetime.now(datetime.UTC) - changed > _LONGEST_SESSION
    return NONE if is_over else REFRESHES


def _described(target: Target, outputs: Mapping[str, str], client: str | None) -> dict[str, Any] | None:
    if client is None or _POOL not in outputs:
        return None
    try:
        found: dict[str, Any] = target.client("cognito-idp").describe_user_pool_client(
            UserPoolId=outputs[_POOL], ClientId=client
        )["UserPoolClient"]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return None
    return found


def parameter(target: Target) -> str:
    """The name of the parameter that holds the secret."""
    service = target.settings(API)["SERVICE_NAME"]
    return f"/darkroom/{target.stage}/{service}/{_SETTING}"


def secret_changes(target: Target, outputs: Mapping[str, str]) -> Iterator[Change]:
    """What puts the secret where the functions read it; nothing where it stands there. No text says what it is."""
    described = _described(target, outputs, outputs.get(_CLIENT)) or {}
    secret = described.get("ClientSecret")
    # Before the first deploy there is no client yet, and before an upgrade none with a secret.
    if secret is None or not _stands(target, secret):
        yield Change(f"{parameter(target)}: the secret of the user pool's client", lambda: _put(target, outputs))


def _stands(target: Target, secret: str) -> bool:
    ssm, name = target.client("ssm"), parameter(target)
    try:
        found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    except ClientError as error:
        if code_of(error) != "ParameterNotFound":
            raise
        return False
    asked = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    (told,) = ssm.describe_parameters(ParameterFilters=asked)["Parameters"]
    kept_by = (found["Type"], told.get("KeyId"))
    return bool(found["Value"] == secret and kept_by == ("SecureString", _key(target) or _SERVICES_KEY))


def _key(target: Target) -> str | None:
    """The customer's key, where the stage has one."""
    key: str | None = target.config["stages"][target.stage].get("kms_key_arn")
    return key


def _put(target: Target, outputs: Mapping[str, str]) -> None:
    described = _described(target, outputs, outputs.get(_CLIENT)) or {}
    encrypted = {"KeyId": key} if (key := _key(target)) else {}
    target.client("ssm").put_parameter(
        Name=parameter(target),
        Description="The secret of the user pool's client; deploy puts it here",
        Value=described["ClientSecret"],
        Type="SecureString",
        Overwrite=True,
        **encrypted,
    )


def remove(target: Target) -> None:
    """Takes the secret away again; the client that it is of goes with the stack."""
    try:
        target.client("ssm").delete_parameter(Name=parameter(target))
    except ClientError as error:
        if code_of(error) != "ParameterNotFound":
            raise
