"""A message has one sender, one recipient and one subject, for every address that we accept."""

from email import message_from_bytes, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.http import json_schema
from chalicelib.core.schemas import EMAIL, shape
from chalicelib.notify import email
from chalicelib.notify.email import AddressNotMailableError

ADDRESSES = st.from_regex(str(EMAIL["pattern"]), fullmatch=True).filter(lambda address: len(address) <= 254)
ONE = shape({"email": EMAIL})
MANY_LABELS = ".".join(["0"] * 37)


def is_taken(address: str) -> bool:
    return not json_schema.faults(ONE, {"email": address})


@example(f"a@{MANY_LABELS}", "")
@example(f"a.b@{MANY_LABELS}", "")
@example("o'neil@example.com", "")
@given(
    ADDRESSES.filter(lambda address: "=?" not in address),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3000),
)
def test_an_address_cannot_add_a_header_or_change_the_text(address: str, text: str) -> None:
    data = email.compose("darkroom@example.com", address, "Your export", text)
    message = message_from_bytes(data, policy=policy.default)
    assert message["To"] == address
    assert sorted(name.lower() for name in message.keys()) == [  # noqa: SIM118
        "auto-submitted",
        "content-transfer-encoding",
        "content-type",
        "from",
        "mime-version",
        "subject",
        "to",
    ]
    assert message.get_content().split() == text.split()
    assert max(map(len, data.split(b"\r\n"))) <= 998, "RFC 5322, 2.1.1"
    assert f"To: {address}".encode() in data.split(b"\r\n"), "an address is never folded"


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\nX: y",
        "a@b.example\rX: y",
        "a@b.example, c@d.example",
        "Ann <a@b.example>",
        "",
        # Python reads these as other people's addresses: x@b.example.
        "=?utf-8?q?x?=@b.example",
        "=?utf-8?b?=41?=@b.example",
    ],
)
def test_an_address_that_cannot_be_mailed_is_refused_with_its_own_error(address: str) -> None:
    with pytest.raises(AddressNotMailableError):
        email.compose("darkroom@example.com", address, "Your export", "")


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("o'neil@example.com", True),
        ("a.b.c+d@example.com", True),
        ("a@xn--p1ai.xn--p1ai", True),
        (f"a@{MANY_LABELS}", True),
        (f"{'a' * 64}@example.com", True),
        (f"{'a' * 65}@example.com", False),
        (f".@{MANY_LABELS}", False),
        (".a@example.com", False),
        ("a.@example.com", False),
        ("a..b@example.com", False),
        ("a@example..com", False),
        ("a@-example.com", False),
        ("a@example-.com", False),
        (f"a@{'b' * 64}.com", False),
        ("a@example.com\n", False),
    ],
)
def test_addresses_are_accepted_as_by_cognito_and_ses(address: str, taken: bool) -> None:
    assert is_taken(address) is taken


@given(ADDRESSES | st.text() | st.builds("{}{}".format, ADDRESSES, st.sampled_from("\n\r\t ,;<>\0\x0b\u2028")))
def test_an_accepted_address_holds_no_white_space(address: str) -> None:
    if is_taken(address):
        assert address.isascii()
        assert address.isprintable()
        assert address.count("@") == 1
        assert not set(address) & set(' \t\r\n,;:<>()[]"\\')
