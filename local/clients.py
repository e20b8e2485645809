"""What moto's Cognito lets any client do and AWS does not: call without its secret, sign in by a flow that it has not.

The id of a client is no secret. What keeps strangers from calling in a client's name are these refusals alone.
"""

import functools
import hmac
from collections.abc import Mapping
from typing import Any

from local.models import patch

# Calls that name the user beside the hash, those that hold both in a map, and those that send the secret itself.
_BESIDE = ("sign_up", "confirm_sign_up", "resend_confirmation_code", "forgot_password", "confirm_forgot_password")
_WITHIN = {
    "initiate_auth": "AuthParameters",
    "admin_initiate_auth": "AuthParameters",
    "respond_to_auth_challenge": "ChallengeResponses",
    "admin_respond_to_auth_challenge": "ChallengeResponses",
}
_PLAIN = ("get_tokens_from_refresh_token", "revoke_token")
_REFRESHES = ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN")
# What a client may do that was not told (API reference, CreateUserPoolClient).
_FLOWS_BY_DEFAULT = ("ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")


def hold_clients_to_their_secrets() -> None:
    from moto.cognitoidp.responses import CognitoIdpResponse

    checks = {
        **dict.fromkeys(_BESIDE, _check_beside),
        **{name: functools.partial(_check_within, where) for name, where in _WITHIN.items()},
        **dict.fromkeys(_PLAIN, _check_plain),
    }
    for name, check in checks.items():
        patch(CognitoIdpResponse, name, _checked(getattr(CognitoIdpResponse, name), check))
    initiate_auth: Any = CognitoIdpResponse.initiate_auth
    patch(CognitoIdpResponse, "initiate_auth", _checked(initiate_auth, _check_flow))


def pool_and_client(backend: Any, client_id: str) -> tuple[Any, Any]:
    """The user pool of a client, and the client; None twice where there is none."""
    for pool in backend.user_pools.values():
        if client_id in pool.clients:
            return pool, pool.clients[client_id]
    return None, None


def _checked(call: Any, check: Any) -> Any:
    @functools.wraps(call)
    def answer(self: Any) -> Any:
        pool, client = pool_and_client(self.backend, self._get_param("ClientId"))
        # An unknown client is refused by the call itself.
        if client is not None:
            check(self, pool, client)
        return call(self)

    return answer


def _check_beside(request: Any, pool: Any, client: Any) -> None:
    missing = f"Client {client.id} is configured for secret but secret was not received"
    _verify(client, request._get_param("Username"), request._get_param("SecretHash"), missing)


def _check_within(where: str, request: Any, pool: Any, client: Any) -> None:
    given: Mapping[str, str] = request._get_param(where) or {}
    missing = f"Client {client.id} is configured with secret but SECRET_HASH was not received"
    name = given.get("USERNAME")
    if name is None and (owner := pool.refresh_tokens.get(given.get("REFRESH_TOKEN"))) is not None:
        name = owner[1]
    _verify(client, name or "", given.get("SECRET_HASH"), missing)


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


def _check_plain(request: Any, pool: Any, client: Any) -> None:
    from moto.cognitoidp.exceptions import NotAuthorizedError

    received = request._get_param("ClientSecret") or ""
    if client.generate_secret and not hmac.compare_digest(received.encode(), client.secret.encode()):
        raise NotAuthorizedError(f"Unable to verify secret for client {client.id}")


def _check_flow(request: Any, pool: Any, client: Any) -> None:
    from moto.cognitoidp.exceptions import InvalidParameterException, NotAuthorizedError

    flow, given = request._get_param("AuthFlow"), request._get_param("AuthParameters") or {}
    is_refresh = flow in _REFRESHES
    wanted = "ALLOW_REFRESH_TOKEN_AUTH" if is_refresh else f"ALLOW_{flow}"
    if wanted not in client.extended_config.get("ExplicitAuthFlows", _FLOWS_BY_DEFAULT):
        raise InvalidParameterException(f"{flow} flow not enabled for this client")
    if is_refresh and not is_given_by(pool, client.id, given.get("REFRESH_TOKEN", "")):
        raise NotAuthorizedError("Invalid Refresh Token")


def is_given_by(pool: Any, client_id: str, refresh_token: str) -> bool:
    """Whether that client gave the refresh token, and it has not been revoked since."""
    owner = pool.refresh_tokens.get(refresh_token)
    return owner is not None and owner[0] == client_id
