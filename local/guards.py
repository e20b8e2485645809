"""What moto leaves open on buckets: signed links, forms and calls are checked as S3 does, the unsigned refused."""

import base64
import binascii
import hashlib
import hmac
import io
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.formparser import parse_form_data

from local import signing
from local.buckets import bucket_named
from local.clock import Clock
from local.signing import ALGORITHM, Environ, RefusedError, denied, malformed

LONGEST_LINK = 604800
SKEW = 900

_DIGEST = re.compile("[0-9a-f]{64}")
_ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)

Application = Callable[[Environ, Any], Iterable[bytes]]


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
        if bucket_named(environ) is None or environ["REQUEST_METHOD"] == "OPTIONS":
            return
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        is_link = bool(query.keys() & {"X-Amz-Algorithm", "X-Amz-Signature", "Signature"})
        if "HTTP_AUTHORIZATION" in environ:
            if is_link:
                raise signing.bad_request("InvalidArgument", _ONE_MECHANISM)
            self._check_header(environ)
        elif is_link:
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
            algorithm, signature = query["X-Amz-Algorithm"], query["X-Amz-Signature"]
        except (KeyError, ValueError):
            raise malformed("A signed link needs algorithm, credential, date, expiry and signed headers.") from None
        if algorithm != ALGORITHM or not 0 < lifetime <= LONGEST_LINK:
            raise malformed(f"X-Amz-Expires must be from 1 to {LONGEST_LINK} seconds, signed with {ALGORITHM}.")
        key = signing.signing_key(self.secrets, scope, date)
        self._check_age(signing.moment(date), lifetime)
        signing.check_all_signed(environ, signed)
        signing.check(signing.sign(key, date, scope, signing.canonical_request(environ, signed)), signature)

    def _check_age(self, signed_at: float, lifetime: int) -> None:
        now = self.clock.wall()
        if signed_at > now + SKEW:
            raise denied("Request is not valid yet")
        if now > signed_at + lifetime:
            raise denied("Request has expired", Expires=_iso(signed_at + lifetime), ServerTime=_iso(now))

    # ------------------------------------------------------------ headers

    def _check_header(self, environ: Environ) -> None:
        given = signing.Authorization.read(environ["HTTP_AUTHORIZATION"])
        date, payload = signing.header(environ, "x-amz-date"), signing.header(environ, "x-amz-content-sha256")
        key = signing.signing_key(self.secrets, given.scope, date)
        # The functions' own clocks are not driven.
        signed_at = signing.moment(date)
        if min(abs(now - signed_at) for now in (time.time(), self.clock.wall())) > SKEW:
            message = "The difference between the request time and the current time is too large."
            raise RefusedError("403 Forbidden", "RequestTimeTooSkewed", message)
        signing.check_all_signed(environ, given.signed)
        request = signing.canonical_request(environ, given.signed, payload)
        signing.check(signing.sign(key, date, given.scope, request), given.signature)
        if _DIGEST.fullmatch(payload) and payload != hashlib.sha256(_body(environ)).hexdigest():
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise signing.bad_request("XAmzContentSHA256Mismatch", message)

    # ------------------------------------------------------------ forms

    def _check_form(self, environ: Environ) -> None:
        fields, size = _form(environ, _body(environ))
        if "policy" not in fields:
            raise denied("Access Denied")
        try:
            policy = json.loads(base64.b64decode(fields["policy"], validate=True))
            expires, conditions = signing.moment(policy["expiration"]), policy["conditions"]
            signature, scope = fields["x-amz-signature"], fields["x-amz-credential"]
            key = signing.signing_key(self.secrets, scope, fields["x-amz-date"])
        except (KeyError, ValueError, TypeError, binascii.Error):
            raise denied("Invalid according to Policy: the policy or its signature is missing or malformed.") from None
        wanted = hmac.new(key, fields["policy"].encode(), hashlib.sha256).hexdigest()
        signing.check(wanted, signature)
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


def _body(environ: Environ) -> bytes:
    """The request's body, which can be read again behind this."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return body


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


def _iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _refuse(refusal: RefusedError, environ: Environ, start_response: Any) -> Iterable[bytes]:
    body = refusal.body(environ.get("PATH_INFO", ""))
    start_response(refusal.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
