"""A picture at somebody else's URL, fetched through the guarded client; each failure has a code of its own.

The URL may hold a secret: nothing of it is in an error or in the log.
"""

from urllib.parse import unquote, urlsplit

from chalicelib import external
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import DarkroomError, InvalidRequestError, raises
from chalicelib.core.settings import Settings
from chalicelib.external import AddressNotAllowedError, ExternalServiceError, Reason, RedirectNotAllowedError

FIELD = "sourceUrl"
_LONGEST_NAME = 255
_UNNAMED = "image"


class SourceError(DarkroomError):
    """The picture cannot be had from its URL. `fault` says why, about the URL."""

    status = 400
    fault = ""
    next_step = "Give another https URL, of the picture itself, or send its bytes as content."

    def __init__(self, fault: str | None = None) -> None:
        fault = fault or self.fault
        super().__init__(f"The picture could not be fetched: its URL {fault}.", details=[_about(fault)])


class SourceAddressError(SourceError):
    """The URL does not lead to a public address."""

    code, fault = "SOURCE_ADDRESS_NOT_ALLOWED", "does not lead to a public address"


class SourceRedirectError(SourceError):
    """The URL redirects to where it may not, or more than 3 times."""

    code = "SOURCE_REDIRECT_NOT_ALLOWED"
    fault = "redirects to where it may not, or more than 3 times"


class SourceTooSlowError(SourceError):
    """The URL took too long to answer."""

    code, fault = "SOURCE_TOO_SLOW", "took too long to answer"


class SourceUnreachableError(SourceError):
    """The URL could not be reached, or its answer broke off."""

    code, fault = "SOURCE_UNREACHABLE", "could not be reached, or its answer broke off"


class SourceStatusError(SourceError):
    """The URL answered with a status other than 200; the message names it."""

    code, fault = "SOURCE_ANSWERED_ERROR", "did not answer with status 200"


class SourceTooLargeError(Exception):
    """There are more bytes than were asked for."""


_ERRORS: dict[Reason, type[Exception]] = {
    Reason.TIMEOUT: SourceTooSlowError,
    Reason.TOO_LARGE: SourceTooLargeError,
    Reason.TOO_MANY_REDIRECTS: SourceRedirectError,
}


def _about(fault: str) -> dict[str, str]:
    return {"field": FIELD, "message": fault}


@required_env_vars({"ALLOW_PRIVATE_ADDRESSES": []})
@raises(InvalidRequestError)
def check(url: str) -> None:
    """Raises InvalidRequestError unless it is an https URL, or one of http where private addresses are allowed.

    Over http anybody on the way could read the URL, and give another picture.
    """
    try:
        external.check_url(url)
    except AddressNotAllowedError:
        raise InvalidRequestError(details=[_about("is not a URL that can be called")]) from None
    if urlsplit(url).scheme != "https" and not Settings.ALLOW_PRIVATE_ADDRESSES.get():
        raise InvalidRequestError(details=[_about("must begin with https://")])


@required_env_vars({"ALLOW_PRIVATE_ADDRESSES": [], "ALLOWED_TYPES": []})
@raises(SourceAddressError, SourceRedirectError, SourceUnreachableError, SourceStatusError)
def fetch(url: str, deadline: Deadline, max_bytes: int) -> bytes:
    """The bytes at a URL that `check` has passed.

    Raises:
        SourceError: they could not be fetched.
        SourceTooLargeError: there are more than `max_bytes`.
    """
    # Some servers choose the format by this header.
    accept = f"{', '.join(Settings.ALLOWED_TYPES.get())}, */*;q=0.1"
    try:
        response = external.request("GET", url, headers={"Accept": accept}, deadline=deadline, max_bytes=max_bytes)
    except RedirectNotAllowedError:
        raise SourceRedirectError from None
    except AddressNotAllowedError:
        raise SourceAddressError from None
    except ExternalServiceError as error:
        raise _ERRORS.get(error.reason, SourceUnreachableError) from None
    if response.status != 200:
        raise SourceStatusError(f"answered with status {response.status}")
    return response.body


def file_name(url: str) -> str:
    """The name of the file in the URL's path, if it has an extension: other last parts may be ids or secrets."""
    name = unquote(urlsplit(url).path).replace("\\", "/").rpartition("/")[2]
    plain = "".join(character for character in name if character.isprintable()).strip()[:_LONGEST_NAME]
    stem, dot, extension = plain.rpartition(".")
    return plain if stem and dot and extension.isalnum() and len(extension) <= 5 else _UNNAMED
