"""Whose signature is accepted, for which body, and for how long."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.http import signatures

SENT = 1_800_000_000
BODY = b'{"id": "work-1"}'


def test_a_signature_is_what_the_documentation_says() -> None:
    digest = hmac.new(b"secret", b"1800000000." + BODY, hashlib.sha256).hexdigest()
    assert signatures.sign("secret", SENT, BODY) == f"t=1800000000,v1={digest}"


@given(st.text(min_size=1), st.integers(0, 10**12 - 1), st.binary(), st.integers(-300, 300))
def test_a_signature_is_valid_for_five_minutes(secret: str, sent: int, body: bytes, later: int) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    header = signatures.sign(secret, sent, body)
    assert signatures.verify(secret, header, body, sent + later)


@given(st.text(), st.binary())
def test_another_body_or_secret_is_not_verified(header: str, body: bytes) -> None:
    assert not signatures.verify("secret", header, body, SENT)


@pytest.mark.parametrize("now", [SENT + 301, SENT - 301, 0])
def test_an_old_signature_and_one_from_the_future_are_refused(now: float) -> None:
    assert not signatures.verify("secret", signatures.sign("secret", SENT, BODY), BODY, now)


def test_every_part_of_a_message_is_signed() -> None:
    header = signatures.sign("secret", SENT, BODY)
    assert signatures.verify("secret", header, BODY, SENT)
    assert not signatures.verify("another", header, BODY, SENT)
    assert not signatures.verify("secret", header, BODY + b" ", SENT)
    assert not signatures.verify("secret", header.replace(str(SENT), str(SENT + 1)), BODY, SENT)
    assert not signatures.verify("", signatures.sign("", SENT, BODY), BODY, SENT)


def test_the_subject_of_a_message_is_signed_too() -> None:
    header = signatures.sign("secret", SENT, BODY, "act_1")
    digest = hmac.new(b"secret", b"1800000000.act_1." + BODY, hashlib.sha256).hexdigest()
    assert header == f"t=1800000000,v2={digest}"
    assert signatures.verify("secret", header, BODY, SENT + 300, "act_1")
    assert not signatures.verify("secret", header, BODY, SENT, "act_2")
    assert not signatures.verify("another", header, BODY, SENT, "act_1")
    assert not signatures.verify("secret", header, BODY, SENT + 301, "act_1")


def test_a_signature_of_one_form_is_refused_as_the_other_form() -> None:
    plain, about = signatures.sign("secret", SENT, BODY), signatures.sign("secret", SENT, BODY, "act_1")
    assert not signatures.verify("secret", about, BODY, SENT)
    assert not signatures.verify("secret", plain, BODY, SENT, "act_1")
    assert not signatures.verify("secret", about.replace("v2", "v1"), BODY, SENT)
    assert not signatures.verify("secret", plain.replace("v1", "v2"), BODY, SENT, "act_1")


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda header: header + "\n",
        lambda header: " " + header,
        lambda header: header.replace("t=", "t=+"),
        lambda header: header.replace("t=1", "t=١"),
        lambda header: header + ",v1=" + "0" * 64,
        lambda header: header.partition(",")[2],
    ],
    ids=["capitals", "newline", "leading space", "plus sign", "foreign digit", "second signature", "no time"],
)
def test_a_malformed_signature_header_is_refused(change: object) -> None:
    assert callable(change)
    header = signatures.sign("secret", SENT, BODY)
    assert not signatures.verify("secret", change(header), BODY, SENT)
