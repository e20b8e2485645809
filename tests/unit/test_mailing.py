"""A message has one sender, one recipient and one subject, whatever an address that we accept looks like."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import mailing
from chalicelib.accounts.schemas import EMAIL
from chalicelib.core import checking, payload

ADDRESSES = st.from_regex(str(EMAIL["pattern"]), fullmatch=True).filter(lambda address: len(address) <= 254)
ONE = payload.shape({"email": EMAIL})


@given(ADDRESSES, st.text(st.characters(exclude_categories=["Cs"]), max_size=3000))
def test_an_address_adds_no_header_and_the_text_stays_text(address: str, text: str) -> None:
    data = mailing.composed("darkroom@example.com", address, "Your export", text)
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


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: c@d.example", "a@b.example\nX: y", "a@b.example\rX: y"])
def test_an_address_with_a_line_break_is_never_sent_to(address: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        mailing.composed("darkroom@example.com", address, "Your export", "")


@given(ADDRESSES | st.text() | st.builds("{}{}".format, ADDRESSES, st.sampled_from("\n\r\t ,;<>\0\x0b\u2028")))
def test_an_address_that_is_accepted_is_one_word(address: str) -> None:
    if not checking.faults(ONE, {"email": address}):
        assert address.isascii()
        assert address.isprintable()
        assert address.count("@") == 1
        assert not set(address) & set(' \t\r\n,;:<>()[]"\\')
