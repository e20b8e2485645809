"""What is logged, and what never is."""

import json
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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
def test_secrets_are_never_logged(secret: dict[str, object]) -> None:
    assert "hunter2" not in json.dumps(log.redact(secret))


def test_values_that_are_no_secrets_are_logged_unchanged() -> None:
    plain = {
        "imageId": "img_1",
        "fileSize": 3,
        "tags": ["a", None, 1.5],
        "ok": True,
        "reason": "The basic idea of a bearer: drk_ and eyJ are only beginnings.",
    }
    assert log.redact(plain) == plain


@pytest.fixture
def _new_logger(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    # A handler writes to the standard output that was current when it was created.
    monkeypatch.setenv("SERVICE_NAME", request.node.name)
    log._logger.cache_clear()
    yield
    log._logger.cache_clear()


@pytest.mark.usefixtures("_new_logger")
def test_every_log_line_has_the_same_eight_fields(capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.mark.usefixtures("_new_logger")
def test_log_lines_and_errors_carry_the_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    with log.context("request-1"):
        log.info("BEFORE")
        try:
            with log.correlated("journey-1"):
                log.info("INSIDE")
                raise ValueError("broken")
        except ValueError as error:
            log.error("BROKEN", error)
        log.info("AFTER")
        with log.correlated(None):
            log.info("UNKNOWN")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["requestId"] for line in lines} == {"request-1"}
    assert {line["event"]: line["correlationId"] for line in lines} == {
        "BEFORE": "request-1",
        "INSIDE": "journey-1",
        "BROKEN": "journey-1",
        "AFTER": "request-1",
        "UNKNOWN": "request-1",
    }


@pytest.mark.usefixtures("_new_logger")
def test_the_correlation_id_is_carried_to_another_thread(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(1) as threads, log.context("request-1", "journey-1"):
        threads.submit(log.keep_context(log.info), "CARRIED").result()
        threads.submit(log.info, "STRANGE").result()
    carried, strange = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (carried["requestId"], carried["correlationId"]) == ("request-1", "journey-1")
    assert (strange["requestId"], strange["correlationId"]) == ("", "")


@pytest.mark.parametrize("identity", ["a", "x" * 64, "4bf92f35-77b3-4da6", "img_01-1", "Root_1"])
def test_a_short_plain_correlation_id_is_accepted(identity: str) -> None:
    assert log.valid_correlation_id(identity) == identity


@pytest.mark.parametrize(
    "identity", ["", "x" * 65, "a b", "a\nb", "a;b", "é", "drk_0123456789abcdef01", None, 7, ["a"]]
)
def test_any_other_correlation_id_is_refused(identity: object) -> None:
    assert log.valid_correlation_id(identity) is None


# Characters that end a line, reverse the text, or are invisible or not encodable, by Unicode's properties.
_TURNING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
UNPRINTABLE = [
    character
    for character in map(chr, range(0x10000))
    if unicodedata.category(character) in ("Cc", "Zl", "Zp")
    or unicodedata.bidirectional(character) in _TURNING
    or character in "\u061c\u200e\u200f\ufeff\ud800\udbff\udc00\udfff"
]


@pytest.mark.usefixtures("_new_logger")
def test_no_value_can_break_a_log_line_or_reverse_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = "-".join(UNPRINTABLE)
    log.info("NAMED", name=f"Zoë 👩‍🎨 {text}")
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert not set(out.rstrip("\n")) & set(UNPRINTABLE)
    assert json.loads(out)["metadata"]["name"] == f"Zoë 👩‍🎨 {text}"
    assert "Zoë 👩‍🎨" in out, "readable characters are not escaped"
