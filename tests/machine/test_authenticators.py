"""The embedded Cognito's authenticators, by its own API: what it refuses, and when."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import totp
from local.machine import Machine
from tests.journeys.user import User


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(moment: int, code: str) -> None:
    # Appendix B; the secret is 12345678901234567890 in ASCII.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.code_at(secret, totp.step_of(moment), digits=8) == code
    assert totp.code_at(secret, totp.step_of(moment)) == code[2:]


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_cognito_refuses_what_cognito_refuses(machine: Machine) -> None:
    cognito, ann = machine.client("cognito-idp"), User.new(machine.api_url)
    token = {"AccessToken": ann.tokens["accessToken"]}
    on = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    verify, prefer = cognito.verify_software_token, cognito.set_user_mfa_preference
    assert refusal(cognito.associate_software_token, AccessToken="none") == "NotAuthorizedException"
    assert refusal(verify, **token, UserCode="123456") == "SoftwareTokenMFANotFoundException"
    assert refusal(prefer, **token, **on) == "InvalidParameterException", "no authenticator is verified"
    secret = cognito.associate_software_token(**token)["SecretCode"]
    step = totp.step_of(machine.clock.now())
    assert refusal(verify, **token, UserCode="12345a") == "InvalidParameterException"
    assert refusal(verify, **token, UserCode=totp.code_at(secret, step + 9)) == "EnableSoftwareTokenMFAException"
    assert refusal(prefer, **token, **on) == "InvalidParameterException"
    assert verify(**token, UserCode=totp.code_at(secret, step))["Status"] == "SUCCESS"
    assert cognito.get_user(**token).get("UserMFASettingList", []) == [], "a verified authenticator is not yet on"
    prefer(**token, **on)
    assert cognito.get_user(**token)["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
    # A secret that is never verified replaces nothing.
    cognito.associate_software_token(**token)
    asked = ann.post("/auth/signin", email=ann.email, password=ann.password).json()
    answer = {"challenge": asked["challenge"], "session": asked["session"]}
    machine.clock.advance(30)
    assert ann.post("/auth/challenge", **answer, answer=totp.code_at(secret, step + 1)).status_code == 200


def test_a_temporary_password_alone_signs_nobody_in(machine: Machine) -> None:
    cognito, ann = machine.client("cognito-idp"), User.new(machine.api_url)
    token = {"AccessToken": ann.tokens["accessToken"]}
    secret = cognito.associate_software_token(**token)["SecretCode"]
    step = totp.step_of(machine.clock.now())
    cognito.verify_software_token(**token, UserCode=totp.code_at(secret, step))
    cognito.set_user_mfa_preference(**token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    cognito.admin_set_user_password(
        UserPoolId=machine.resources["UserPool"].ref, Username=ann.email, Password="Temporary-2026!", Permanent=False
    )
    asked = ann.post("/auth/signin", email=ann.email, password="Temporary-2026!").json()
    assert asked["challenge"] == "NEW_PASSWORD_REQUIRED"
    answer = {"challenge": asked["challenge"], "session": asked["session"]}
    asked = ann.post("/auth/challenge", **answer, answer="Another-Day-2026!").json()
    assert asked["challenge"] == "SOFTWARE_TOKEN_MFA"
    machine.clock.advance(30)
    answer = {"challenge": asked["challenge"], "session": asked["session"]}
    signed_in = ann.post("/auth/challenge", **answer, answer=totp.code_at(secret, step + 1))
    assert "accessToken" in signed_in.json(), signed_in.text
