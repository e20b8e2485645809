"""E-mail: what an address is, and short messages in plain text, each to one address, through SES."""

from email.message import EmailMessage
from email.policy import SMTP

from chalicelib.core import clients, config
from chalicelib.core.errors import InvalidRequestError

# What Cognito and SES take of RFC 5321: ASCII; dots between the words of the local part only, no quotes, no
# spaces; labels that begin and end with a letter or digit. `$` alone lets a line break follow (Python's `re`).
_LOCAL_PART = r"(?!\.|[^@]*\.[.@])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = {"type": "string", "pattern": rf"^{_LOCAL_PART}@{_LABEL}(?:\.{_LABEL})+$(?!\n)", "maxLength": 254}

# Folding an address puts spaces into it, which not every reader takes out again. Lines may have 998 characters
# (RFC 5322, 2.1.1): an address and its header's name never need more.
_UNFOLDED = SMTP.clone(max_line_length=998)


class AddressNotMailableError(InvalidRequestError):
    code = "ADDRESS_NOT_MAILABLE"
    message = "No e-mail can be addressed to this address."


def configured() -> bool:
    """Whether the stage has an address to send from: SENDER_EMAIL, which SES must know as verified."""
    return bool(config.get("SENDER_EMAIL"))


def send(address: str, subject: str, text: str) -> None:
    """Hands a message to SES, which may still fail to deliver it.

    Raises:
        AddressNotMailableError: no message can have this recipient; nothing is sent.
        ClientError: SES refuses it: the sender is not verified, or its limits are reached.
    """
    sender = config.get("SENDER_EMAIL")
    raw = {"Data": composed(sender, address, subject, text)}
    clients.client("ses").send_raw_email(Source=sender, Destinations=[address], RawMessage=raw)


def composed(sender: str, address: str, subject: str, text: str) -> bytes:
    """The message as it goes over the wire (RFC 5322), to exactly this address.

    Raises:
        AddressNotMailableError: the address has a line break, or Python's e-mail package cannot write it as it is.
    """
    message = EmailMessage(policy=SMTP)
    message["From"], message["Subject"] = sender, subject
    _address(message, address)
    # So that no holiday notice answers (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message.as_bytes(policy=_UNFOLDED)


def _address(message: EmailMessage, address: str) -> None:
    try:
        message["To"] = address
        written = [each.addr_spec for each in message["To"].addresses]
    except Exception as error:
        # Its parser of headers raises many kinds: ValueError, TypeError, IndexError and its own.
        raise AddressNotMailableError from error
    # It decodes what looks like an encoded word (RFC 2047), which would be somebody else's address.
    if written != [address]:
        raise AddressNotMailableError
