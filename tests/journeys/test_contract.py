"""What every route has in common: authentication, validation, and the shape of errors."""

import base64
import json

import jwt
import pytest
import requests

from local.machine import Machine
from tests.journeys.error_responses import assert_safe_headers, error_of
from tests.journeys.user import User
from tests.pictures import jpeg

PROTECTED = [
    ("GET", "/auth/validate"),
    ("GET", "/auth/profile"),
    ("PATCH", "/auth/profile"),
    ("DELETE", "/auth/profile"),
    ("POST", "/auth/signout"),
    ("POST", "/upload"),
    ("GET", "/images"),
    ("GET", "/images/img_1"),
    ("DELETE", "/images/img_1"),
    ("POST", "/images/img_1/reprocess"),
    ("GET", "/images/img_1/variants/small"),
    ("POST", "/keys"),
    ("GET", "/keys"),
    ("POST", "/keys/key_1/rotate"),
    ("DELETE", "/keys/key_1"),
]


@pytest.fixture(scope="module")
def bob(machine: Machine) -> User:
    return User.new(machine.api_url)


def tampered(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sub"] = "somebody-else"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{forged}.{signature}"


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_protected_routes_refuse_requests_without_a_valid_token(ann: User, method: str, path: str) -> None:
    genuine = ann.tokens["accessToken"]
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer junk",
        f"Basic {genuine}",
        genuine,
        "Bearer drk_unknown",
        f"Bearer {ann.tokens['idToken']}",
        f"Bearer {tampered(genuine)}",
        f"Bearer {jwt.encode({'sub': ann.id}, 'a foreign secret of thirty-two bytes', algorithm='HS256')}",
    ):
        headers = {} if header is None else {"Authorization": header}
        answer = requests.request(method, ann.url + path, headers=headers, timeout=30)
        assert error_of(answer, 401)["code"] == "NOT_AUTHENTICATED"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b'{"fileName": "a", "fileType": NaN}', "body"),
        (b"[" * 50_000, "body"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "body"),
        (b'["fileName"]', "body"),
        (b"{}", "fileName"),
        (b'{"fileName": "a", "fileType": 5}', "fileType"),
        (b'{"fileName": "", "fileType": "image/png"}', "fileName"),
        (b'{"fileName": "a", "fileType": "image/png", "fileSize": "10"}', "fileSize"),
        (b'{"fileName": "a", "fileType": "image/png", "fileSize": -1}', "fileSize"),
        (b'{"fileName": "a", "fileType": "image/png", "fileSize": 1.5}', "fileSize"),
        (b'{"fileName": "a", "fileType": "image/png", "method": "DELETE"}', "method"),
        (b'{"fileName": "a", "fileType": "image/png", "odd": 1}', "odd"),
    ],
)
def test_an_invalid_body_is_refused_with_400_that_names_the_field(ann: User, body: bytes, field: str) -> None:
    before = ann.get("/images").json()["items"]
    answer = ann.request("POST", "/upload", data=body, headers={"Content-Type": "application/json"})
    assert error_of(answer, 400)["details"][0]["field"] == field
    assert ann.get("/images").json()["items"] == before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=DELETED", "status"),
        ("status=odd", "status"),
        ("cursor=%25%25", "cursor"),
        ("cursor=", "cursor"),
        ("odd=1", "odd"),
    ],
)
def test_an_invalid_query_is_refused_with_400_that_names_the_field(ann: User, query: str, field: str) -> None:
    assert error_of(ann.get(f"/images?{query}"), 400)["details"][0]["field"] == field


def test_errors_of_the_router_have_the_same_shape(ann: User) -> None:
    for method, path in (("GET", "/no/such/route"), ("PUT", "/images")):
        answer = requests.request(method, f"{ann.url}{path}", timeout=30)
        assert error_of(answer, 404)["code"] == "NOT_FOUND"
        # For an unknown path or method, API Gateway reads the token as an AWS signature.
        assert error_of(ann.request(method, path), 403)["code"] == "INVALID_REQUEST"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert error_of(ann.request("POST", "/upload", data="a=b", headers=form), 415)["code"] == "UNSUPPORTED_TYPE"


def test_an_oversized_body_is_refused_with_413(ann: User) -> None:
    answer = ann.post("/upload", fileName="x" * 300_000, fileType="image/png")
    assert error_of(answer, 413)["code"] == "TOO_LARGE"


def test_another_users_image_looks_like_one_that_does_not_exist(ann: User, bob: User) -> None:
    image_id = ann.upload(jpeg(320, 240))
    ann.finished(image_id)
    for method, path in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/reprocess"),
        ("GET", "/variants/small"),
    ]:
        theirs = bob.request(method, f"/images/{image_id}{path}")
        never = bob.request(method, f"/images/img_never{path}")
        assert error_of(theirs, 404)["code"] == "IMAGE_NOT_FOUND"
        assert {**theirs.json(), "requestId": ""} == {**never.json(), "requestId": ""}
    assert ann.image(image_id)["status"] == "COMPLETED"
    assert image_id not in bob.get("/images").text


def test_browsers_may_call_from_any_origin(ann: User) -> None:
    preflight = requests.options(f"{ann.url}/upload", timeout=30)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = ann.get("/images")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert_safe_headers(answer)


def test_health_says_version_and_stage(ann: User) -> None:
    answer = requests.get(f"{ann.url}/health", timeout=30).json()
    assert {**answer, "success": True, "version": "0.2.0", "stage": "local"} == answer


def test_lists_come_in_pages_newest_first(machine: Machine) -> None:
    user = User.new(machine.api_url)
    made = [user.announce(b"", name=f"{i}.jpg")["imageId"] for i in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = user.get("/images", **query).json()
        seen += [item["imageId"] for item in page["items"]]
        cursor, pages = page["nextCursor"], pages + 1
    assert seen == made[::-1]
    assert pages == 3
    assert user.get("/images", status="COMPLETED").json()["items"] == []
    assert len(user.get("/images", status="PENDING").json()["items"]) == 7
