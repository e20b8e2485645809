"""Requests to the external services, their key, and the answers that are accepted."""

import io
import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.core import clients, config
from chalicelib.core.deadline import Deadline
from chalicelib.core.settings import Settings
from chalicelib.external import ExternalServiceError, Reason, circuit_breaker, secret, services
from local.fake_api import FakeApi
from local.fake_api.faults import Fault
from tests.unit.external.scripted_server import Scripted, answer

NAME = "darkroom/unit/external-services"
UPLOAD = services.PROCESS_FILE


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account without any secret."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "EXTERNAL_SERVICES_SECRET": NAME,
        "ALLOW_PRIVATE_ADDRESSES": "false",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        _forget()
        yield
    _forget()


def _forget() -> None:
    clients._clients.clear()
    config._absent.clear()
    secret._store.cache_clear()
    circuit_breaker._breakers.clear()


@pytest.fixture
def fake_api() -> Iterator[FakeApi]:
    with FakeApi() as started:
        keep(started.secret)
        yield started


def keep(text: str) -> None:
    """Stores the secret in Secrets Manager."""
    client = clients.client("secretsmanager")
    try:
        client.create_secret(Name=NAME, SecretString=text)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=NAME, SecretString=text)


def soon() -> Deadline:
    """A deadline with time for a call and none for a wait: this seed gives a wait of 0.96 s."""
    random.seed(2)
    return Deadline.within(0.9)


def failure(path: str = UPLOAD, **options: Any) -> ExternalServiceError:
    with pytest.raises(ExternalServiceError) as raised:
        services.call(path, {"imageId": "one"}, **options)
    return raised.value


def test_a_stage_without_a_secret_has_no_services() -> None:
    assert not services.is_configured()
    assert services.callback_secret() is None
    assert failure().reason is Reason.MISCONFIGURED


@pytest.mark.parametrize("text", ["{}", '{"base_url": ""}', '{"api_key": "key"}'])
def test_a_secret_without_a_base_url_configures_no_services(text: str) -> None:
    keep(text)
    assert not services.is_configured()


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        '["hunter2"]',
        '{"base_url": "ftp://x/", "api_key": "hunter2"}',
        '{"base_url": 1, "api_key": "hunter2"}',
        '{"base_url": "http://x/"}',
        '{"base_url": "http://x/", "api_key": "hunter2\\r\\nX: x"}',
        '{"base_url": "http://x/", "api_key": "hunter2", "callback_secret": ""}',
    ],
)
def test_an_invalid_secret_is_reported_without_its_content(text: str) -> None:
    keep(text)
    with pytest.raises(ExternalServiceError) as raised:
        services.is_configured()
    assert raised.value.reason is Reason.MISCONFIGURED
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "path", [services.PROCESS_FILE, services.GENERATE_REPORT, services.EXPORT_DATA, services.CUSTOM]
)
def test_work_is_handed_over_and_its_state_is_read(fake_api: FakeApi, path: str) -> None:
    taken = services.call(path, {"imageId": "one", "size": 10})
    assert taken == {"id": "work-000001", "status": "queued"}
    seen = [services.fetch_status(path, taken["id"])["status"] for _ in range(3)]
    assert seen == ["queued", "processing", "completed"]
    first = fake_api.received[0]
    assert (first.method, first.path, first.json()) == ("POST", path, {"imageId": "one", "size": 10})
    assert first.headers["Authorization"] == f"Bearer {fake_api.api_key}"
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["User-Agent"].startswith("Darkroom/")


def test_the_secret_is_read_once_for_each_container(fake_api: FakeApi) -> None:
    reads: list[Any] = []
    clients.client("secretsmanager").meta.events.register(
        "before-call.secrets-manager.GetSecretValue", lambda **x: reads.append(x)
    )
    for _ in range(3):
        services.call(UPLOAD, {})
    assert services.callback_secret() == fake_api.callback_secret
    assert len(reads) == 1


def test_a_rotated_key_is_read_again(fake_api: FakeApi) -> None:
    services.call(UPLOAD, {})
    fake_api.rotate_key()
    keep(fake_api.secret)
    assert services.call(UPLOAD, {})["status"] == "queued"
    assert len(fake_api.received) == 3, "refused once"


def test_a_key_that_stays_refused_is_reported(fake_api: FakeApi) -> None:
    fake_api.rotate_key()
    assert failure().reason is Reason.CREDENTIALS_REFUSED
    assert len(fake_api.received) == 2


def test_work_is_done_once_after_a_temporary_failure(fake_api: FakeApi) -> None:
    fake_api.fail(UPLOAD, Fault.CUT_OFF)
    assert services.call(UPLOAD, {}, idempotency_key="action-1")["id"] == "work-000001"
    assert len(fake_api.work) == 1, "the work whose answer was lost is not done again"
    assert [each.headers["Idempotency-Key"] for each in fake_api.received] == ["action-1", "action-1"]


