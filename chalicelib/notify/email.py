"""E-mail through SES: short messages in plain text, each to one address."""

from email.message import EmailMessage
from email.policy import SMTP

from chalicelib.core import clients
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.settings import Settings

# No folding: it puts spaces into an address, and not every reader removes them. Lines may have 998 characters
# (RFC 5322, 2.1.1), which is enough for any address.
_UNFOLDED = SMTP.clone(max_line_length=998)


class AddressNotMailableError(InvalidRequestError):
    code = "ADDRESS_NOT_MAILABLE"
    message = "No e-mail can be addressed to this address."


def is_configured() -> bool:
    """Whether the stage has an address to send from: SENDER_EMAIL, which must be verified in SES."""
    return bool(Settings.SENDER_EMAIL.get())


def send(address: str, subject: str, text: str) -> None:
    """Hands a message to SES, which may fail to deliver it later.

    Raises:
        AddressNotMailableError: no message can have this recipient.
        ClientError: SES refuses the message: the sender is not verified, or a limit of SES is reached.
    """
    sender = Settings.SENDER_EMAIL.get()
    raw = {"Data": compose(sender, address, subject, text)}
    clients.client("ses").send_raw_email(Source=sender, Destinations=[address], RawMessage=raw)


def compose(sender: str, address: str, subject: str, text: str) -> bytes:
    """The message in bytes (RFC 5322), to exactly this address.

    Raises:
        AddressNotMailableError: the address has a line break, or Python's e-mail package changes it.
    """
    message = EmailMessage(policy=SMTP)
    message["From"], message["Subject"] = sender, subject
    _set_recipient(message, address)
    # Against automatic replies (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message.as_bytes(policy=_UNFOLDED)


def _set_recipient(message: EmailMessage, address: str) -> None:
    try:
        message["To"] = address
        written = [each.addr_spec for each in message["To"].addresses]
    except Exception as error:
        # The header parser raises many types: ValueError, TypeError, IndexError and its own.
        raise AddressNotMailableError from error
    # The parser decodes an encoded word (RFC 2047): the result would be another address.
    if written != [address]:
        raise AddressNotMailableError
