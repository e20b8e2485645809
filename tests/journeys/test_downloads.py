"""Links that save a file: the original or a variant, under a name that is safe and ends as its type does."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

from chalicelib.images import IMAGES, Image, Status, Variant
from local.machine import Machine
from tests import pictures
from tests.journeys.error_responses import error_of
from tests.journeys.gateway import call
from tests.journeys.user import User

Put = Callable[..., str]


@pytest.fixture
def put(ann: User, function: pytest.MonkeyPatch) -> Put:
    """Writes the row of an image of Ann; its id."""

    def write(file_name: str = "a.jpg", status: Status = Status.COMPLETED, **more: Any) -> str:
        image = Image(
            user_id=ann.id,
            image_id="img_downloaded",
            file_name=file_name,
            file_type="image/jpeg",
            file_size=3,
            s3_key="uploads/x.jpg",
            status=status,
            created_at="2026-01-01",
            object_version="v1",
        )
        variants = [Variant("small", "8x6", each, f"processed/x.{each}", 10, False) for each in ("jpeg", "webp")]
        shown = [each.to_item() for each in variants] if status is Status.COMPLETED else []
        IMAGES.put({**image.to_item(), "variants": shown, **more})
        return image.image_id

    return write


def download(user: User, image_id: str, **query: str) -> dict[str, Any]:
    answer = call("GET /images/{imageId}/download", user.headers, query=query, imageId=image_id)
    assert answer.status == 200, answer.body
    return answer.body


def test_a_user_saves_the_original_and_a_variant_under_sensible_names(machine: Machine, ann: User) -> None:
    photo = pictures.jpeg(320, 240)
    image_id = ann.upload(photo, name="Fête \u202egpj.exe\u202c à 100%.JPG")
    assert ann.finished(image_id)["status"] == "COMPLETED"
    for query, expected in [
        ({}, "Fête gpj.exe à 100%.JPG"),
        ({"variant": "small-watermarked"}, "Fête gpj.exe à 100%-small-watermarked.jpg"),
    ]:
        answer = ann.get(f"/images/{image_id}/download", **query)
        assert answer.status_code == 200, answer.text
        link = answer.json()
        assert link["fileName"] == expected
        file = requests.get(link["url"], timeout=10)
        assert file.status_code == 200
        assert len(file.content) == link["fileSize"]
        assert (file.content == photo) is (query == {})
        disposition = file.headers["Content-Disposition"]
        assert disposition.startswith('attachment; filename="F_te gpj.exe _ 100_')
        assert unquote(disposition.partition("filename*=UTF-8''")[2]) == expected


@pytest.mark.parametrize(
    ("announced", "original", "variant"),
    [
        ("holiday.jpeg", "holiday.jpeg", "holiday-small.jpg"),
        ("holiday", "holiday.jpg", "holiday-small.jpg"),
        ("setup.exe", "setup.exe.jpg", "setup-small.jpg"),
        ("v1.2 final", "v1.2 final.jpg", "v1.2 final-small.jpg"),
        ("../..\\a/b:c.jpg", "_.._a_b_c.jpg", "_.._a_b_c-small.jpg"),
        (" . ", "img_downloaded.jpg", "img_downloaded-small.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie_ x.jpg", "aSet-Cookie_ x-small.jpg"),
        ("写" * 300 + ".jpg", "写" * 70 + ".jpg", "写" * 70 + "-small.jpg"),
    ],
)
def test_names_are_safe_and_end_as_the_type_does(
    ann: User, put: Put, announced: str, original: str, variant: str
) -> None:
    image_id = put(announced)
    assert download(ann, image_id)["fileName"] == original
    assert download(ann, image_id, variant="small")["fileName"] == variant


def test_the_original_is_the_version_that_the_image_was_made_of(ann: User, put: Put) -> None:
    query = parse_qs(urlsplit(download(ann, put())["url"]).query)
    assert (query["versionId"], query["X-Amz-Expires"]) == (["v1"], ["3600"])


def test_a_variant_is_saved_in_the_format_that_is_asked_for(ann: User, put: Put) -> None:
    image_id = put()
    assert download(ann, image_id, variant="small", format="webp")["fileName"] == "a-small.webp"
    answer = call(
        "GET /images/{imageId}/download", ann.headers, query={"variant": "small", "format": "png"}, imageId=image_id
    )
    assert answer.body["error"]["code"] == "VARIANT_NOT_FOUND"


@pytest.mark.parametrize(
    ("status", "more", "code"),
    [
        (Status.PROCESSING, {}, "IMAGE_NOT_FINISHED"),
        (Status.FAILED, {"reason": "infected: No."}, "IMAGE_FAILED"),
        (Status.COMPLETED, {"originalGone": True}, "ORIGINAL_GONE"),
    ],
)
def test_a_file_that_is_no_picture_or_not_there_has_no_link(
    ann: User, put: Put, status: Status, more: dict[str, Any], code: str
) -> None:
    answer = call("GET /images/{imageId}/download", ann.headers, imageId=put(status=status, **more))
    assert (answer.status, answer.body["error"]["code"]) == (409, code)


def test_another_users_image_is_not_found(machine: Machine, put: Put) -> None:
    stranger = User.new(machine.api_url)
    assert error_of(stranger.get(f"/images/{put()}/download"), 404)["code"] == "IMAGE_NOT_FOUND"
