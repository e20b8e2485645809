"""Checks every request to a bucket as S3 does: signed links, signed forms and signed calls. moto checks nothing."""

import base64
import binascii
import hashlib
import hmac
import io
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.formparser import parse_form_data

from local import sigv4
from local.bucket_cors import bucket_of
from local.clock import Clock
from local.sigv4 import ALGORITHM, RefusedError, access_denied, malformed_query
from local.wsgi import Application, Environ, respond

# In seconds: how long a link may live, and how far clocks may differ.
MAX_LINK_LIFETIME = 604800
MAX_SKEW = 900

_DIGEST = re.compile("[0-9a-f]{64}")
_ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)


@dataclass(frozen=True)
class BucketAuth:
    """Middleware that refuses unsigned or wrongly signed requests to buckets. `secrets` are by access key id."""

    application: Application
    secrets: Mapping[str, str]
    clock: Clock

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Pass the request on, or answer with S3's error."""
        try:
            self._check(environ)
        except RefusedError as refusal:
            body = refusal.body(environ.get("PATH_INFO", ""))
            return respond(start_response, refusal.status, "application/xml", body)
        return self.application(environ, start_response)

    def _check(self, environ: Environ) -> None:
        if bucket_of(environ) is None or environ["REQUEST_METHOD"] == "OPTIONS":
            return
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        is_link = bool(query.keys() & {"X-Amz-Algorithm", "X-Amz-Signature", "Signature"})
        if "HTTP_AUTHORIZATION" in environ:
            if is_link:
                raise sigv4.bad_request("InvalidArgument", _ONE_MECHANISM)
            self._check_header(environ)
        elif is_link:
            self._check_link(environ, query)
        elif _is_form(environ):
            self._check_form(environ)
        else:
            raise access_denied("Access Denied")

    # ------------------------------------------------------------ links

    def _check_link(self, environ: Environ, query: Mapping[str, str]) -> None:
        try:
            scope = query["X-Amz-Credential"]
            date, lifetime = query["X-Amz-Date"], int(query["X-Amz-Expires"])
            headers = query["X-Amz-SignedHeaders"].split(";")
            algorithm, signature = query["X-Amz-Algorithm"], query["X-Amz-Signature"]
        except (KeyError, ValueError):
            message = "A signed link needs algorithm, credential, date, expiry and signed headers."
            raise malformed_query(message) from None
        if algorithm != ALGORITHM or not 0 < lifetime <= MAX_LINK_LIFETIME:
            message = f"X-Amz-Expires must be from 1 to {MAX_LINK_LIFETIME} seconds, signed with {ALGORITHM}."
            raise malformed_query(message)
        key = sigv4.signing_key(self.secrets, scope, date)
        self._check_age(sigv4.seconds_of(date), lifetime)
        sigv4.check_all_signed(environ, headers)
        sigv4.check(sigv4.sign(key, date, scope, sigv4.canonical_request(environ, headers)), signature)

    def _check_age(self, signed_at: float, lifetime: int) -> None:
        now = self.clock.wall()
        if signed_at > now + MAX_SKEW:
            raise access_denied("Request is not valid yet")
        if now > signed_at + lifetime:
            raise access_denied("Request has expired", Expires=_iso(signed_at + lifetime), ServerTime=_iso(now))

    # ------------------------------------------------------------ headers

    def _check_header(self, environ: Environ) -> None:
        authorization = sigv4.Authorization.parse(environ["HTTP_AUTHORIZATION"])
        date, payload = sigv4.header(environ, "x-amz-date"), sigv4.header(environ, "x-amz-content-sha256")
        key = sigv4.signing_key(self.secrets, authorization.scope, date)
        # The functions sign with the real time, also while a test has moved the local clock.
        signed_at = sigv4.seconds_of(date)
        if min(abs(now - signed_at) for now in (time.time(), self.clock.wall())) > MAX_SKEW:
            message = "The difference between the request time and the current time is too large."
            raise RefusedError("403 Forbidden", "RequestTimeTooSkewed", message)
        sigv4.check_all_signed(environ, authorization.signed_headers)
        request = sigv4.canonical_request(environ, authorization.signed_headers, payload)
        sigv4.check(sigv4.sign(key, date, authorization.scope, request), authorization.signature)
        if _DIGEST.fullmatch(payload) and payload != hashlib.sha256(_read_body(environ)).hexdigest():
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise sigv4.bad_request("XAmzContentSHA256Mismatch", message)

    # ------------------------------------------------------------ forms

    def _check_form(self, environ: Environ) -> None:
        fields, size = _parse_form(environ, _read_body(environ))
        if "policy" not in fields:
            raise access_denied("Access Denied")
        try:
            policy = json.loads(base64.b64decode(fields["policy"], validate=True))
            expires, conditions = sigv4.seconds_of(policy["expiration"]), policy["conditions"]
            signature, scope = fields["x-amz-signature"], fields["x-amz-credential"]
            key = sigv4.signing_key(self.secrets, scope, fields["x-amz-date"])
        except (KeyError, ValueError, TypeError, binascii.Error):
            message = "Invalid according to Policy: the policy or its signature is missing or malformed."
            raise access_denied(message) from None
        sigv4.check(hmac.new(key, fields["policy"].encode(), hashlib.sha256).hexdigest(), signature)
        if self.clock.wall() > expires:
            raise access_denied("Invalid according to Policy: Policy expired.")
        _check_conditions(conditions, fields | {"bucket": bucket_of(environ) or ""}, size)


def _check_conditions(conditions: list[Any], fields: Mapping[str, str], size: int) -> None:
    known = {"bucket", "policy", "x-amz-signature", "file"}
    for condition in conditions:
        operator, name, expected = _parse_condition(condition)
        if operator == "content-length-range":
            _check_size(size, int(name), int(expected))
            continue
        name = name.removeprefix("$").lower()
        known.add(name)
        value = fields.get(name, "")
        is_met = value.startswith(expected) if operator == "starts-with" else value == expected
        if not is_met:
            raise access_denied(f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}")
    extra = [name for name in fields if name not in known and not name.startswith("x-ignore-")]
    if extra:
        raise access_denied(f"Invalid according to Policy: Extra input fields: {', '.join(sorted(extra))}")


def _parse_condition(condition: Any) -> tuple[str, str, str]:
    """The operator and its two arguments."""
    if isinstance(condition, dict) and len(condition) == 1:
        ((name, value),) = condition.items()
        return "eq", str(name), str(value)
    if isinstance(condition, list) and len(condition) == 3:
        operator = str(condition[0]).lower()
        if operator in ("eq", "starts-with", "content-length-range"):
            return operator, str(condition[1]), str(condition[2])
    raise access_denied(f"Invalid according to Policy: Invalid Condition: {json.dumps(condition)}")


def _check_size(size: int, minimum: int, maximum: int) -> None:
    limits = {"ProposedSize": str(size), "MinSizeAllowed": str(minimum), "MaxSizeAllowed": str(maximum)}
    if size > maximum:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise RefusedError("400 Bad Request", "EntityTooLarge", message, **limits)
    if size < minimum:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise RefusedError("400 Bad Request", "EntityTooSmall", message, **limits)


def _read_body(environ: Environ) -> bytes:
    """The request's body; the application can read it again."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _is_form(environ: Environ) -> bool:
    kind = str(environ.get("CONTENT_TYPE", ""))
    return bool(environ["REQUEST_METHOD"] == "POST") and kind.lower().startswith("multipart/form-data")


def _parse_form(environ: Environ, body: bytes) -> tuple[dict[str, str], int]:
    """The fields by lower-case names, and the size of the file in bytes."""
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
