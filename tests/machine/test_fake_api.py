"""The fake API: its work, callbacks and customers, its faults, and that it leaves nothing running."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from local.fake_api.faults import Fault
from local.fake_api.service import CONTROL, ENDPOINTS, FakeApi
from tests.journeys.receiver import Receiver
from tests.waiting import wait_for


@pytest.fixture
def fake_api() -> Iterator[FakeApi]:
    with FakeApi() as started:
        yield started


class Response:
    """A response, read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    fake_api: FakeApi, method: str, path: str, body: Any = None, key: str | None = None, **headers: str
) -> Response:
    connection = http.client.HTTPConnection(fake_api.url.removeprefix("http://"), timeout=10)
    sent = {"Authorization": f"Bearer {key or fake_api.api_key}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        return Response(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_work_moves_one_status_on_with_each_request(fake_api: FakeApi, endpoint: str) -> None:
    taken = request(fake_api, "POST", endpoint, {"imageId": "one"})
    assert taken.status == 202
    assert taken.json()["status"] == "queued"
    statuses = [request(fake_api, "GET", f"{endpoint}/{taken.json()['id']}").json()["status"] for _ in range(4)]
    assert statuses == ["queued", "processing", "completed", "completed"]
    assert fake_api.received[0].json() == {"imageId": "one"}


def test_unknown_keys_paths_and_work_are_refused(fake_api: FakeApi) -> None:
    assert request(fake_api, "POST", ENDPOINTS[0], {}, key="another").status == 401
    assert request(fake_api, "GET", f"{ENDPOINTS[0]}/work-999999").status == 404
    assert request(fake_api, "GET", "/elsewhere").status == 404
    assert request(fake_api, "POST", ENDPOINTS[0], ["no object"]).status == 400
    work = request(fake_api, "POST", ENDPOINTS[0], {}).json()["id"]
    assert request(fake_api, "GET", f"{ENDPOINTS[1]}/{work}").status == 404, "it is the work of another endpoint"


def test_work_with_the_same_idempotency_key_is_the_same_work(fake_api: FakeApi) -> None:
    once, again = (request(fake_api, "POST", ENDPOINTS[0], {}, Idempotency_Key="a").json()["id"] for _ in range(2))
    other = request(fake_api, "POST", ENDPOINTS[0], {}, Idempotency_Key="b").json()["id"]
    assert once == again != other


def test_the_outcome_can_be_set(fake_api: FakeApi) -> None:
    fake_api.done_at_once, fake_api.outcome = True, "failed"
    assert request(fake_api, "POST", ENDPOINTS[0], {}).json()["status"] == "failed"


def test_a_callback_is_signed_and_has_the_outcome(fake_api: FakeApi) -> None:
    with Receiver() as receiver:
        work = request(fake_api, "POST", ENDPOINTS[0], {"actionId": "act_1", "callbackUrl": receiver.url}).json()["id"]
        (delivery,) = wait_for(lambda: list(receiver.received), "the callback")
        assert delivery.json() == {"id": work, "status": "completed"}
        assert delivery.signed_with(fake_api.callback_secret, about="act_1")
        assert not delivery.signed_with("another", about="act_1")
        assert wait_for(lambda: fake_api.callbacks, "its outcome") == [(work, 200)]


# ------------------------------------------------------------------- customers


def list_customers(fake_api: FakeApi, **query: Any) -> list[dict[str, Any]]:
    """The customers of all pages."""
    customers: list[dict[str, Any]] = []
    cursor = None
    while True:
        parameters = {**query, **({"cursor": cursor} if cursor else {})}
        page = request(fake_api, "GET", f"/customers?{urlencode(parameters)}").json()
        assert len(page["customers"]) <= query.get("limit", 100)
        customers += page["customers"]
        cursor = page["nextCursor"]
        if cursor is None:
            return customers


def test_each_customer_is_on_one_page_and_the_same_in_every_run(fake_api: FakeApi) -> None:
    customers = list_customers(fake_api, limit=70)
    assert [each["id"] for each in customers] == [f"customer-{number:06d}" for number in range(250)]
    assert customers[0] == {
        "id": "customer-000000",
        "name": "Ada Adams",
        "email": "customer-000000@example.com",
        "updatedAt": "2026-01-01T00:00:00Z",
    }
    with FakeApi() as another:
        assert list_customers(another) == customers


def test_customers_since_a_moment_are_those_updated_then_or_later(fake_api: FakeApi) -> None:
    customers = list_customers(fake_api)
    since = customers[200]["updatedAt"]
    assert list_customers(fake_api, updatedSince=since, limit=7) == customers[200:]
    assert list_customers(fake_api, updatedSince="2030-01-01T00:00:00Z") == []
    assert list_customers(fake_api, updatedSince="2020-01-01") == customers


def test_there_can_be_a_hundred_thousand_customers_or_none() -> None:
    with FakeApi(customers=100_000) as large:
        page = request(large, "GET", "/customers?limit=1000&cursor=99500.100").json()
        assert page["customers"][-1]["id"] == "customer-099999"
        assert page["nextCursor"] is None
    with FakeApi(customers=0) as empty:
        assert list_customers(empty) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=999.1", "updatedSince=x"])
def test_an_invalid_query_is_refused(fake_api: FakeApi, query: str) -> None:
    assert request(fake_api, "GET", f"/customers?{query}").status == 400


def test_a_customer_can_be_altered(fake_api: FakeApi) -> None:
    fake_api.customers.altered[3] = {"email": "no address"}
    assert [each["email"] for each in list_customers(fake_api)][3] == "no address"


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.RATE_LIMITED, 429),
        (Fault.ERROR, 500),
        (Fault.WRONG_KEY, 401),
        (Fault.REDIRECT_LOOP, 307),
        (Fault.REDIRECT_INSIDE, 307),
    ],
)
def test_a_fault_lasts_for_the_planned_number_of_requests(fake_api: FakeApi, fault: Fault, status: int) -> None:
    fake_api.fail(ENDPOINTS[0], fault, times=2, retry_after="9")
    responses = [request(fake_api, "POST", ENDPOINTS[0], {}) for _ in range(3)]
    assert [each.status for each in responses] == [status, status, 202]
    assert len(fake_api.work) == 1, "a request that failed did no work"
    expected = {
        Fault.RATE_LIMITED: ("Retry-After", "9"),
        Fault.REDIRECT_LOOP: ("Location", ENDPOINTS[0]),
        Fault.REDIRECT_INSIDE: ("Location", "http://169.254.169.254/latest/meta-data/"),
    }
    if fault in expected:
        name, value = expected[fault]
        assert responses[0].headers[name] == value


