"""moto's Cognito: missing calls, calls that behave differently on AWS, and hidden user existence."""

import functools
import secrets
from typing import Any

from local.moto_patches import cognito_clients, cognito_identities, cognito_mfa
from local.patching import patch


def patch_cognito() -> None:
    """Apply the patches of this module and of its neighbours."""
    cognito_identities.keep_identities()
    _accept_email_addresses_as_cognito()
    _add_and_correct_calls()
    cognito_mfa.check_authenticators()
    _name_the_user_in_challenges()
    _make_subs_of_current_pools()
    _hide_user_existence()
    # The outermost check: without the client's secret a caller learns nothing else.
    cognito_clients.check_client_secrets()


def _accept_email_addresses_as_cognito() -> None:
    # moto refuses o'neil@example.com and xn--p1ai, and accepts a..b@example.com. Cognito accepts the dot-atoms of
    # RFC 5322 (3.4.1) before a domain name.
    from moto.cognitoidp.utils import FORMATS

    atom, label = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    FORMATS["email"] = rf"{atom}(?:\.{atom})*@{label}(?:\.{label})+"


def _add_and_correct_calls() -> None:
    # Missing in moto: ResendConfirmationCode, GetTokensFromRefreshToken, RevokeToken, DeleteUser.
    # Different in moto: a user can be confirmed only once, a code resets a password once, a sign-out ends all tokens
    # of the user, whichever user name they signed in with.
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
    from moto.core.utils import utcnow

    def pool_of_client(self: Any, client_id: str) -> Any:
        pool, _ = cognito_clients.pool_and_client(self.backend, client_id)
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
        return ActionResult(_code_delivery(name))

    def get_tokens_from_refresh_token(self: Any) -> Any:
        client_id, token = self._get_param("ClientId"), self._get_param("RefreshToken")
        pool = pool_of_client(self, client_id)
        if not cognito_clients.is_issued_by(pool, client_id, token):
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
        response: str = confirm(self, client_id, username)
        for pool in self.user_pools.values():
            if client_id in pool.clients:
                # moto changes the state alone.
                pool._get_user(username).last_modified_date = utcnow()
        return response

    reset = CognitoIdpBackend.confirm_forgot_password

    def confirm_forgot_password(self: Any, client_id: str, username: str, password: str, code: str) -> None:
        pool, _ = cognito_clients.pool_and_client(self, client_id)
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


def _code_delivery(name: str) -> dict[str, Any]:
    details = {"Destination": f"{name[:1]}***@***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    return {"CodeDeliveryDetails": details}


def _name_the_user_in_challenges() -> None:
    # A challenge contains the user name, and its response must have that name, not the e-mail address.
    from moto.cognitoidp.exceptions import NotAuthorizedError
    from moto.cognitoidp.models import CognitoIdpBackend

    initiate, respond = CognitoIdpBackend.initiate_auth, CognitoIdpBackend.respond_to_auth_challenge

    def initiate_auth(self: Any, client_id: str, auth_flow: str, auth_parameters: dict[str, str]) -> Any:
        response = initiate(self, client_id, auth_flow, auth_parameters)
        if "ChallengeName" in response:
            name, pool = self.sessions[response["Session"]]
            response["ChallengeParameters"]["USER_ID_FOR_SRP"] = pool._get_user(name).username
        return response

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


def _make_subs_of_current_pools() -> None:
    # moto makes UUIDs of version 4. Subs of current pools have fixed digits: these are the ones of us-east-1.
    from moto.cognitoidp.models import CognitoIdpUser

    make = CognitoIdpUser.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(self, *args, **kwargs)
        sub = _new_sub()
        if self.username == self.id:
            self.username = sub
        self.id = sub
        self.update_attributes([{"Name": "sub", "Value": sub}])

    patch(CognitoIdpUser, "__init__", __init__)


def _new_sub() -> str:
    pattern = "*4*8*4*8-*0*1-70**-****-************"
    return "".join(secrets.choice("0123456789abcdef") if each == "*" else each for each in pattern)


def _hide_user_existence() -> None:
    # With PreventUserExistenceErrors, responses for an unknown address are those for a known one.
    from moto.cognitoidp.exceptions import NotAuthorizedError, ResourceNotFoundError, UserNotFoundError
    from moto.cognitoidp.responses import CognitoIdpResponse
    from moto.core.exceptions import JsonRESTError
    from moto.core.responses import ActionResult

    def wrong_password(self: Any) -> Any:
        raise NotAuthorizedError("Incorrect username or password.")

    def code_sent(self: Any) -> Any:
        return ActionResult(_code_delivery(self._get_param("Username")))

    def wrong_code(self: Any) -> Any:
        raise JsonRESTError("CodeMismatchException", "Invalid verification code provided, please try again.")

    def hiding(call: Any, respond_instead: Any) -> Any:
        @functools.wraps(call)
        def action(self: Any) -> Any:
            try:
                return call(self)
            except (UserNotFoundError, ResourceNotFoundError):
                if _prevents_existence_errors(self.backend, self._get_param("ClientId")):
                    return respond_instead(self)
                raise

        return action

    for name, respond_instead in {
        "initiate_auth": wrong_password,
        "forgot_password": code_sent,
        "resend_confirmation_code": code_sent,
        "confirm_forgot_password": wrong_code,
        "confirm_sign_up": wrong_code,
    }.items():
        patch(CognitoIdpResponse, name, hiding(getattr(CognitoIdpResponse, name), respond_instead))


def _prevents_existence_errors(backend: Any, client_id: str) -> bool:
    _, client = cognito_clients.pool_and_client(backend, client_id)
    return client is not None and client.extended_config.get("PreventUserExistenceErrors") == "ENABLED"
