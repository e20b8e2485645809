"""CPU time of `@validated` per request, without AWS, compared with a bare route and Powertools' event handler.

    python -m bench.validated [ROUNDS]

All except the bare route do the same work: verify an access token (RS256), read the user's row, count the request,
validate the body by a schema, check a permission, write a usage record. AWS is a client that answers at once, the same
for all. The contenders take turns. Shown is the best CPU time of a request, and its ratio to `@validated`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import jwt
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.validation import validate
from chalice.app import Chalice
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import BaseModel, ConfigDict, Field

from bench._measure import best_of, integer_arguments
from tests.proxy_event import proxy_event

REQUESTS = 300
POOL, CLIENT = "us-east-1_Bench", "bench-client"
ISSUER = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"
SETTINGS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "COGNITO_USER_POOL_ID": POOL,
    "COGNITO_CLIENT_ID": CLIENT,
    "COGNITO_FORMER_CLIENT_ID": "",
    "USERS_TABLE": "users",
    "LIMITS_TABLE": "limits",
    "USAGE_METRICS_DYNAMO_TABLE": "usage",
    "API_KEYS_TABLE": "keys",
    "CRITICAL_ERRORS_SQS_QUEUE_NAME": "errors",
    "REQUESTS_PER_MINUTE": "600",
    "REQUESTS_PER_HOUR": "20000",
    "DOLLARS_PER_HOUR": "1",
    "DOLLARS_PER_DAY": "10",
    "DOLLARS_PER_MONTH": "100",
    "USAGE_KEEP_DAYS": "90",
    "CHECK_ANSWERS": "false",
}
USER = {"userId": "u1", "email": "u@example.com", "role": "USER", "isActive": True, "createdAt": "2026-01-01T00:00:00Z"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "fileName": {"type": "string", "minLength": 1, "maxLength": 1024},
        "fileType": {"type": "string", "minLength": 1, "maxLength": 100},
        "fileSize": {"type": "integer", "minimum": 0},
    },
    "required": ["fileName", "fileType"],
    "additionalProperties": False,
}
PAYLOAD = {"fileName": "holiday.jpg", "fileType": "image/jpeg", "fileSize": 123456}
CONTEXT = SimpleNamespace(
    aws_request_id="r1", memory_limit_in_mb=512, function_name="bench", get_remaining_time_in_millis=lambda: 30_000
)

Contender = Callable[[], dict[str, Any]]


class Aws:
    """A DynamoDB client that answers at once."""

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": USER}

    def update_item(self, **request: Any) -> dict[str, Any]:
        return {"Attributes": dict.fromkeys(request["ExpressionAttributeNames"].values(), 1)}

    def put_item(self, **_: Any) -> dict[str, Any]:
        return {}


class Upload(BaseModel):
    model_config = ConfigDict(extra="forbid")
    fileName: Annotated[str, Field(min_length=1, max_length=1024)]  # noqa: N815
    fileType: Annotated[str, Field(min_length=1, max_length=100)]  # noqa: N815
    fileSize: Annotated[int, Field(ge=0)] = 0  # noqa: N815


def main() -> None:
    os.environ.update(SETTINGS)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    event = _event(_token(key))
    # More tokens than the cache holds: a token is forgotten before it is used again.
    new_tokens = itertools.cycle([_event(_token(key, number)) for number in range(2000)])
    ours = _ours(key)
    contenders = {
        "@validated": lambda: ours(event, CONTEXT),
        "  each request with a token never seen": lambda: ours(next(new_tokens), CONTEXT),
        "  bare Chalice route": _bare(event),
        "  Powertools resolver, JSON Schema, PyJWT": _powertools(key, event),
        "  Powertools resolver, pydantic, PyJWT": _powertools_pydantic(key, event),
    }
    # Hides the log.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        for name, contender in contenders.items():
            answer = contender()
            assert answer["statusCode"] == 200, (name, answer)
        rounds = integer_arguments([15])[0]
        best = best_of(rounds, {name: partial(_cpu_seconds, run) for name, run in contenders.items()})
    ours_seconds = best["@validated"]
    for name, seconds in best.items():
        print(f"{name:<44}{seconds * 1e6:7.0f} µs   {seconds / ours_seconds:5.2f}")
    print(f"above the bare route: {(ours_seconds - best['  bare Chalice route']) * 1e6:.0f} µs")


def _cpu_seconds(contender: Contender) -> float:
    """CPU seconds of one request."""
    started = time.process_time()
    for _ in range(REQUESTS):
        contender()
    return (time.process_time() - started) / REQUESTS


def _token(key: rsa.RSAPrivateKey, number: int = 0) -> str:
    now = int(time.time())
    claims = {"sub": "u1", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "iat": now, "exp": now + 3600}
    return jwt.encode({**claims, "username": "u1", "jti": str(number)}, key, algorithm="RS256", headers={"kid": "k1"})


def _event(token: str) -> dict[str, Any]:
    event = proxy_event("POST", "/upload", headers={"Authorization": f"Bearer {token}"}, body=PAYLOAD)
    # Only Powertools' event handler reads these.
    headers = {name: [value] for name, value in event["headers"].items()}
    return {**event, "path": "/upload", "multiValueHeaders": headers, "queryStringParameters": None}


def _bare(event: dict[str, Any]) -> Contender:
    app = Chalice(app_name="bare", configure_logs=False)

    @app.route("/upload", methods=["POST"])
    def create_upload() -> dict[str, Any]:
        request = app.current_request
        return {"imageId": request.json_body["fileName"] if request is not None else ""}

    return lambda: app(event, CONTEXT)


def _ours(key: rsa.RSAPrivateKey) -> Chalice:
    from chalicelib import accounts, external
    from chalicelib.accounts.permissions import signed_in
    from chalicelib.core import clients
    from chalicelib.core.http import tokens
    from chalicelib.core.http.access import setup_validated, validated
    from chalicelib.core.http.operations import APIAccessType

    clients._clients["dynamodb"] = Aws()
    _serve_keys({"keys": [_public_key(key)]})
    app = Chalice(app_name="ours", configure_logs=False)
    setup_validated(app, authenticate=accounts.authenticate)
    tokens.setup_tokens(external.fetch)

    @app.route("/upload", methods=["POST"])
    @validated(SCHEMA, permission=signed_in, access=APIAccessType.FILE_UPLOAD)
    def create_upload(user: Any, data: dict[str, Any]) -> dict[str, Any]:
        return {"imageId": data["fileName"]}

    return app


def _public_key(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": "k1", "alg": "RS256", "use": "sig"}


def _decoding_key(key: rsa.RSAPrivateKey) -> jwt.PyJWK:
    return jwt.PyJWK.from_dict(_public_key(key))


def _serve_keys(keys: dict[str, Any]) -> None:
    """Serves the user pool's keys until this process ends. They are fetched once and cached."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    os.environ["JWKS_URL"] = f"http://127.0.0.1:{server.server_port}/jwks.json"
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _authenticate(key: Any, authorization: str) -> dict[str, Any]:
    """A usual implementation with PyJWT: the caller's row, after the token is verified and the request counted."""
    token = authorization.removeprefix("Bearer ")
    if jwt.get_unverified_header(token)["kid"] != "k1":
        raise PermissionError
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        issuer=ISSUER,
        leeway=5,
        options={"require": ["exp", "iat", "iss", "sub", "token_use", "client_id"], "verify_aud": False},
    )
    if claims["token_use"] != "access" or claims["client_id"] != CLIENT:
        raise PermissionError
    dynamodb = Aws()
    user: dict[str, Any] = dynamodb.get_item(Key={"userId": claims["sub"]})["Item"]
    if user["isActive"] is not True:
        raise PermissionError
    dynamodb.update_item(ExpressionAttributeNames={"#m": "minute", "#h": "hour"})
    return user