def test_retry_after_beyond_the_deadline_ends_the_call_at_once(fake_api: FakeApi) -> None:
    fake_api.fail(UPLOAD, Fault.RATE_LIMITED, times=None, retry_after="3600")
    assert failure().reason is Reason.RATE_LIMITED
    assert len(fake_api.received) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.ERROR, Reason.SERVER_ERROR),
        (Fault.SLOW, Reason.TIMEOUT),
        (Fault.TRICKLE, Reason.TIMEOUT),
        (Fault.CUT_OFF, Reason.UNREACHABLE),
        (Fault.HANG_UP, Reason.UNREACHABLE),
        (Fault.JUNK, Reason.JUNK),
        (Fault.HUGE, Reason.TOO_LARGE),
        (Fault.WRONG_KEY, Reason.CREDENTIALS_REFUSED),
        (Fault.REDIRECT_LOOP, Reason.TOO_MANY_REDIRECTS),
        (Fault.REDIRECT_INSIDE, Reason.ADDRESS_NOT_ALLOWED),
    ],
)
def test_every_kind_of_failure_has_its_reason(fake_api: FakeApi, fault: Fault, reason: Reason) -> None:
    fake_api.fail(UPLOAD, fault, times=None)
    assert failure(deadline=soon()).reason is reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"id": "x"}',
        b'{"id": "x", "status": 1}',
        b'{"id": "", "status": "queued"}',
        b'{"id": 7, "status": "queued"}',
        b'{"id": "..", "status": "queued"}',
        b'{"id": "x\\u0000", "status": "queued"}',
        b'{"id": "x", "status": "line\\nbreak"}',
        b'{"id": "x", "status": "\\ud800"}',
        b'{"id": "' + b"x" * 257 + b'", "status": "queued"}',
        b'{"id": "x", "status": "' + b"x" * 65 + b'"}',
        b'{"id": "x", "status": "queued", "progress": NaN}',
        b'{"id": "x", "id": "y", "status": "queued"}',
        b'{"id": "x", "status": "queued", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": "x", "status": "queued", "deep": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'\xff{"id": "x", "status": "queued"}',
    ],
)
def test_an_answer_that_breaks_the_agreement_is_junk(body: bytes) -> None:
    with Scripted(answer(200, body)) as server:
        keep(json.dumps({"base_url": server.url, "api_key": "key"}))
        assert failure().reason is Reason.JUNK
        assert len(server.asked) == 1


def test_further_fields_of_an_answer_are_kept() -> None:
    with Scripted(answer(201, b'{"id": "x y/..", "status": "done", "result": {"rows": 3}}')) as server:
        keep(json.dumps({"base_url": f"{server.url}/v1/", "api_key": "key"}))
        assert services.call("/jobs", {})["result"] == {"rows": 3}
        assert services.fetch_status("/jobs", "x y/..")["status"] == "done"
        assert server.asked[0].startswith(b"POST /v1/jobs ")
        assert server.asked[1].startswith(b"GET /v1/jobs/x%20y%2F.. ")
        with pytest.raises(ExternalServiceError, match="other work"):
            services.fetch_status("/jobs", "another")


@pytest.mark.parametrize("status", [302, 400, 404, 409, 422])
def test_a_refusal_is_not_retried(status: int) -> None:
    with Scripted(answer(status, b'{"id": "x", "status": "queued"}')) as server:
        keep(json.dumps({"base_url": server.url, "api_key": "key"}))
        fault = failure()
        assert (fault.reason, fault.status) == (Reason.REJECTED, 503 if status == 302 else 502)
        assert fault.is_transient is (status == 302)
        assert len(server.asked) == 1


def test_a_failing_service_is_not_called_for_a_while(fake_api: FakeApi) -> None:
    fake_api.fail(UPLOAD, Fault.ERROR, times=None)
    reasons = [failure(deadline=soon()).reason for _ in range(12)]
    assert reasons[-1] is Reason.CIRCUIT_OPEN
    assert len(fake_api.received) == circuit_breaker.FAILURES
    # The whole service has one circuit.
    assert failure(services.EXPORT_DATA).reason is Reason.CIRCUIT_OPEN


def test_no_secret_is_logged_or_shown(fake_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    listener = logging.StreamHandler(written)
    listener.setFormatter(logging.Formatter("%(message)s %(metadata)s"))
    logger = logging.getLogger(Settings.SERVICE_NAME.get())
    logger.addHandler(listener)
    try:
        services.call(UPLOAD, {"note": "of the user's"})
        for fault in (Fault.ERROR, Fault.JUNK, Fault.WRONG_KEY, Fault.REDIRECT_INSIDE, Fault.SLOW):
            fake_api.fail(UPLOAD, fault, times=None)
            error = failure(deadline=soon())
            assert error.message in (
                "The external service is unavailable.",
                "The external service refused the request.",
            )
            assert fake_api.api_key not in f"{error} {error.__cause__!r} {error.details}"
            assert "It works" not in str(error), "nor what was answered"
            fake_api.clear_faults()
        with Scripted(answer(500)) as server:
            keep(json.dumps({"base_url": f"{server.url}/hidden-in-the-path", "api_key": "key"}))
            secret._store.cache_clear()
            faults = [failure(deadline=soon()) for _ in range(6)]
            assert faults[-1].reason is Reason.CIRCUIT_OPEN
            assert {fault.message for fault in faults} == {"The external service is unavailable."}
    finally:
        logger.removeHandler(listener)
    lines = written.getvalue()
    assert "EXTERNAL_CALL " in lines
    assert "EXTERNAL_CALL_FAILED" in lines
    assert "127.0.0.1 answered 401" in lines
    assert "credentials_refused" in lines
    for hidden in (fake_api.api_key, fake_api.callback_secret, "of the user's", "It works", "hidden-in", "/upload"):
        assert hidden not in lines
