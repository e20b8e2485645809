"""Accounts: sign-up, sessions, profiles and API keys. The callers are users of a Cognito user pool."""

from chalicelib.accounts.registration import forgot_password, resend_code, reset_password, sign_up, verify_address
from chalicelib.accounts.second_factor import confirm as confirm_mfa
from chalicelib.accounts.second_factor import enrol as enrol_mfa
from chalicelib.accounts.second_factor import reset as reset_mfa
from chalicelib.accounts.second_factor import turn_off as turn_off_mfa
from chalicelib.accounts.service import change_profile, change_rights, describe_caller, get_profile, list_users
from chalicelib.accounts.sessions import (
    answer_challenge,
    authenticate,
    refresh_tokens,
    sign_in,
    sign_out,
    user_of_session,
)
