"""E-mail: short messages in plain text, each to one address, through SES."""

from email.message import EmailMessage
from email.policy import SMTP

from chalicelib.core import aws, config


def configured() -> bool:
    """Whether the stage has an address to send from: SENDER_EMAIL, which SES must know as verified."""
    return bool(config.get("SENDER_EMAIL"))


def send(address: str, subject: str, text: str) -> None:
    """Hands a message to SES, which may still fail to deliver it.

    Raises:
        ValueError: the address or the subject has a line break; nothing is sent.
        ClientError: SES refuses it: the sender is not verified, or its limits are reached.
    """
    sender = config.get("SENDER_EMAIL")
    raw = {"Data": composed(sender, address, subject, text)}
    aws.client("ses").send_raw_email(Source=sender, Destinations=[address], RawMessage=raw)


def composed(sender: str, address: str, subject: str, text: str) -> bytes:
    """The message as it goes over the wire (RFC 5322); ValueError as `send`."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, address, subject
    # So that no holiday notice answers (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message.as_bytes()
