"""Where moto's Cognito is not AWS's: calls that it does not know, or knows otherwise, and whom it tells too much."""

import functools
import secrets
from typing import Any

from local import clients
from local.models import patch


def close_gaps_of_cognito() -> None:
    """Close them, once a process."""
    _take_every_address()
    _correct_calls()
    _name_whom_a_challenge_is_for()
    _make_todays_subs()
    _hide_who_has_an_account()
    # Outermost: who does not know a client's secret learns nothing else.
    clients.hold_clients_to_their_secrets()


def _take_every_address() -> None:
    # moto's pattern refuses o'neil@example.com and xn--p1ai, and takes a..b@example.com. Cognito takes the
    # dot-atoms of RFC 5322 (3.4.1) before a domain name.
    from moto.cognitoidp.utils import FORMATS

    atom, label = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    FORMATS["email"] = rf"{atom}(?:\.{atom})*@{label}(?:\.{label})+"


def _correct_calls() -> None:
    # Four that it does not know: a code sent again, new tokens by a refresh token, one revoked, a user who deletes the
    # account. Three that it knows otherwise: whoever is confirmed cannot be again, a code resets a password once, and
    # a sign-out ends the tokens of a user by whichever of their names they signed in.
    from moto.cognitoidp.exceptions import (
        ExpiredCodeException,
        InvalidParameterException,
        NotAuthorizedError,
        ResourceNotFoundError,
        UserNotFoundError,
    )
    from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPool, UserStatus
    from moto.cognitoidp.responses import CognitoIdpResponse
    from moto.core.responses import ActionResult, EmptyResult

    def pool_of_client(self: Any, client_id: str) -> Any:
        pool, _ = clients.pool_and_client(self.backend, client_id)
        if pool is None:
            raise ResourceNotFoundError(client_id)
        return pool

    def resend_confirmation_code(self: Any) -> Any:
        name = self._get_param("Username")
        user = pool_of_client(self, self._get_param("ClientId"))._get_user(name)
        if user is None:
            raise UserNotFoundError("Username/client id combination not found.")
        if user.status is UserStatus.CONFIRMED:
            raise InvalidParameterException("User is already confirmed.")
        return ActionResult(_delivered(name))

    def get_tokens_from_refresh_token(self: Any) -> Any:
        client_id, token = self._get_param("ClientId"), self._get_param("RefreshToken")
        pool = pool_of_client(self, client_id)
        if not clients.is_given_by(pool, client_id, token):
            raise NotAuthorizedError("Invalid Refresh Token")
        access, identity, seconds = pool.create_tokens_from_refresh_token(token)
        tokens = {"AccessToken": access, "IdToken": identity, "ExpiresIn": seconds, "TokenType": "Bearer"}
        return ActionResult({"AuthenticationResult": tokens})

    def revoke_token(self: Any) -> Any:
        pool = pool_of_client(self, self._get_param("ClientId"))
        token = self._get_param("Token")
        if pool.refresh_tokens.get(token):
            pool.refresh_tokens[token] = None
        return EmptyResult()

    def delete_user(self: Any) -> Any:
        token = self._get_param("AccessToken")
        for pool in self.backend.user_pools.values():
            if token in pool.access_tokens:
                _, name = pool.access_tokens[token]
                pool.sign_out(name)
                self.backend.admin_delete_user(pool.id, name)
                return EmptyResult()
        raise NotAuthorizedError("Invalid Access Token")

    confirm = CognitoIdpBackend.confirm_sign_up

    def confirm_sign_up(self: Any, client_id: str, username: str) -> str:
        for pool in self.user_pools.values():
            user = pool._get_user(username) if client_id in pool.clients else None
            if user is not None and user.status is UserStatus.CONFIRMED:
                raise NotAuthorizedError("User cannot be confirmed. Current status is CONFIRMED")
        answer: str = confirm(self, client_id, username)
        return answer

    reset = CognitoIdpBackend.confirm_forgot_password

    def confirm_forgot_password(self: Any, client_id: str, username: str, password: str, code: str) -> None:
        pool, _ = clients.pool_and_client(self, client_id)
        user = None if pool is None else pool._get_user(username)
        if user is not None and user.confirmation_code is None:
            raise ExpiredCodeException("Invalid code provided, please request a code again.")
        reset(self, client_id, username, password, code)

    def sign_out(self: Any, username: str) -> None:
        user = self._get_user(username)
        for token, owner in list(self.refresh_tokens.items()):
            if owner is not None and self._get_user(owner[1]) is user:
                self.refresh_tokens[token] = None
        for token, (_, name) in list(self.access_tokens.items()):
            if self._get_user(name) is user:
                del self.access_tokens[token]

    refresh = CognitoIdpUserPool.create_tokens_from_refresh_token

    def create_tokens_from_refresh_token(self: Any, refresh_token: str) -> Any:
        owner = self.refresh_tokens.get(refresh_token)
        if owner is None or self._get_user(owner[1]) is None:
            raise NotAuthorizedError("Invalid Refresh Token")
        return refresh(self, refresh_token)

    patch(CognitoIdpUserPool, "create_tokens_from_refresh_token", create_tokens_from_refresh_token)
    patch(CognitoIdpBackend, "confirm_sign_up", confirm_sign_up)
    patch(CognitoIdpBackend, "confirm_forgot_password", confirm_forgot_password)
    patch(CognitoIdpUserPool, "sign_out", sign_out)
    patch(CognitoIdpResponse, "resend_confirmation_code", resend_confirmation_code)
    patch(CognitoIdpResponse, "get_tokens_from_refresh_token", get_tokens_from_refresh_token)
    patch(CognitoIdpResponse, "revoke_token", revoke_token)
    patch(CognitoIdpResponse, "delete_user", delete_user)


