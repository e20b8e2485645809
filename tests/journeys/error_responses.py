"""What every error response of the API has in common."""

from typing import Any

import requests


def error_of(answer: requests.Response, status: int) -> dict[str, Any]:
    """The `error` of a response, after a check that its whole shape is what the contract says."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"success", "message", "error", "requestId"}
    assert body["success"] is False
    assert body["message"]
    assert set(body["error"]) <= {"type", "code", "details", "nextStep"}
    assert "nextStep" not in body["error"] or answer.request.path_url.startswith(("/agent/", "/mcp")), "for agents"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert_safe_headers(answer)
    assert "Traceback" not in answer.text
    return dict(body["error"])


def assert_safe_headers(answer: requests.Response) -> None:
    """Browsers must not guess the content type, store the response, or ask again without TLS."""
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["Cache-Control"] == "no-store"
