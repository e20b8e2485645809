"""Accounts: sign-up to erasure on Cognito, and telling a caller by their bearer token."""

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
from chalicelib.erasure import erase

__all__ = [
    "answer_challenge",
    "authenticate",
    "challenged",
    "change_profile",
    "describe",
    "erase",
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
