"""What moto leaves open on buckets: signed links and forms are checked as S3 checks them, the unsigned refused."""

import base64
import binascii
import calendar
import hashlib
import hmac
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from werkzeug.formparser import parse_form_data

from local.buckets import bucket_named
from local.clock import Clock

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_LINK = 604800
SKEW = 900

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class RefusedError(Exception):
    """A request that S3 would refuse: its status, code and message."""

    def __init__(self, status: str, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def denied(message: str, **details: str) -> RefusedError:
    """S3's word for most refusals."""
    return RefusedError("403 Forbidden", "AccessDenied", message, **details)


def mismatch() -> RefusedError:
    """S3's word for a signature that is not of this request."""
    message = "The request signature we calculated does not match the signature you provided."
    return RefusedError("403 Forbidden", "SignatureDoesNotMatch", f"{message} Check your key and signing method.")


@dataclass(frozen=True)
class BucketGuard:
    """Middleware that stands before the buckets."""

    application: Application
    secrets: Mapping[str, str]
    clock: Clock

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Pass the request on, or answer as S3 would refuse it."""
        try:
            self._check(environ)
        except RefusedError as refusal:
            return _refuse(refusal, environ, start_response)
        return self.application(environ, start_response)

    def _check(self, environ: Environ) -> None:
        if bucket_named(environ) is None or environ["REQUEST_METHOD"] == "OPTIONS" or "HTTP_AUTHORIZATION" in environ:
            return
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        if "X-Amz-Signature" in query:
            self._check_link(environ, query)
        elif _is_form(environ):
            self._check_form(environ)
        else:
            raise denied("Access Denied")

    # ------------------------------------------------------------ links

    def _check_link(self, environ: Environ, query: Mapping[str, str]) -> None:
        try:
            scope = query["X-Amz-Credential"]
            date, lifetime = query["X-Amz-Date"], int(query["X-Amz-Expires"])
            signed = query["X-Amz-SignedHeaders"].split(";")
            algorithm = query["X-Amz-Algorithm"]
        except (KeyError, ValueError):
            raise _malformed("A signed link needs algorithm, credential, date, expiry and signed headers.") from None
        if algorithm != ALGORITHM or not 0 < lifetime <= LONGEST_LINK:
            raise _malformed(f"X-Amz-Expires must be from 1 to {LONGEST_LINK} seconds, signed with {ALGORITHM}.")
        key = self._signing_key(scope, date)
        self._check_age(_moment(date), lifetime)
        _check_all_signed(environ, signed)
        wanted = _sign(key, date, scope, _canonical_request(environ, signed))
        if not hmac.compare_digest(wanted, query["X-Amz-Signature"]):
            raise mismatch()

    def _check_age(self, signed_at: float, lifetime: int) -> None:
        now = self.clock.wall()
        if signed_at > now + SKEW:
            raise denied("Request is not valid yet")
        if now > signed_at + lifetime:
            raise denied("Request has expired", Expires=_iso(signed_at + lifetime), ServerTime=_iso(now))

    def _signing_key(self, scope: str, date: str) -> bytes:
        parts = scope.split("/")
        if len(parts) != 5 or parts[1] != date[:8] or parts[3:] != ["s3", "aws4_request"]:
            raise _malformed("The credential is mal-formed.")
        secret = self.secrets.get(parts[0])
        if secret is None:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise RefusedError("403 Forbidden", "InvalidAccessKeyId", message)
        key = f"AWS4{secret}".encode()
        for part in parts[1:]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    # ------------------------------------------------------------ forms

    def _check_form(self, environ: Environ) -> None:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        fields, size = _form(environ, body)
        environ["wsgi.input"] = io.BytesIO(body)
        if "policy" not in fields:
            raise denied("Access Denied")
        try:
            policy = json.loads(base64.b64decode(fields["policy"], validate=True))
            expires, conditions = _moment(policy["expiration"]), policy["conditions"]
            signature, scope = fields["x-amz-signature"], fields["x-amz-credential"]
            key = self._signing_key(scope, fields["x-amz-date"])
        except (KeyError, ValueError, TypeError, binascii.Error):
            raise denied("Invalid according to Policy: the policy or its signature is missing or malformed.") from None
        wanted = hmac.new(key, fields["policy"].encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, signature):
            raise mismatch()
        if self.clock.wall() > expires:
            raise denied("Invalid according to Policy: Policy expired.")
        _check_conditions(conditions, fields | {"bucket": bucket_named(environ) or ""}, size)


def _check_conditions(conditions: list[Any], fields: Mapping[str, str], size: int) -> None:
    named = {"bucket"}
    for condition in conditions:
        operator, name, wanted = _condition(condition)
        if operator == "content-length-range":
            _check_size(size, int(name), int(wanted))
            continue
        name = name.removeprefix("$").lower()
        named.add(name)
        value = fields.get(name, "")
        met = value.startswith(wanted) if operator == "starts-with" else value == wanted
        if not met:
            raise denied(f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}")
    signing = {"policy", "x-amz-signature", "file"}
    extra = [name for name in fields if name not in named | signing and not name.startswith("x-ignore-")]
    if extra:
        raise denied(f"Invalid according to Policy: Extra input fields: {', '.join(sorted(extra))}")


def _condition(condition: Any) -> tuple[str, str, str]:
    if isinstance(condition, dict) and len(condition) == 1:
        ((name, value),) = condition.items()
        return "eq", str(name), str(value)
    if isinstance(condition, list) and len(condition) == 3:
        operator = str(condition[0]).lower()
        if operator in ("eq", "starts-with", "content-length-range"):
            return operator, str(condition[1]), str(condition[2])
    raise denied(f"Invalid according to Policy: Invalid Condition: {json.dumps(condition)}")


def _check_size(size: int, least: int, most: int) -> None:
    limits = {"ProposedSize": str(size), "MinSizeAllowed": str(least), "MaxSizeAllowed": str(most)}
    if size > most:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise RefusedError("400 Bad Request", "EntityTooLarge", message, **limits)
    if size < least:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise RefusedError("400 Bad Request", "EntityTooSmall", message, **limits)


def _is_form(environ: Environ) -> bool:
    kind = str(environ.get("CONTENT_TYPE", ""))
    return bool(environ["REQUEST_METHOD"] == "POST") and kind.lower().startswith("multipart/form-data")


def _form(environ: Environ, body: bytes) -> tuple[dict[str, str], int]:
    """The fields, by their names in lower case, and the size of the file."""
    _, values, files = parse_form_data(environ | {"wsgi.input": io.BytesIO(body)}, max_form_memory_size=None)
    fields = {name.lower(): value for name, value in values.items()}
    upload = files.get("file")
    if upload is not None:
        return fields, len(upload.read())
    if "file" not in fields:
        message = "POST requires exactly one file upload per request."
        raise RefusedError("400 Bad Request", "InvalidArgument", message)
    return fields, len(fields.pop("file").encode())


# ---------------------------------------------------------------- Signature Version 4


def _canonical_request(environ: Environ, signed: list[str]) -> str:
    raw_path, _, raw_query = environ["RAW_URI"].partition("?")
    # Compared in one spelling: what was sent is decoded and encoded again as SigV4 wants it.
    path = quote(unquote(raw_path), safe="/-_.~")
    pairs = [pair.partition("=") for pair in raw_query.split("&") if pair]
    query = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in pairs
        if unquote(name) != "X-Amz-Signature"
    )
    headers = "".join(f"{name}:{' '.join(_header(environ, name).split())}\n" for name in signed)
    joined = "&".join(f"{name}={value}" for name, value in query)
    return "\n".join([environ["REQUEST_METHOD"], path, joined, headers, ";".join(signed), "UNSIGNED-PAYLOAD"])


def _sign(key: bytes, date: str, scope: str, request: str) -> str:
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([ALGORITHM, date, scope.partition("/")[2], digest])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _header(environ: Environ, name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
    return str(value)


def _check_all_signed(environ: Environ, signed: list[str]) -> None:
    if "host" not in signed:
        raise denied("The host header was not signed.")
    sent = [name[5:].replace("_", "-").lower() for name in environ if name.startswith("HTTP_X_AMZ_")]
    unsigned = [name for name in sent if name not in signed and name != "x-amz-content-sha256"]
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise denied(message, HeadersNotSigned=", ".join(sorted(unsigned)))


def _moment(text: str) -> float:
    for layout in ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return calendar.timegm(time.strptime(text, layout))
        except ValueError:
            continue
    raise _malformed(f"{text} is not a date.")


def _iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _malformed(message: str) -> RefusedError:
    return RefusedError("400 Bad Request", "AuthorizationQueryParametersError", message)


def _refuse(refusal: RefusedError, environ: Environ, start_response: Any) -> Iterable[bytes]:
    details = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in refusal.details.items())
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>{details}"
        f"<Resource>{escape(environ.get('PATH_INFO', ''))}</Resource></Error>"
    ).encode()
    start_response(refusal.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