def test_a_fault_is_for_a_path_or_for_all_paths_below_it(fake_api: FakeApi) -> None:
    fake_api.fail(f"{ENDPOINTS[0]}/*", Fault.ERROR, times=None)
    work = request(fake_api, "POST", ENDPOINTS[0], {})
    assert work.status == 202
    assert [request(fake_api, "GET", f"{ENDPOINTS[0]}/{work.json()['id']}").status for _ in range(3)] == [500] * 3
    fake_api.clear_faults()
    assert request(fake_api, "GET", f"{ENDPOINTS[0]}/{work.json()['id']}").status == 200


def test_responses_can_be_junk_or_huge(fake_api: FakeApi) -> None:
    fake_api.fail("/customers", Fault.JUNK)
    fake_api.fail("/customers", Fault.HUGE)
    with pytest.raises(ValueError, match="Expecting value"):
        request(fake_api, "GET", "/customers").json()
    assert len(request(fake_api, "GET", "/customers").body) > 1024 * 1024


def test_work_is_done_when_the_response_is_cut_off_and_not_when_the_connection_is_closed(fake_api: FakeApi) -> None:
    fake_api.fail(ENDPOINTS[0], Fault.CUT_OFF)
    with pytest.raises(http.client.IncompleteRead):
        request(fake_api, "POST", ENDPOINTS[0], {})
    assert len(fake_api.work) == 1
    fake_api.fail(ENDPOINTS[0], Fault.HANG_UP)
    with pytest.raises(http.client.RemoteDisconnected):
        request(fake_api, "POST", ENDPOINTS[0], {})
    assert len(fake_api.work) == 1


def test_a_list_that_fails_at_a_page_can_continue_there(fake_api: FakeApi) -> None:
    fake_api.fail("/customers", Fault.DIE_AT_PAGE, page=3)
    cursor = ""
    for _ in range(2):
        cursor = request(fake_api, "GET", f"/customers?limit=50&cursor={cursor}").json()["nextCursor"]
    with pytest.raises(http.client.RemoteDisconnected):
        request(fake_api, "GET", f"/customers?limit=50&cursor={cursor}")
    assert (
        request(fake_api, "GET", f"/customers?limit=50&cursor={cursor}").json()["customers"][0]["id"]
        == "customer-000100"
    )


