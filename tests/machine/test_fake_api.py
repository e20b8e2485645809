"""The fake API leaves nothing running. What it answers is asserted where it is called: unit/external, journeys/sync."""

import http.client
import socket
import threading

import pytest

from local.fake_api.faults import Fault
from local.fake_api.service import FakeApi
from tests.waiting import wait_for


def request(fake_api: FakeApi) -> None:
    connection = http.client.HTTPConnection(fake_api.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/customers", headers={"Authorization": f"Bearer {fake_api.api_key}"})
        connection.getresponse().read()
    finally:
        connection.close()


def request_until_closed(fake_api: FakeApi) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        request(fake_api)


def test_it_ends_at_once_whatever_is_in_progress() -> None:
    before = set(threading.enumerate())
    with FakeApi() as fake_api:
        for fault in (Fault.TRICKLE, Fault.TRICKLE_HEAD, Fault.SLOW):
            fake_api.fail("/customers", fault, seconds=3600)
        clients = [threading.Thread(target=request_until_closed, args=(fake_api,)) for _ in range(3)]
        for client in clients:
            client.start()
        idle = socket.create_connection(("127.0.0.1", int(fake_api.url.rpartition(":")[2])))
        idle.sendall(b"POST /generic-processor HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        wait_for(lambda: len(fake_api.received) == 3, "the requests")
    idle.close()
    for client in clients:
        client.join(10)
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(OSError, match="refused"):
        request(fake_api)


def test_it_can_be_closed_before_it_is_started() -> None:
    FakeApi().close()
