"""The contract as it is served behind API Gateway, where a stage's name stands before each path."""

import json

import pytest

import app as manifest
from chalicelib import web


@pytest.mark.parametrize(("before", "server"), [("", "/"), ("/api", "/api"), ("/v1/darkroom", "/v1/darkroom")])
def test_the_contract_names_the_address_that_it_is_served_at(before: str, server: str) -> None:
    event = {"requestContext": {"path": f"{before}/openapi.json", "resourcePath": "/openapi.json"}}
    answer = web.get_contract(manifest.app, event, {})
    assert [each["url"] for each in json.loads(answer.body)["servers"]] == [server]
    assert web.get_contract(manifest.app, event, {"if-none-match": str(answer.headers["ETag"])}).status_code == 304
    elsewhere = {"requestContext": {"path": "/elsewhere/openapi.json", "resourcePath": "/openapi.json"}}
    assert web.get_contract(manifest.app, elsewhere, {}).headers["ETag"] != answer.headers["ETag"]