def _write_usage_record(user: dict[str, Any], started: float) -> None:
    Aws().put_item(Item={"account": user["userId"], "duration_ms": (time.perf_counter() - started) * 1000})


def _powertools(key: rsa.RSAPrivateKey, event: dict[str, Any]) -> Contender:
    app = APIGatewayRestResolver()
    decoding_key = _decoding_key(key)

    @app.post("/upload")
    def create_upload() -> dict[str, Any]:
        started = time.perf_counter()
        user = _authenticate(decoding_key, app.current_event.headers["Authorization"])
        data = app.current_event.json_body
        validate(event=data, schema=SCHEMA)
        _write_usage_record(user, started)
        return {"success": True, "imageId": data["fileName"]}

    return lambda: app.resolve(event, CONTEXT)  # type: ignore[arg-type]


def _powertools_pydantic(key: rsa.RSAPrivateKey, event: dict[str, Any]) -> Contender:
    app = APIGatewayRestResolver(enable_validation=True)
    decoding_key = _decoding_key(key)

    @app.post("/upload")
    def create_upload(data: Annotated[Upload, Body()]) -> dict[str, Any]:
        started = time.perf_counter()
        user = _authenticate(decoding_key, app.current_event.headers["Authorization"])
        _write_usage_record(user, started)
        return {"success": True, "imageId": data.fileName}

    return lambda: app.resolve(event, CONTEXT)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
