"""Buckets behave as S3: signed links, forms and calls, CORS for browsers, and the shape of events."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_plus

import pytest
import requests
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra import template
from local.cloudformation.conditions import Conditions
from tests.conftest import Eventually
from tests.machine.conftest import BUCKET, Tiny

PICTURE = b"0123456789"
SCOPE = "DAY/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + 64 * "0"
Sign = Callable[..., str]


@pytest.fixture
def link(tiny: Tiny) -> Sign:
    def sign(operation: str = "put_object", expires: int = 600, **parameters: Any) -> str:
        params = {"Bucket": BUCKET, "Key": "links/picture one.jpg", **parameters}
        url: str = tiny.client("s3").generate_presigned_url(operation, Params=params, ExpiresIn=expires)
        return url

    return sign


def _error_code(response: requests.Response) -> str:
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


# ---------------------------------------------------------------- links


def test_a_signed_upload_and_download_succeed(link: Sign) -> None:
    upload = link(ContentType="image/jpeg", ContentLength=len(PICTURE))
    assert requests.put(upload, data=PICTURE, headers={"Content-Type": "image/jpeg"}).status_code == 200
    download = requests.get(link("get_object", ResponseContentDisposition='attachment; filename="ä b.jpg"'))
    assert download.status_code == 200
    assert download.content == PICTURE
    assert download.headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PICTURE, {"Content-Type": "image/png"}),
        (PICTURE, {}),
        (PICTURE + b"more", {"Content-Type": "image/jpeg"}),
        (PICTURE[:5], {"Content-Type": "image/jpeg"}),
        (iter([PICTURE]), {"Content-Type": "image/jpeg"}),
    ],
    ids=["another type", "no type", "longer", "shorter", "a stream without a length"],
)
def test_an_upload_must_match_its_signature(link: Sign, body: Any, headers: dict[str, str]) -> None:
    response = requests.put(link(ContentType="image/jpeg", ContentLength=len(PICTURE)), data=body, headers=headers)
    assert response.status_code == 403
    assert _error_code(response) == "SignatureDoesNotMatch"


def test_a_link_is_for_one_method_and_one_key(link: Sign) -> None:
    assert _error_code(requests.get(link())) == "SignatureDoesNotMatch"
    assert _error_code(requests.delete(link("get_object"))) == "SignatureDoesNotMatch"
    other = link("get_object").replace("picture", "secret")
    assert _error_code(requests.get(other)) == "SignatureDoesNotMatch"


def test_a_changed_signature_or_expiry_is_refused(link: Sign) -> None:
    url = link("get_object")
    last = "0" if url[-1] != "0" else "1"
    assert _error_code(requests.get(url[:-1] + last)) == "SignatureDoesNotMatch"
    assert _error_code(requests.get(url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"))) == "SignatureDoesNotMatch"


def test_an_unsigned_header_is_refused(link: Sign) -> None:
    response = requests.put(link(), data=PICTURE, headers={"x-amz-meta-owner": "somebody else"})
    assert response.status_code == 403
    assert "HeadersNotSigned" in response.text


def test_a_link_expires(tiny: Tiny, link: Sign) -> None:
    url = link("get_object", expires=60)
    with tiny.clock.ahead(61):
        response = requests.get(url)
    assert response.status_code == 403
    assert _error_code(response) == "AccessDenied"
    assert "Request has expired" in response.text


def test_a_link_with_an_unknown_access_key_is_refused(link: Sign) -> None:
    response = requests.get(link("get_object").replace("darkroom-local%2F", "somebody%2F"))
    assert _error_code(response) == "InvalidAccessKeyId"


def test_an_unsigned_request_is_refused(tiny: Tiny) -> None:
    for path in (BUCKET, f"{BUCKET}/links/picture%20one.jpg"):
        response = requests.get(f"{tiny.machine.aws_url}/{path}")
        assert response.status_code == 403
        assert _error_code(response) == "AccessDenied"
    assert requests.put(f"{tiny.machine.aws_url}/{BUCKET}/x", data=PICTURE).status_code == 403
    assert requests.post(f"{tiny.machine.aws_url}/{BUCKET}", files={"file": PICTURE}).status_code == 403


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("x", "InvalidArgument"),
        ("Bearer eyJhbGciOiJub25lIn0.e30.", "InvalidArgument"),
        ("AWS darkroom-local:c2lnbmVk", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 x", "AuthorizationHeaderMalformed"),
        (f"AWS4-HMAC-SHA256 Credential=darkroom-local/{SCOPE}", "SignatureDoesNotMatch"),
        (f"AWS4-HMAC-SHA256 Credential=somebody/{SCOPE}", "InvalidAccessKeyId"),
    ],
)
def test_a_forged_authorization_opens_no_bucket(tiny: Tiny, authorization: str, code: str) -> None:
    tiny.client("s3").put_object(Bucket=BUCKET, Key="held.txt", Body=PICTURE)
    # The time of the request, not of the import: S3 refuses dates that are 15 minutes old.
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"Authorization": authorization.replace("DAY", now[:8]), "x-amz-date": now}
    for method, path in (("GET", ""), ("GET", "/held.txt"), ("PUT", "/held.txt"), ("DELETE", "/held.txt")):
        response = requests.request(method, f"{tiny.machine.aws_url}/{BUCKET}{path}", headers=headers, data=b"x")
        assert (response.status_code // 100, _error_code(response)) == (4, code)
    assert tiny.client("s3").get_object(Bucket=BUCKET, Key="held.txt")["Body"].read() == PICTURE


def _signed_put(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, age: float = 0.0) -> tuple[str, dict[str, str]]:
    """The URL and headers of a PUT of PICTURE that was signed `age` seconds ago."""
    moment = datetime.now(UTC) - timedelta(seconds=age)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: moment)
    request = AWSRequest("PUT", f"{tiny.machine.aws_url}/{BUCKET}/signed.txt", data=PICTURE)
    request.context["payload_signing_enabled"] = True
    auth.S3SigV4Auth(Credentials("darkroom-local", "darkroom-local"), "s3", "us-east-1").add_auth(request)
    return request.url, dict(request.headers.items())


def test_a_signed_call_is_valid_only_for_its_headers_body_and_time(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    url, headers = _signed_put(tiny, monkeypatch)
    assert requests.put(url, data=PICTURE, headers=headers).status_code == 200
    assert _error_code(requests.put(url, data=PICTURE + b"!", headers=headers)) == "XAmzContentSHA256Mismatch"
    assert _error_code(requests.put(url + "x", data=PICTURE, headers=headers)) == "SignatureDoesNotMatch"
    extra = {**headers, "x-amz-meta-owner": "somebody else"}
    assert "HeadersNotSigned" in requests.put(url, data=PICTURE, headers=extra).text
    url, headers = _signed_put(tiny, monkeypatch, age=1200)
    assert _error_code(requests.put(url, data=PICTURE, headers=headers)) == "RequestTimeTooSkewed"


def test_a_signed_link_with_an_authorization_is_refused(link: Sign) -> None:
    response = requests.get(link("get_object"), headers={"Authorization": "Bearer of.a.token"})
    assert (response.status_code, _error_code(response)) == (400, "InvalidArgument")
    assert "Only one auth mechanism allowed" in response.text


@pytest.mark.parametrize("host", ["rebound.example", f"{BUCKET}.s3.amazonaws.com", "127.0.0.1.example", "localhost@x"])
def test_a_request_for_another_host_is_refused(tiny: Tiny, link: Sign, host: str) -> None:
    assert requests.get(link("get_object"), headers={"Host": host}).status_code == 421
    assert requests.get(f"{tiny.machine.aws_url}/moto-api/data.json", headers={"Host": host}).status_code == 421
    port = tiny.machine.aws_url.rpartition(":")[2]
    for local in ("localhost", "127.0.0.1", "[::1]", f"localhost:{port}"):
        assert requests.get(f"{tiny.machine.aws_url}/{BUCKET}", headers={"Host": local}).status_code == 403


# ---------------------------------------------------------------- forms


@pytest.fixture
def form(tiny: Tiny) -> dict[str, Any]:
    form: dict[str, Any] = tiny.client("s3").generate_presigned_post(
        BUCKET,
        "forms/${filename}",
        Fields={"Content-Type": "image/jpeg"},
        Conditions=[
            ["starts-with", "$key", "forms/"],
            {"Content-Type": "image/jpeg"},
            ["content-length-range", 5, 20],
        ],
        ExpiresIn=600,
    )
    form["fields"]["key"] = f"forms/{uuid.uuid4().hex}.jpg"
    return form


def _post(form: dict[str, Any], body: bytes = PICTURE, changes: dict[str, str] | None = None) -> requests.Response:
    return requests.post(form["url"], data=form["fields"] | (changes or {}), files={"file": ("a.jpg", body)})


def test_a_signed_form_succeeds(tiny: Tiny, form: dict[str, Any]) -> None:
    assert _post(form).status_code == 204
    stored = tiny.client("s3").get_object(Bucket=BUCKET, Key=form["fields"]["key"])
    assert stored["Body"].read() == PICTURE
    assert stored["ContentType"] == "image/jpeg"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "elsewhere/a.jpg"}, "starts-with"),
        ({"Content-Type": "text/html"}, "Content-Type"),
        ({"acl": "public-read"}, "Extra input fields: acl"),
    ],
)
def test_a_form_must_meet_its_conditions(form: dict[str, Any], changes: dict[str, str], message: str) -> None:
    response = _post(form, changes=changes)
    assert response.status_code == 403
    assert _error_code(response) == "AccessDenied"
    assert message in response.text


def test_a_form_limits_the_size(form: dict[str, Any]) -> None:
    assert (_post(form, b"x" * 21).status_code, _error_code(_post(form, b"x" * 21))) == (400, "EntityTooLarge")
    assert (_post(form, b"x" * 4).status_code, _error_code(_post(form, b"x" * 4))) == (400, "EntityTooSmall")


def test_a_form_with_a_changed_policy_or_after_its_expiry_is_refused(tiny: Tiny, form: dict[str, Any]) -> None:
    assert _error_code(_post(form, changes={"policy": form["fields"]["policy"].swapcase()})) in (
        "SignatureDoesNotMatch",
        "AccessDenied",
    )
    assert _error_code(_post(form, changes={"x-amz-signature": "0" * 64})) == "SignatureDoesNotMatch"
    with tiny.clock.ahead(601):
        response = _post(form)
    assert response.status_code == 403
    assert "Policy expired" in response.text


# ---------------------------------------------------------------- browsers


def test_a_preflight_is_answered_by_the_buckets_rules(tiny: Tiny) -> None:
    url = f"{tiny.machine.aws_url}/{BUCKET}/any"
    headers = {"Origin": "https://page.example", "Access-Control-Request-Headers": "content-type"}
    response = requests.options(url, headers=headers | {"Access-Control-Request-Method": "PUT"})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "content-type"
    assert response.headers["Access-Control-Max-Age"] == "3600"
    refused = requests.options(url, headers=headers | {"Access-Control-Request-Method": "DELETE"})
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


PAGES = {"CorsOrigin": "https://page.example", "PageOrigin": "https://api.example"}


def test_pages_of_the_stages_origins_may_follow_the_apis_redirect_to_a_file(tiny: Tiny) -> None:
    s3, names = tiny.client("s3"), dict.fromkeys(("InputBucket", "OutputBucket"), "")
    for logical in names:
        names[logical] = name = f"cors-{uuid.uuid4().hex}"
        s3.create_bucket(Bucket=name)
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": _rules_of(logical)})
        s3.put_object(Bucket=name, Key="a.jpg", Body=PICTURE)

    def allowed(logical: str, origin: str) -> str | None:
        named = {"Bucket": names[logical], "Key": "a.jpg"}
        url = s3.generate_presigned_url("get_object", Params=named)
        return requests.get(url, headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")

    # After a redirect from another origin browsers send the origin "null".
    assert allowed("OutputBucket", "null") == "null"
    for origin in PAGES.values():
        assert allowed("OutputBucket", origin) == origin
    assert allowed("OutputBucket", "https://other.example") is None
    assert allowed("InputBucket", "null") is None


def _rules_of(logical: str) -> list[dict[str, Any]]:
    """A bucket's CORS rules in the template for the origins of PAGES, in the format of S3."""
    loaded = template.load()
    rules = loaded["Resources"][logical]["Properties"]["CorsConfiguration"]["CorsRules"]
    rules = Conditions(loaded["Conditions"], PAGES).resolve(rules)
    return [
        {
            "AllowedMethods": rule["AllowedMethods"],
            "AllowedOrigins": [
                each if isinstance(each, str) else PAGES[each["Ref"]] for each in rule["AllowedOrigins"]
            ],
        }
        for rule in rules
    ]


