"""Where moto's Cognito is not AWS's: three calls that it does not know, and two that it knows otherwise."""

from typing import Any

from local.models import patch


def close_gaps_of_cognito() -> None:
    """Let a code be sent again, a refresh token be revoked and a user delete the account.

    And two that it knows otherwise: whoever is confirmed cannot be again, and a sign-out ends the tokens of a user
    by whichever of their names they signed in.
    """
    from moto.cognitoidp.exceptions import (
        InvalidParameterException,
        NotAuthorizedError,
        ResourceNotFoundError,
        UserNotFoundError,
    )
    from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPool, UserStatus
    from moto.cognitoidp.responses import CognitoIdpResponse
    from moto.core.responses import ActionResult, EmptyResult

    def pool_of_client(self: Any, client_id: str) -> Any:
        for pool in self.backend.user_pools.values():
            if client_id in pool.clients:
                return pool
        raise ResourceNotFoundError(client_id)

    def resend_confirmation_code(self: Any) -> Any:
        name = self._get_param("Username")
        user = pool_of_client(self, self._get_param("ClientId"))._get_user(name)
        if user is None:
            raise UserNotFoundError("Username/client id combination not found.")
        if user.status is UserStatus.CONFIRMED:
            raise InvalidParameterException("User is already confirmed.")
        hidden = f"{name[:1]}***@***"
        details = {"Destination": hidden, "DeliveryMedium": "EMAIL", "AttributeName": "email"}
        return ActionResult({"CodeDeliveryDetails": details})

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

    def sign_out(self: Any, username: str) -> None:
        user = self._get_user(username)
        for token, owner in list(self.refresh_tokens.items()):
            if owner is not None and self._get_user(owner[1]) is user:
                self.refresh_tokens[token] = None
        for token, (_, name) in list(self.access_tokens.items()):
            if self._get_user(name) is user:
                del self.access_tokens[token]

    patch(CognitoIdpBackend, "confirm_sign_up", confirm_sign_up)
    patch(CognitoIdpUserPool, "sign_out", sign_out)
    patch(CognitoIdpResponse, "resend_confirmation_code", resend_confirmation_code)
    patch(CognitoIdpResponse, "revoke_token", revoke_token)
    patch(CognitoIdpResponse, "delete_user", delete_user)
