"""The contract as a client fetches it."""

import json

import requests
from openapi_spec_validator import validate

from infra.openapi_document import DOCUMENT
from local.machine import Machine


def test_the_contract_is_served_as_it_is_committed_and_may_be_kept(machine: Machine) -> None:
    url = f"{machine.api_url}/openapi.json"
    answer = requests.get(url, timeout=30)
    assert answer.status_code == 200
    assert answer.json() == json.loads(DOCUMENT.read_text())
    validate(answer.json())
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    again = requests.get(url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]
