"""Cursors of lists: every list accepts the cursors that it gave and refuses all others."""

import pytest

import app as manifest
from chalicelib.core import ids
from infra import triggers
from local.machine import Machine
from tests.journeys.gateway import call
from tests.journeys.user import User

LISTS = [
    f"{method} {path}"
    for method, path, view in triggers.routes(manifest.app)
    if "cursor" in view.operation.schema["properties"]
]
# `GET /admin/usage` has pages only if it lists by user.
MORE = {"GET /admin/usage": {"by": "user"}}


def test_every_list_with_pages_is_tested() -> None:
    assert set(LISTS) == {
        "GET /images",
        "GET /actions",
        "GET /admin/users",
        "GET /admin/usage",
        "GET /admin/syncs",
        "GET /admin/audit",
        "GET /admin/audit/verification",
    }


@pytest.mark.parametrize("route", LISTS)
@pytest.mark.usefixtures("function")
def test_an_invalid_cursor_is_refused_with_400_that_names_it(admin: User, route: str) -> None:
    for wrong in ("", "=", "%%", "ü", "a", "////", "x" * 401, ids.to_cursor("a\x00b"), ids.to_cursor("ü")):
        answer = call(route, admin.headers, query={**MORE.get(route, {}), "cursor": wrong})
        assert answer.status == 400, (wrong, answer)
        assert [detail["field"] for detail in answer.body["error"]["details"]] == ["cursor"]


@pytest.mark.parametrize("route", LISTS)
@pytest.mark.usefixtures("function")
def test_a_forged_cursor_is_refused_or_shows_only_the_callers_items(admin: User, route: str) -> None:
    for key in ("{}", '{"userId":"other"}', "a", "~" * 300, "img_0", "2020-01-01#x", "0" * 20):
        answer = call(route, admin.headers, query={**MORE.get(route, {}), "cursor": ids.to_cursor(key)})
        assert answer.status in (200, 400), (key, answer)


def test_another_users_cursor_shows_none_of_their_items(machine: Machine) -> None:
    ann, bob = User.new(machine.api_url), User.new(machine.api_url)
    theirs = [ann.announce(b"")["imageId"] for _ in range(3)]
    cursor = ann.get("/images", limit=1).json()["nextCursor"]
    assert bob.get("/images", cursor=cursor).json()["items"] == []
    assert [image["imageId"] for image in ann.get("/images", cursor=cursor).json()["items"]] == theirs[1::-1]


@pytest.mark.usefixtures("function")
def test_an_invalid_cursor_is_refused_for_agents_too(admin: User) -> None:
    asked = {"data": {"cursor": ""}}
    answer = call("POST /agent/{tool}", admin.headers, asked, tool="list_images")
    assert (answer.status, answer.body["error"]["details"][0]["field"]) == (400, "cursor")
