"""The contract's own words: what the API is, its parts, and the webhooks that it sends."""

import functools
from collections.abc import Mapping
from typing import Any

from chalice.app import Chalice, Response

from chalicelib.core import ids
from chalicelib.core.agents import tools
from chalicelib.core.http import openapi, responses, signatures
from chalicelib.core.http.openapi import About, Webhook
from chalicelib.core.http.operations import Answer
from chalicelib.notify.schemas import NOTIFICATION
from chalicelib.web.schemas import file_answers

_SECONDS = 300
CONTRACT = file_answers("The contract.", {"type": "object"}, f"It may be kept for {_SECONDS} seconds.")

ABOUT = About(
    title="Darkroom",
    description="""\
A platform for images and user actions: a photo goes in, and its variants come out, validated, resized and watermarked.

**Answers** are JSON objects with `success`. A failure has a `message` for people, an `error.code` for programs, and a
`requestId` that finds it in the log. Answers may get further fields at any time: ignore those that you do not know.
They are for their caller alone (`Cache-Control: no-store`), except where an operation says otherwise.

**Who calls** is said by `Authorization: Bearer`, with an access token or with an API key.

**Limits.** `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` tell your standing; a 429 says in
`Retry-After` when to come back. A body has at most 256 KB and 10,000 values.

**Bodies** are JSON objects. `{"data": {…}}` alone is taken as the object inside.

**Times** are ISO 8601 in UTC.

**Before an operation runs**, the gateway answers in the same shape: 404 `NOT_FOUND` for a path or method that does not
exist (403 `INVALID_REQUEST` with a token), 413 `TOO_LARGE` for a request over 10 MB, 429 `TOO_MANY_REQUESTS` when all
callers together are too fast, 503 `UNAVAILABLE` when an answer takes longer than 29 seconds. A caller should expect any
further `error.code`.
""",
    license={"name": "MIT", "identifier": "MIT"},
    tags={
        "auth": "Accounts",
        "upload": "Images",
        "presets": "Images",
        "images": "Images",
        "actions": "Actions",
        "keys": "API keys",
        "usage": "Usage",
        "agent": "Agents",
        "mcp": "Agents",
        "admin": "Administration",
        "health": "Service",
        "openapi.json": "Service",
        "": "Service",
        "docs": "Service",
        "assets": "Service",
    },
    tag_descriptions={
        "Accounts": "Sign up, sign in, and the caller's own profile.",
        "Images": "Send photos, follow them through the pipeline, and get their variants.",
        "Actions": "Work on finished images, reports and exports, done at once or by a queue.",
        "API keys": "Keys for programs: what each opens, its limits, its rotation.",
        "Usage": "Requests, dollars and stored bytes of the caller.",
        "Agents": "The same operations as tools for agents.",
        "Administration": "For administrators: users, everyone's usage, syncs and the audit trail.",
        "Service": "The service's health, this contract, and its pages.",
    },
    webhooks=(
        Webhook(
            name="image_finished",
            tag="Images",
            description="An image of yours is COMPLETED or FAILED. Darkroom sends this to the "
            "`preferences.webhook.url` of your profile. If it is not answered with 2xx within ten seconds, it is sent "
            "up to three times within a few minutes, and `webhook.lastError` of your profile says why it failed.",
            payload=NOTIFICATION,
            headers={signatures.HEADER: signatures.WEBHOOK},
            answers=(
                Answer(200, "You have it. Any other 2xx says the same."),
                Answer(400, "You will not take it. Any 4xx but 408 and 429 ends the tries."),
                Answer(503, "Try again: as every 5xx, 408 and 429."),
            ),
        ),
    ),
)


def contract(app: Chalice, server: str = "/") -> dict[str, Any]:
    """The contract; `server` is what stands before the paths."""
    more = [(f"/agent/{tool.operation.name}", "POST", tool.function) for tool in tools.without_route(app)]
    return openapi.document(app, ABOUT, server, more)


def get_contract(app: Chalice, event: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """The contract in JSON; 304 without a body where the caller has it."""
    text = _text(app, _prefix(event["requestContext"]))
    kept = {"Cache-Control": f"public, max-age={_SECONDS}"}
    return responses.file(text, "application/json", headers.get("if-none-match", ""), kept)


def _prefix(context: Mapping[str, Any]) -> str:
    """What API Gateway puts before the routes: its stage's name, or a custom domain's base path."""
    path, route = str(context["path"]), str(context["resourcePath"])
    return path.removesuffix(route).rstrip("/") or "/"


@functools.lru_cache(maxsize=4)
def _text(app: Chalice, prefix: str) -> str:
    return ids.to_json(contract(app, prefix))
