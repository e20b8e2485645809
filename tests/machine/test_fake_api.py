"""The stand-in partner: what it takes, tells and calls back, how it misbehaves, and that it leaves nothing running."""

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
def partner() -> Iterator[FakeApi]:
    with FakeApi() as started:
        yield started


class Answered:
    """What a client of the partner saw."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    def json(self) -> Any:
        return json.loads(self.body)


def ask(partner: FakeApi, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Answered:
    connection = http.client.HTTPConnection(partner.url.removeprefix("http://"), timeout=10)
    sent = {"Authorization": f"Bearer {key or partner.api_key}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        return Answered(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_work_is_taken_and_moves_on_with_each_look(partner: FakeApi, endpoint: str) -> None:
    taken = ask(partner, "POST", endpoint, {"imageId": "one"})
    assert taken.status == 202
    assert taken.json()["status"] == "queued"
    looks = [ask(partner, "GET", f"{endpoint}/{taken.json()['id']}").json()["status"] for _ in range(4)]
    assert looks == ["queued", "processing", "completed", "completed"]
    assert partner.received[0].json() == {"imageId": "one"}


def test_what_it_does_not_know_it_refuses(partner: FakeApi) -> None:
    assert ask(partner, "POST", ENDPOINTS[0], {}, key="another").status == 401
    assert ask(partner, "GET", f"{ENDPOINTS[0]}/work-999999").status == 404
    assert ask(partner, "GET", "/elsewhere").status == 404
    assert ask(partner, "POST", ENDPOINTS[0], ["no object"]).status == 400
    work = ask(partner, "POST", ENDPOINTS[0], {}).json()["id"]
    assert ask(partner, "GET", f"{ENDPOINTS[1]}/{work}").status == 404, "it is the work of another endpoint"


def test_work_with_the_same_idempotency_key_is_the_same_work(partner: FakeApi) -> None:
    once, again = (ask(partner, "POST", ENDPOINTS[0], {}, Idempotency_Key="a").json()["id"] for _ in range(2))
    other = ask(partner, "POST", ENDPOINTS[0], {}, Idempotency_Key="b").json()["id"]
    assert once == again != other


def test_the_outcome_is_what_was_set(partner: FakeApi) -> None:
    partner.done_at_once, partner.outcome = True, "failed"
    assert ask(partner, "POST", ENDPOINTS[0], {}).json()["status"] == "failed"


def test_a_callback_is_signed_and_tells_the_outcome(partner: FakeApi) -> None:
    with Receiver() as receiver:
        work = ask(partner, "POST", ENDPOINTS[0], {"actionId": "act_1", "callbackUrl": receiver.url}).json()["id"]
        [delivery] = wait_for(lambda: list(receiver.received), "the callback")
        assert delivery.json() == {"id": work, "status": "completed"}
        assert delivery.signed_with(partner.callback_secret, about="act_1")
        assert not delivery.signed_with("another", about="act_1")
        assert wait_for(lambda: partner.callbacks, "its outcome") == [(work, 200)]


# ------------------------------------------------------------------- customers


def listed(partner: FakeApi, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        page = ask(partner, "GET", f"/customers?{urlencode(asked)}").json()
        assert len(page["customers"]) <= query.get("limit", 100)
        found += page["customers"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_customers_come_in_pages_each_once_and_the_same_in_every_run(partner: FakeApi) -> None:
    found = listed(partner, limit=70)
    assert [each["id"] for each in found] == [f"customer-{number:06d}" for number in range(250)]
    assert found[0] == {
        "id": "customer-000000",
        "name": "Ada Adams",
        "email": "customer-000000@example.com",
        "updatedAt": "2026-01-01T00:00:00Z",
    }
    with FakeApi() as another:
        assert listed(another) == found


def test_customers_since_a_moment_are_those_updated_then_or_later(partner: FakeApi) -> None:
    whole = listed(partner)
    since = whole[200]["updatedAt"]
    assert listed(partner, updatedSince=since, limit=7) == whole[200:]
    assert listed(partner, updatedSince="2030-01-01T00:00:00Z") == []
    assert listed(partner, updatedSince="2020-01-01") == whole


def test_there_may_be_a_hundred_thousand_or_none() -> None:
    with FakeApi(customers=100_000) as large:
        page = ask(large, "GET", "/customers?limit=1000&cursor=99500.100").json()
        assert page["customers"][-1]["id"] == "customer-099999"
        assert page["nextCursor"] is None
    with FakeApi(customers=0) as empty:
        assert listed(empty) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=999.1", "updatedSince=x"])
def test_a_query_that_makes_no_sense_is_refused(partner: FakeApi, query: str) -> None:
    assert ask(partner, "GET", f"/customers?{query}").status == 400


def test_a_customer_can_be_altered(partner: FakeApi) -> None:
    partner.customers.altered[3] = {"email": "no address"}
    assert [each["email"] for each in listed(partner)][3] == "no address"


# ---------------------------------------------------------------- misbehaviour


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
def test_a_fault_lasts_as_often_as_it_was_planned(partner: FakeApi, fault: Fault, status: int) -> None:
    partner.fail(ENDPOINTS[0], fault, times=2, retry_after="9")
    seen = [ask(partner, "POST", ENDPOINTS[0], {}) for _ in range(3)]
    assert [each.status for each in seen] == [status, status, 202]
    assert len(partner.work) == 1, "a request that failed did no work"
    expected = {
        Fault.RATE_LIMITED: ("Retry-After", "9"),
        Fault.REDIRECT_LOOP: ("Location", ENDPOINTS[0]),
        Fault.REDIRECT_INSIDE: ("Location", "http://169.254.169.254/latest/meta-data/"),
    }
    if fault in expected:
        name, value = expected[fault]
        assert seen[0].headers[name] == value


def test_a_fault_is_for_its_path_or_for_all_below(partner: FakeApi) -> None:
    partner.fail(f"{ENDPOINTS[0]}/*", Fault.ERROR, times=None)
    work = ask(partner, "POST", ENDPOINTS[0], {})
    assert work.status == 202
    assert [ask(partner, "GET", f"{ENDPOINTS[0]}/{work.json()['id']}").status for _ in range(3)] == [500] * 3
    partner.clear_faults()
    assert ask(partner, "GET", f"{ENDPOINTS[0]}/{work.json()['id']}").status == 200


def test_answers_that_are_junk_or_huge(partner: FakeApi) -> None:
    partner.fail("/customers", Fault.JUNK)
    partner.fail("/customers", Fault.HUGE)
    with pytest.raises(ValueError, match="Expecting value"):
        ask(partner, "GET", "/customers").json()
    assert len(ask(partner, "GET", "/customers").body) > 1024 * 1024


def test_an_answer_cut_off_is_work_done(partner: FakeApi) -> None:
    partner.fail(ENDPOINTS[0], Fault.CUT_OFF)
    with pytest.raises(http.client.IncompleteRead):
        ask(partner, "POST", ENDPOINTS[0], {})
    assert len(partner.work) == 1
    partner.fail(ENDPOINTS[0], Fault.HANG_UP)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(partner, "POST", ENDPOINTS[0], {})
    assert len(partner.work) == 1


def test_it_dies_at_a_page_and_the_list_can_be_taken_up_there(partner: FakeApi) -> None:
    partner.fail("/customers", Fault.DIE_AT_PAGE, page=3)
    cursor = ""
    for _ in range(2):
        cursor = ask(partner, "GET", f"/customers?limit=50&cursor={cursor}").json()["nextCursor"]
    with pytest.raises(http.client.RemoteDisconnected):
        ask(partner, "GET", f"/customers?limit=50&cursor={cursor}")
    assert ask(partner, "GET", f"/customers?limit=50&cursor={cursor}").json()["customers"][0]["id"] == "customer-000100"


def test_a_slow_answer_comes_when_it_is_let_go(partner: FakeApi) -> None:
    partner.fail("/customers", Fault.SLOW)
    seen: list[int] = []
    asking = threading.Thread(target=lambda: seen.append(ask(partner, "GET", "/customers").status))
    asking.start()
    wait_for(lambda: partner.received, "the request")
    assert seen == []

    def let_go() -> bool:
        # It is held a moment after it was received.
        partner.release()
        return not asking.is_alive()

    wait_for(let_go, "the answer")
    assert seen == [200]
    partner.fail("/customers", Fault.SLOW, seconds=0.01)
    assert ask(partner, "GET", "/customers").status == 200


def test_a_trickled_answer_is_whole_in_the_end(partner: FakeApi) -> None:
    for fault in (Fault.TRICKLE, Fault.TRICKLE_HEAD):
        partner.fail("/generic-processor", fault, seconds=0.001)
        assert ask(partner, "POST", "/generic-processor", {}).json()["status"] == "queued"


def test_a_rotated_key_replaces_the_old_one(partner: FakeApi) -> None:
    old, new = partner.api_key, partner.rotate_key()
    assert ask(partner, "GET", "/customers", key=old).status == 401
    assert ask(partner, "GET", "/customers", key=new).status == 200
    assert json.loads(partner.secret)["api_key"] == new


def test_all_of_it_can_be_asked_for_over_http(partner: FakeApi) -> None:
    order = {"path": "/customers", "fault": "rate_limited", "times": 1, "retryAfter": "4"}
    assert ask(partner, "POST", CONTROL, order).status == 200
    assert ask(partner, "GET", "/customers").headers["Retry-After"] == "4"
    assert ask(partner, "GET", "/customers").status == 200

    ask(partner, "POST", CONTROL, {"path": "/customers", "fault": "error", "times": None})
    assert ask(partner, "GET", "/customers").status == 500
    assert ask(partner, "DELETE", CONTROL).status == 200
    assert ask(partner, "GET", "/customers").status == 200

    assert ask(partner, "POST", CONTROL, {"fault": "rotate_key"}).json() == {"apiKey": partner.api_key}
    for wrong in (
        {"path": "/customers", "fault": "no such"},
        {"fault": "error"},
        {"path": "/", "fault": "error", "x": 1},
    ):
        assert ask(partner, "POST", CONTROL, wrong).status == 400
    assert all(each.path != CONTROL for each in partner.received)


# ------------------------------------------------------------------ the end


def test_it_ends_at_once_whatever_is_under_way() -> None:
    before = set(threading.enumerate())
    partner = FakeApi()
    partner.callback_delay = 3600
    callers: list[threading.Thread] = []

    def call(path: str) -> None:
        def asking() -> None:
            with pytest.raises((http.client.HTTPException, OSError)):
                ask(partner, "GET", path)

        callers.append(threading.Thread(target=asking))
        callers[-1].start()

    with partner, socket.create_server(("127.0.0.1", 0)) as silent:
        ask(partner, "POST", ENDPOINTS[0], {"callbackUrl": "http://127.0.0.1:1/"})
        partner.callback_delay = 0
        ask(partner, "POST", ENDPOINTS[0], {"callbackUrl": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        partner.fail("/customers", Fault.TRICKLE, seconds=3600)
        partner.fail("/customers", Fault.TRICKLE_HEAD, seconds=3600)
        partner.fail("/customers", Fault.SLOW)
        for _ in range(3):
            call("/customers")
        idle = socket.create_connection(("127.0.0.1", int(partner.url.rpartition(":")[2])))
        idle.sendall(b"POST /generic-processor HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        wait_for(lambda: len(partner.received) == 5, "the requests")
    idle.close()
    for caller in callers:
        caller.join(10)
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(OSError, match="refused"):
        ask(partner, "GET", "/customers")


def test_it_can_be_closed_before_it_began() -> None:
    FakeApi().close()