def test_an_upload_from_a_page_may_read_its_etag(link: Sign) -> None:
    response = requests.put(link(), data=PICTURE, headers={"Origin": "https://page.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Expose-Headers"] == "ETag"


# ---------------------------------------------------------------- events


@pytest.mark.parametrize(
    "name", ["plain", "two words", "plus+sign", "ünïcödé", "per%20cent", "q?a=b&c#d", "(br)[ack]~'"]
)
def test_a_key_is_encoded_in_the_event_as_by_s3(tiny: Tiny, eventually: Eventually, name: str) -> None:
    word = uuid.uuid4().hex
    key = f"uploads/{word}/{name}.jpg"
    tiny.client("s3").put_object(Bucket=BUCKET, Key=key, Body=PICTURE)
    (run,) = eventually(lambda: tiny.runs("uploaded", word))
    record = run["Records"][0]
    assert unquote_plus(record["s3"]["object"]["key"]) == key
    assert record["s3"]["object"]["key"].startswith(f"uploads/{word}/")
    assert record["s3"]["object"]["key"] == quote(key, safe="/ ").replace(" ", "+")


def test_an_event_has_version_and_sequencer(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    key = f"uploads/{word}.jpg"
    versions = [tiny.client("s3").put_object(Bucket=BUCKET, Key=key, Body=PICTURE)["VersionId"] for _ in range(2)]
    runs = eventually(lambda: len(runs := tiny.runs("uploaded", word)) == 2 and runs)
    events = [run["Records"][0] for run in runs]
    objects = sorted((event["s3"]["object"] for event in events), key=lambda each: str(each["sequencer"]))
    assert [each["versionId"] for each in objects] == versions
    assert objects[0]["sequencer"] < objects[1]["sequencer"]
    assert {event["eventName"] for event in events} == {"ObjectCreated:Put"}
    assert {event["eventSource"] for event in events} == {"aws:s3"}
    assert objects[0]["size"] == len(PICTURE)
