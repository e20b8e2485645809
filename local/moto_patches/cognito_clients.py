"""moto's Cognito checks a client's secret and its allowed sign-in flows, as AWS does.

A client's id is public: only these checks keep others from calling in the client's name.
"""

import functools
import hmac
from collections.abc import Mapping
from typing import Any

from local.patching import patch

# Calls with SecretHash as a parameter, calls with SECRET_HASH in a map, and calls that send the secret itself.
_HASH_PARAMETER = (
    *("sign_up", "confirm_sign_up", "resend_confirmation_code"),
    *("forgot_password", "confirm_forgot_password"),
)
_HASH_IN_MAP = {
    "initiate_auth": "AuthParameters",
    "admin_initiate_auth": "AuthParameters",
    "respond_to_auth_challenge": "ChallengeResponses",
    "admin_respond_to_auth_challenge": "ChallengeResponses",
}
_PLAIN_SECRET = ("get_tokens_from_refresh_token", "revoke_token")
_REFRESH_FLOWS = ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN")
# The flows of a client without ExplicitAuthFlows (API reference, CreateUserPoolClient).
_DEFAULT_FLOWS = ("ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")


def check_client_secrets() -> None:
    """Check every call that a client makes before moto sees it."""
    from moto.cognitoidp.responses import CognitoIdpResponse

    checks = {
        **dict.fromkeys(_HASH_PARAMETER, _check_hash_parameter),
        **{name: functools.partial(_check_hash_in_map, parameter) for name, parameter in _HASH_IN_MAP.items()},
        **dict.fromkeys(_PLAIN_SECRET, _check_plain_secret),
    }
    for name, check in checks.items():
        patch(CognitoIdpResponse, name, _checked(getattr(CognitoIdpResponse, name), check))
    initiate_auth: Any = CognitoIdpResponse.initiate_auth
    patch(CognitoIdpResponse, "initiate_auth", _checked(initiate_auth, _check_flow))


def pool_and_client(backend: Any, client_id: str) -> tuple[Any, Any]:
    """The user pool of a client, and the client; (None, None) for an unknown client."""
    for pool in backend.user_pools.values():
        if client_id in pool.clients:
            return pool, pool.clients[client_id]
    return None, None


def _checked(call: Any, check: Any) -> Any:
    @functools.wraps(call)
    def action(self: Any) -> Any:
        pool, client = pool_and_client(self.backend, self._get_param("ClientId"))
        # The call itself refuses an unknown client.
        if client is not None:
            check(self, pool, client)
        return call(self)

    return action


def _check_hash_parameter(request: Any, pool: Any, client: Any) -> None:
    missing = f"Client {client.id} is configured for secret but secret was not received"
    _verify(client, request._get_param("Username"), request._get_param("SecretHash"), missing)


def _check_hash_in_map(parameter: str, request: Any, pool: Any, client: Any) -> None:
    values: Mapping[str, str] = request._get_param(parameter) or {}
    missing = f"Client {client.id} is configured with secret but SECRET_HASH was not received"
    name = values.get("USERNAME")
    if name is None and (owner := pool.refresh_tokens.get(values.get("REFRESH_TOKEN"))) is not None:
        name = owner[1]
    _verify(client, name or "", values.get("SECRET_HASH"), missing)


def _verify(client: Any, name: str, received: str | None, missing: str) -> None:
    from moto.cognitoidp.exceptions import NotAuthorizedError
    from moto.cognitoidp.utils import check_secret_hash

    if not client.generate_secret:
        if received:
            raise NotAuthorizedError(f"Client {client.id} is not configured for secret but secret was received")
        return
    if not received:
        raise NotAuthorizedError(missing)
    if not check_secret_hash(client.secret, client.id, name, received):
        raise NotAuthorizedError(f"Unable to verify secret hash for client {client.id}")


def _check_plain_secret(request: Any, pool: Any, client: Any) -> None:
    from moto.cognitoidp.exceptions import NotAuthorizedError

    received = request._get_param("ClientSecret") or ""
    if client.generate_secret and not hmac.compare_digest(received.encode(), client.secret.encode()):
        raise NotAuthorizedError(f"Unable to verify secret for client {client.id}")


def _check_flow(request: Any, pool: Any, client: Any) -> None:
    from moto.cognitoidp.exceptions import InvalidParameterException, NotAuthorizedError

    flow, parameters = request._get_param("AuthFlow"), request._get_param("AuthParameters") or {}
    is_refresh = flow in _REFRESH_FLOWS
    wanted = "ALLOW_REFRESH_TOKEN_AUTH" if is_refresh else f"ALLOW_{flow}"
    if wanted not in client.extended_config.get("ExplicitAuthFlows", _DEFAULT_FLOWS):
        raise InvalidParameterException(f"{flow} flow not enabled for this client")
    if is_refresh and not is_issued_by(pool, client.id, parameters.get("REFRESH_TOKEN", "")):
        raise NotAuthorizedError("Invalid Refresh Token")


def is_issued_by(pool: Any, client_id: str, refresh_token: str) -> bool:
    """Whether the refresh token was issued to this client and is not revoked."""
    owner = pool.refresh_tokens.get(refresh_token)
    return owner is not None and owner[0] == client_id
