"""The link to a variant's file: its format, how long it lasts, and who may cache the answer."""

from urllib.parse import parse_qs, urlsplit

import pytest

import app as manifest
from chalicelib.core.http import responses
from chalicelib.images import IMAGES, Image, Status, Variant
from tests.journeys.user import User
from tests.proxy_event import proxy_event


@pytest.fixture
def image(ann: User, function: pytest.MonkeyPatch) -> str:
    """An image whose small variant exists as JPEG and as WebP."""
    made = tuple(Variant("small", "8x6", format_, f"processed/x.{format_}", 10, False) for format_ in ("jpeg", "webp"))
    image = Image(
        user_id=ann.id,
        image_id="img_two_formats",
        file_name="a.jpg",
        file_type="image/jpeg",
        s3_key="uploads/x.jpg",
        status=Status.COMPLETED,
        created_at="2026-01-01",
    )
    IMAGES.put({**image.to_item(), "variants": [variant.to_item() for variant in made]})
    return image.image_id


def ask(user: User, image_id: str, **headers: str) -> tuple[int, dict[str, str]]:
    event = proxy_event(
        "GET",
        "/images/{imageId}/variants/{name}",
        headers={**user.headers, **headers},
        path={"imageId": image_id, "name": "small"},
    )
    answer = manifest.app(event, None)
    return answer["statusCode"], answer["headers"]


@pytest.mark.parametrize(
    ("accept", "extension"),
    [
        ("*/*", "jpeg"),
        ("image/webp", "webp"),
        ("image/jpeg;q=0.2,image/webp;q=0.8", "webp"),
        ("image/jpeg;q=0,*/*", "webp"),
        ("image/webp;q=0", "jpeg"),
        ("application/json", "jpeg"),
    ],
)
def test_the_preferred_format_of_the_accept_header_is_linked(
    ann: User, image: str, accept: str, extension: str
) -> None:
    status, headers = ask(ann, image, Accept=accept)
    assert (status, headers["Vary"]) == (302, "Accept")
    assert urlsplit(headers["Location"]).path.endswith(f".{extension}")


def test_a_format_that_the_accept_header_refuses_is_not_linked(ann: User, image: str) -> None:
    status, headers = ask(ann, image, Accept="image/*;q=0")
    assert (status, headers["Vary"]) == (406, "Accept")
    assert "Location" not in headers


def test_a_link_is_for_its_caller_only_and_lasts_at_most_an_hour(
    ann: User, image: str, function: pytest.MonkeyPatch
) -> None:
    function.setenv("LINK_EXPIRY_SECONDS", "3601")
    assert ask(ann, image)[0] == 500
    function.setenv("LINK_EXPIRY_SECONDS", "3600")
    _, headers = ask(ann, image)
    assert parse_qs(urlsplit(headers["Location"]).query)["X-Amz-Expires"] == ["3600"]
    assert responses.DEFAULT_HEADERS.items() <= headers.items()
    assert headers["Cache-Control"] == "no-store"
    function.setenv("LINK_EXPIRY_SECONDS", "60")
    assert "X-Amz-Expires=60&" in ask(ann, image)[1]["Location"]