def _delivered(name: str) -> dict[str, Any]:
    details = {"Destination": f"{name[:1]}***@***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    return {"CodeDeliveryDetails": details}


def _name_whom_a_challenge_is_for() -> None:
    # A challenge names its user, and is answered by that name: an address, by which one signs in, is refused there.
    from moto.cognitoidp.exceptions import NotAuthorizedError
    from moto.cognitoidp.models import CognitoIdpBackend

    initiate, respond = CognitoIdpBackend.initiate_auth, CognitoIdpBackend.respond_to_auth_challenge

    def initiate_auth(self: Any, client_id: str, auth_flow: str, auth_parameters: dict[str, str]) -> Any:
        answer = initiate(self, client_id, auth_flow, auth_parameters)
        if "ChallengeName" in answer:
            name, pool = self.sessions[answer["Session"]]
            answer["ChallengeParameters"]["USER_ID_FOR_SRP"] = pool._get_user(name).username
        return answer

    def respond_to_auth_challenge(
        self: Any, session: str, client_id: str, challenge_name: str, challenge_responses: dict[str, str]
    ) -> Any:
        if session in self.sessions:
            name, pool = self.sessions[session]
            if challenge_responses.get("USERNAME") != pool._get_user(name).username:
                raise NotAuthorizedError("Invalid session for the user.")
        return respond(self, session, client_id, challenge_name, challenge_responses)

    patch(CognitoIdpBackend, "initiate_auth", initiate_auth)
    patch(CognitoIdpBackend, "respond_to_auth_challenge", respond_to_auth_challenge)


def _make_todays_subs() -> None:
    # moto's are UUIDs of version 4. Those of today's pools differ from one region to another in four digits: these are
    # us-east-1's.
    from moto.cognitoidp.models import CognitoIdpUser

    make = CognitoIdpUser.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(self, *args, **kwargs)
        sub = _todays_sub()
        if self.username == self.id:
            self.username = sub
        self.id = sub
        self.update_attributes([{"Name": "sub", "Value": sub}])

    patch(CognitoIdpUser, "__init__", __init__)


def _todays_sub() -> str:
    pattern = "*4*8*4*8-*0*1-70**-****-************"
    return "".join(secrets.choice("0123456789abcdef") if each == "*" else each for each in pattern)


def _hide_who_has_an_account() -> None:
    # A client with PreventUserExistenceErrors answers for an unknown address as for a known one.
    from moto.cognitoidp.exceptions import NotAuthorizedError, ResourceNotFoundError, UserNotFoundError
    from moto.cognitoidp.responses import CognitoIdpResponse
    from moto.core.exceptions import JsonRESTError
    from moto.core.responses import ActionResult

    def refuse(self: Any) -> Any:
        raise NotAuthorizedError("Incorrect username or password.")

    def pretend(self: Any) -> Any:
        return ActionResult(_delivered(self._get_param("Username")))

    def mismatch(self: Any) -> Any:
        raise JsonRESTError("CodeMismatchException", "Invalid verification code provided, please try again.")

    def hidden(call: Any, instead: Any) -> Any:
        @functools.wraps(call)
        def answer(self: Any) -> Any:
            try:
                return call(self)
            except (UserNotFoundError, ResourceNotFoundError):
                if _prevents(self.backend, self._get_param("ClientId")):
                    return instead(self)
                raise

        return answer

    for name, instead in {
        "initiate_auth": refuse,
        "forgot_password": pretend,
        "resend_confirmation_code": pretend,
        "confirm_forgot_password": mismatch,
        "confirm_sign_up": mismatch,
    }.items():
        patch(CognitoIdpResponse, name, hidden(getattr(CognitoIdpResponse, name), instead))


def _prevents(backend: Any, client_id: str) -> bool:
    _, client = clients.pool_and_client(backend, client_id)
    return client is not None and client.extended_config.get("PreventUserExistenceErrors") == "ENABLED"
