"""Signature Version 4 as S3 checks it: in a link's query, a form's policy, or an Authorization header."""

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from local.wsgi import Environ

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
# The access key id of state machines' tasks, which is its own secret.
STATE_MACHINES = "step-functions"

_HEADER = re.compile(r"AWS4-HMAC-SHA256 +Credential=([^, ]+), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})")


class RefusedError(Exception):
    """A request that S3 refuses, with the status, code and message of its response."""

    def __init__(self, status: str, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self, path: str) -> bytes:
        """The XML body of S3's response."""
        details = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in self.details.items())
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message>{details}"
            f"<Resource>{escape(path)}</Resource></Error>"
        ).encode()


def bad_request(code: str, message: str) -> RefusedError:
    """S3's error for an invalid request."""
    return RefusedError("400 Bad Request", code, message)


def access_denied(message: str, **details: str) -> RefusedError:
    """S3's error for most refusals."""
    return RefusedError("403 Forbidden", "AccessDenied", message, **details)


def malformed_query(message: str) -> RefusedError:
    """S3's error for a query that is not a signature."""
    return bad_request("AuthorizationQueryParametersError", message)


def signature_mismatch() -> RefusedError:
    """S3's error for the signature of another request."""
    message = "The request signature we calculated does not match the signature you provided."
    return RefusedError("403 Forbidden", "SignatureDoesNotMatch", f"{message} Check your key and signing method.")


@dataclass(frozen=True)
class Authorization:
    """A parsed Authorization header. `scope` starts with the access key id."""

    scope: str
    signed_headers: list[str]
    signature: str

    @classmethod
    def parse(cls, header: str) -> "Authorization":
        """Raises RefusedError for a kind of header that S3 does not accept."""
        parts = _HEADER.fullmatch(header.strip())
        if parts is not None:
            return cls(parts[1], parts[2].split(";"), parts[3])
        if header.startswith(ALGORITHM):
            raise bad_request(
                "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid."
            )
        if header.startswith("AWS "):
            message = f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
            raise bad_request("InvalidRequest", message)
        raise bad_request("InvalidArgument", "Unsupported Authorization Type")


def signing_key(secrets: Mapping[str, str], scope: str, date: str) -> bytes:
    """The signing key for a scope (`key/day/region/s3/aws4_request`). Raises RefusedError for an unknown key."""
    parts = scope.split("/")
    if len(parts) != 5 or parts[1] != date[:8] or parts[3:] != ["s3", "aws4_request"]:
        raise malformed_query("The credential is mal-formed.")
    secret = secrets.get(parts[0])
    if secret is None:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise RefusedError("403 Forbidden", "InvalidAccessKeyId", message)
    key = f"AWS4{secret}".encode()
    for part in parts[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def sign(key: bytes, date: str, scope: str, request: str) -> str:
    """The signature of a canonical request."""
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([ALGORITHM, date, scope.partition("/")[2], digest])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def check(expected: str, received: str) -> None:
    """Raises RefusedError where the two signatures differ."""
    if not hmac.compare_digest(expected, received):
        raise signature_mismatch()


def canonical_request(environ: Environ, signed_headers: list[str], payload: str = UNSIGNED) -> str:
    """The text to sign. `payload` is the SHA-256 of the body, or a constant that says why there is none."""
    raw_path, _, raw_query = environ["RAW_URI"].partition("?")
    # Decoded and encoded again, because clients encode in different ways.
    path = quote(unquote(raw_path), safe="/-_.~")
    pairs = [pair.partition("=") for pair in raw_query.split("&") if pair]
    query = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in pairs
        if unquote(name) != "X-Amz-Signature"
    )
    headers = "".join(f"{name}:{' '.join(header(environ, name).split())}\n" for name in signed_headers)
    joined = "&".join(f"{name}={value}" for name, value in query)
    return "\n".join([environ["REQUEST_METHOD"], path, joined, headers, ";".join(signed_headers), payload])


def header(environ: Environ, name: str) -> str:
    """A header's value; "" if it is missing."""
    key = name.upper().replace("-", "_")
    return str(environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", ""))


def check_all_signed(environ: Environ, signed_headers: list[str]) -> None:
    """Raises RefusedError if the host or a header of S3 is not signed."""
    if "host" not in signed_headers:
        raise access_denied("The host header was not signed.")
    sent = [name[5:].replace("_", "-").lower() for name in environ if name.startswith("HTTP_X_AMZ_")]
    unsigned = [name for name in sent if name not in signed_headers and name != "x-amz-content-sha256"]
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise access_denied(message, HeadersNotSigned=", ".join(sorted(unsigned)))


def seconds_of(text: str) -> float:
    """A date of SigV4 or of a form's policy, in seconds since 1970."""
    for layout in ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return calendar.timegm(time.strptime(text, layout))
        except ValueError:
            continue
    raise malformed_query(f"{text} is not a date.")
