"""moto's Cognito with real authenticators: a secret for each user, codes that are checked, and sessions that end.

moto has one secret for all users and accepts every code; it takes the answer to one challenge for that to another.
"""

import base64
import re
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from local import totp
from local.clock import CLOCK
from local.moto_patches import cognito_clients
from local.patching import patch

_KIND = "SOFTWARE_TOKEN_MFA"
# As long as the secrets of Cognito: 52 characters in base32.
_SECRET_BYTES = 32
# The default of AuthSessionValidity (API reference, CreateUserPoolClient).
_SESSION_MINUTES = 3


class Issued(NamedTuple):
    """For which challenge a session was issued, and when (seconds since the epoch)."""

    challenge: str
    at: float


def check_authenticators() -> None:
    """Apply the patches of this module."""
    _keep_a_secret_for_each_user()
    _bind_sessions_to_their_challenge()


def _keep_a_secret_for_each_user() -> None:
    from moto.cognitoidp.exceptions import InvalidParameterException, NotAuthorizedError
    from moto.cognitoidp.models import CognitoIdpBackend
    from moto.core.exceptions import JsonRESTError

    def owner(self: Any, access_token: str | None, session: str | None) -> Any:
        if session in self.sessions:
            name, pool = self.sessions[session]
            return pool._get_user(name)
        for pool in self.user_pools.values():
            if access_token in pool.access_tokens:
                return pool._get_user(pool.access_tokens[access_token][1])
        raise NotAuthorizedError("Invalid Access Token")

    def associate_software_token(self: Any, access_token: str | None, session: str | None) -> dict[str, str]:
        user = owner(self, access_token, session)
        if self.user_pools[user.user_pool_id].token_mfa_config != {"Enabled": True}:
            raise JsonRESTError("SoftwareTokenMFANotFoundException", "Software Token MFA is not enabled.")
        # The old secret stays valid until a code of the new one is verified.
        user.new_secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
        return {"SecretCode": user.new_secret, **({"Session": session} if session else {})}

    def verify_software_token(
        self: Any, access_token: str | None, session: str | None, user_code: str, friendly_device_name: str | None
    ) -> dict[str, str]:
        user = owner(self, access_token, session)
        secret = getattr(user, "new_secret", None)
        if secret is None:
            raise JsonRESTError("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user.")
        if re.fullmatch("[0-9]{6}", user_code) is None:
            raise InvalidParameterException("UserCode must have 6 digits")
        step = _matching_step(secret, user_code)
        if step is None:
            raise JsonRESTError("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA")
        user.secret, user.new_secret, user.last_step, user.token_verified = secret, None, step, True
        return {"Status": "SUCCESS", **({"Session": session} if session else {})}

    patch(CognitoIdpBackend, "associate_software_token", associate_software_token)
    patch(CognitoIdpBackend, "verify_software_token", verify_software_token)


def _matching_step(secret: str, code: str) -> int | None:
    """The step of the code: the present one, or one of its neighbours; None for a wrong code."""
    present = totp.step_of(CLOCK.now())
    steps = (present, present - 1, present + 1)
    return next((step for step in steps if secrets.compare_digest(totp.code_at(secret, step), code)), None)


def _check_code(user: Any, code: str) -> None:
    """Raises Cognito's errors unless it is a present code that was not used before."""
    from moto.cognitoidp.exceptions import CodeMismatchException, ExpiredCodeException
    from moto.core.exceptions import JsonRESTError

    if not user.software_token_mfa_enabled:
        raise JsonRESTError("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user.")
    step = _matching_step(user.secret, code) if code.isascii() else None
    if step is None:
        raise CodeMismatchException("Invalid code received for user")
    if step <= user.last_step:
        raise ExpiredCodeException("Your software token has already been used once.")
    user.last_step = step


def _bind_sessions_to_their_challenge() -> None:
    from moto.cognitoidp.exceptions import InvalidParameterException, NotAuthorizedError
    from moto.cognitoidp.models import CognitoIdpBackend

    def remember(self: Any, response: Any) -> Any:
        if response and "ChallengeName" in response:
            issued = self.__dict__.setdefault("issued_sessions", {})
            issued[response["Session"]] = Issued(response["ChallengeName"], CLOCK.now())
        return response

    def remembering(call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *arguments, **more: remember(self, call(self, *arguments, **more))

    def check(self: Any, session: str, client_id: str, challenge: str) -> None:
        issued = self.__dict__.get("issued_sessions", {}).get(session)
        if session not in self.sessions or issued is None or issued.challenge != challenge:
            raise NotAuthorizedError("Invalid session for the user.")
        _, client = cognito_clients.pool_and_client(self, client_id)
        minutes = client.extended_config.get("AuthSessionValidity", _SESSION_MINUTES)
        if CLOCK.now() > issued.at + minutes * 60:
            del self.sessions[session]
            raise NotAuthorizedError("Invalid session for the user, session is expired.")

    respond = CognitoIdpBackend.respond_to_auth_challenge

    def respond_to_auth_challenge(
        self: Any, session: str, client_id: str, challenge_name: str, challenge_responses: dict[str, str]
    ) -> Any:
        if challenge_name not in (_KIND, "NEW_PASSWORD_REQUIRED"):
            return remember(self, respond(self, session, client_id, challenge_name, challenge_responses))
        check(self, session, client_id, challenge_name)
        name, pool = self.sessions[session]
        user = pool._get_user(name)
        if challenge_name == _KIND:
            if f"{_KIND}_CODE" not in challenge_responses:
                raise InvalidParameterException(f"Missing required parameter {_KIND}_CODE")
            _check_code(user, challenge_responses[f"{_KIND}_CODE"])
        response = respond(self, session, client_id, challenge_name, challenge_responses)
        if challenge_name == _KIND or not user.software_token_mfa_enabled:
            return response
        # A new password alone signs nobody in who has an authenticator.
        self.sessions[session] = (name, pool)
        return remember(self, {"ChallengeName": _KIND, "ChallengeParameters": {}, "Session": session})

    patch(CognitoIdpBackend, "initiate_auth", remembering(CognitoIdpBackend.initiate_auth))
    patch(CognitoIdpBackend, "admin_initiate_auth", remembering(CognitoIdpBackend.admin_initiate_auth))
    patch(CognitoIdpBackend, "respond_to_auth_challenge", respond_to_auth_challenge)
