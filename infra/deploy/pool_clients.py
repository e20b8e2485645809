"""The user pool's clients: one with a secret, which the functions get, and a former one without.

An existing client cannot get a secret: CloudFormation creates another client, and the tokens of the first would end. So
an older stage keeps its first client, only to refresh tokens, until the last refresh token has expired. The settings of
the client show how far this is (resources.yaml, FormerClient).
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from infra.deploy.change import Change
from infra.deploy.errors import ignoring
from infra.deploy.target import Target
from infra.function_grants import API

NONE, REFRESHES, SIGNS_IN = "none", "refreshes", "signs-in"

_SETTING = "COGNITO_CLIENT_SECRET"
_PASSWORDS = "ALLOW_USER_PASSWORD_AUTH"
# RefreshTokenValidity in the template.
_MAX_SESSION = datetime.timedelta(days=30)
# The key of a SecureString if no key is given.
_DEFAULT_KEY = "alias/aws/ssm"
_POOL, _CLIENT, _FORMER = "CognitoUserPoolId", "CognitoClientId", "FormerClientId"


def former_client_state(target: Target, outputs: Mapping[str, str]) -> str:
    """What the client without a secret still does, by the stack's outputs; `NONE` after its tokens expired."""
    described = _describe(target, outputs, outputs.get(_FORMER) or outputs.get(_CLIENT))
    # A newer stage has only a client with a secret.
    if described is None or "ClientSecret" in described:
        return NONE
    if _PASSWORDS in described.get("ExplicitAuthFlows", ()):
        return SIGNS_IN
    modified = described.get("LastModifiedDate")
    is_expired = modified is not None and datetime.datetime.now(datetime.UTC) - modified > _MAX_SESSION
    return NONE if is_expired else REFRESHES


def _describe(target: Target, outputs: Mapping[str, str], client: str | None) -> dict[str, Any] | None:
    if client is None or _POOL not in outputs:
        return None
    with ignoring("ResourceNotFoundException"):
        response = target.client("cognito-idp").describe_user_pool_client(UserPoolId=outputs[_POOL], ClientId=client)
        return dict(response["UserPoolClient"])
    return None


def parameter_name(target: Target) -> str:
    """The name of the parameter with the secret."""
    service = target.settings(API)["SERVICE_NAME"]
    return f"/darkroom/{target.stage}/{service}/{_SETTING}"


def secret_changes(target: Target, outputs: Mapping[str, str]) -> Iterator[Change]:
    """The change that writes the secret to Parameter Store, if needed. No text contains the secret."""
    described = _describe(target, outputs, outputs.get(_CLIENT)) or {}
    secret = described.get("ClientSecret")
    # Before the first deploy there is no client, before an upgrade none with a secret.
    if secret is None or not _is_stored(target, secret):
        yield Change(f"{parameter_name(target)}: the secret of the user pool's client", lambda: _put(target, outputs))


def _is_stored(target: Target, secret: str) -> bool:
    ssm, name = target.client("ssm"), parameter_name(target)
    parameter = None
    with ignoring("ParameterNotFound"):
        parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    if parameter is None:
        return False
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    (described,) = ssm.describe_parameters(ParameterFilters=filters)["Parameters"]
    encryption = (parameter["Type"], described.get("KeyId"))
    return bool(parameter["Value"] == secret and encryption == ("SecureString", _key(target) or _DEFAULT_KEY))


def _key(target: Target) -> str | None:
    """The customer's key, if the stage has one."""
    key: str | None = target.config["stages"][target.stage].get("kms_key_arn")
    return key


def _put(target: Target, outputs: Mapping[str, str]) -> None:
    described = _describe(target, outputs, outputs.get(_CLIENT)) or {}
    encrypted = {"KeyId": key} if (key := _key(target)) else {}
    target.client("ssm").put_parameter(
        Name=parameter_name(target),
        Description="The secret of the user pool's client; written by deploy",
        Value=described["ClientSecret"],
        Type="SecureString",
        Overwrite=True,
        **encrypted,
    )


def remove(target: Target) -> None:
    """Removes the secret from Parameter Store. Its client is removed with the stack."""
    with ignoring("ParameterNotFound"):
        target.client("ssm").delete_parameter(Name=parameter_name(target))
