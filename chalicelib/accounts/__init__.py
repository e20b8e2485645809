"""Accounts: sign-up, sessions and profiles on Cognito, and telling a caller by their bearer token."""

from chalicelib.accounts.registration import forgot_password, resend, reset_password, sign_up, verify
from chalicelib.accounts.service import change_profile, profile
from chalicelib.accounts.sessions import (
    answer_challenge,
    authenticate,
    challenged,
    describe,
    refresh,
    sign_in,
    sign_out,
)

__all__ = [
    "answer_challenge",
    "authenticate",
    "challenged",
    "change_profile",
    "describe",
    "forgot_password",
    "profile",
    "refresh",
    "resend",
    "reset_password",
    "sign_in",
    "sign_out",
    "sign_up",
    "verify",
]
