"""What is written down, and what never is."""

import json
from collections.abc import Iterator

import pytest

from chalicelib.core import log


@pytest.mark.parametrize(
    "secret",
    [
        {"password": "hunter2-hunter2"},
        {"newPassword": "hunter2-hunter2"},
        {"accessToken": "hunter2-hunter2"},
        {"refresh_token": "hunter2-hunter2"},
        {"Authorization": "Bearer hunter2-hunter2"},
        {"code": "hunter2-hunter2"},
        {"session": "hunter2-hunter2"},
        {"webhookSecret": "hunter2-hunter2"},
        {"api_key": "hunter2-hunter2"},
        {"uploadUrl": "https://bucket/key?hunter2-hunter2"},
        {"link": "https://bucket/key?X-Amz-Signature=hunter2-hunter2"},
        {"deep": [{"headers": {"cookie": "hunter2-hunter2"}}]},
        {"message": "Invalid value: drk_hunter2-hunter2-hunter2"},
        {"message": "Invalid value: eyJhbGciOiJSUzI1NiJ9.hunter2-hunter2.hunter2"},
        {"message": "the header was Bearer hunter2-hunter2"},
        {"message": "the header was basic hunter2/hunter2=="},
    ],
)
def test_secrets_are_never_written(secret: dict[str, object]) -> None:
    assert "hunter2" not in json.dumps(log.redact(secret))


def test_what_is_no_secret_is_written_as_it_is() -> None:
    plain = {
        "imageId": "img_1",
        "fileSize": 3,
        "tags": ["a", None, 1.5],
        "ok": True,
        "reason": "The basic idea of a bearer: drk_ and eyJ are only beginnings.",
    }
    assert log.redact(plain) == plain


@pytest.fixture
def _new_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Handlers write to the standard output of the moment in which they were made.
    monkeypatch.setenv("SERVICE_NAME", "a-logger-for-this-test")
    log._logger.cache_clear()
    yield
    log._logger.cache_clear()


@pytest.mark.usefixtures("_new_logger")
def test_a_line_has_the_same_eight_fields(capsys: pytest.CaptureFixture[str]) -> None:
    with log.context("request-1", "journey-1"):
        try:
            raise ValueError("broken")
        except ValueError as error:
            log.error("THING_FAILED", error, imageId="img_1", password="hunter2")
    line = json.loads(capsys.readouterr().out)
    assert list(line) == [
        "timestamp",
        "level",
        "event",
        "metadata",
        "environment",
        "functionName",
        "requestId",
        "correlationId",
    ]
    assert (line["level"], line["event"]) == ("ERROR", "THING_FAILED")
    assert (line["requestId"], line["correlationId"]) == ("request-1", "journey-1")
    assert line["metadata"]["imageId"] == "img_1"
    assert line["metadata"]["password"] == log.REDACTED
    assert line["metadata"]["error"]["type"] == "ValueError"