def test_a_slow_response_comes_when_it_is_released(fake_api: FakeApi) -> None:
    fake_api.fail("/customers", Fault.SLOW)
    statuses: list[int] = []
    client = threading.Thread(target=lambda: statuses.append(request(fake_api, "GET", "/customers").status))
    client.start()
    wait_for(lambda: fake_api.received, "the request")
    assert statuses == []

    def release() -> bool:
        # Repeated: the fake API holds the request a moment after it has received it.
        fake_api.release()
        return not client.is_alive()

    wait_for(release, "the response")
    assert statuses == [200]
    fake_api.fail("/customers", Fault.SLOW, seconds=0.01)
    assert request(fake_api, "GET", "/customers").status == 200


def test_a_trickled_response_is_complete_at_the_end(fake_api: FakeApi) -> None:
    for fault in (Fault.TRICKLE, Fault.TRICKLE_HEAD):
        fake_api.fail("/generic-processor", fault, seconds=0.001)
        assert request(fake_api, "POST", "/generic-processor", {}).json()["status"] == "queued"


def test_a_rotated_key_replaces_the_old_one(fake_api: FakeApi) -> None:
    old, new = fake_api.api_key, fake_api.rotate_key()
    assert request(fake_api, "GET", "/customers", key=old).status == 401
    assert request(fake_api, "GET", "/customers", key=new).status == 200
    assert json.loads(fake_api.secret)["api_key"] == new


def test_faults_can_be_planned_over_http(fake_api: FakeApi) -> None:
    plan = {"path": "/customers", "fault": "rate_limited", "times": 1, "retryAfter": "4"}
    assert request(fake_api, "POST", CONTROL, plan).status == 200
    assert request(fake_api, "GET", "/customers").headers["Retry-After"] == "4"
    assert request(fake_api, "GET", "/customers").status == 200

    request(fake_api, "POST", CONTROL, {"path": "/customers", "fault": "error", "times": None})
    assert request(fake_api, "GET", "/customers").status == 500
    assert request(fake_api, "DELETE", CONTROL).status == 200
    assert request(fake_api, "GET", "/customers").status == 200

    assert request(fake_api, "POST", CONTROL, {"fault": "rotate_key"}).json() == {"apiKey": fake_api.api_key}
    for wrong in (
        {"path": "/customers", "fault": "no such"},
        {"fault": "error"},
        {"path": "/", "fault": "error", "x": 1},
    ):
        assert request(fake_api, "POST", CONTROL, wrong).status == 400
    assert all(each.path != CONTROL for each in fake_api.received)


# ------------------------------------------------------------------ the end


def test_it_ends_at_once_whatever_is_in_progress() -> None:
    before = set(threading.enumerate())
    fake_api = FakeApi()
    fake_api.callback_delay = 3600
    clients: list[threading.Thread] = []

    def request_in_thread(path: str) -> None:
        def run() -> None:
            with pytest.raises((http.client.HTTPException, OSError)):
                request(fake_api, "GET", path)

        clients.append(threading.Thread(target=run))
        clients[-1].start()

    with fake_api, socket.create_server(("127.0.0.1", 0)) as silent:
        request(fake_api, "POST", ENDPOINTS[0], {"callbackUrl": "http://127.0.0.1:1/"})
        fake_api.callback_delay = 0
        request(fake_api, "POST", ENDPOINTS[0], {"callbackUrl": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        fake_api.fail("/customers", Fault.TRICKLE, seconds=3600)
        fake_api.fail("/customers", Fault.TRICKLE_HEAD, seconds=3600)
        fake_api.fail("/customers", Fault.SLOW)
        for _ in range(3):
            request_in_thread("/customers")
        idle = socket.create_connection(("127.0.0.1", int(fake_api.url.rpartition(":")[2])))
        idle.sendall(b"POST /generic-processor HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        wait_for(lambda: len(fake_api.received) == 5, "the requests")
    idle.close()
    for client in clients:
        client.join(10)
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(OSError, match="refused"):
        request(fake_api, "GET", "/customers")


def test_it_can_be_closed_before_it_is_started() -> None:
    FakeApi().close()
