"""What comes of an uploaded picture: its variants, or the reason why there are none."""

import base64
import functools
import re
from collections.abc import Callable

import pytest

from chalicelib import images
from chalicelib.core import ids
from local.machine import Machine
from tests import breadth, pictures
from tests.heif import files
from tests.journeys.gateway import call, calls_made
from tests.journeys.image_state import count_runs, download_picture, image_item, output_keys, queue_depth
from tests.journeys.user import User

NAMES = {f"{size}{mark}" for size in ("small", "medium", "large") for mark in ("", "-watermarked")}
BOXES = {"small": (800, 600), "medium": (1200, 900), "large": (1920, 1080)}


def test_a_photo_gets_three_sizes_plain_and_watermarked(ann: User) -> None:
    image = ann.finished(ann.upload(pictures.jpeg(2400, 1600)))
    assert image["status"] == "COMPLETED"
    assert image["reason"] is None
    found = image["metadata"]
    assert 20 < len(base64.b64decode(found.pop("thumbHash"))) < 30
    assert re.fullmatch("#[0-9a-f]{6}", found.pop("dominantColor"))
    assert found == {
        "width": 2400,
        "height": 1600,
        "format": "JPEG",
        "colorSpace": "sRGB",
        "frames": 1,
    }
    assert image["preset"] == "default"
    assert image["placeholder"].startswith("data:image/jpeg;base64,")
    assert image["createdAt"] <= image["uploadedAt"] <= image["processedAt"]
    assert {variant["name"] for variant in image["variants"]} == NAMES
    for variant in image["variants"]:
        picture = download_picture(variant["url"])
        assert picture.format == "JPEG"
        assert picture.info["progressive"] == 1
        assert variant["dimensions"] == f"{picture.width}x{picture.height}"
        width, height = BOXES[variant["size"]]
        assert picture.width == width or picture.height == height
        assert picture.width <= width
        assert picture.height <= height
        assert abs(picture.width / picture.height - 1.5) < 0.01
        assert variant["watermarked"] is variant["name"].endswith("-watermarked")


def test_the_watermark_is_at_the_bottom_right(ann: User) -> None:
    image = ann.finished(ann.upload(pictures.jpeg(1600, 1200)))
    found = {variant["name"]: download_picture(variant["url"]).convert("RGB") for variant in image["variants"]}
    plain, marked = found["medium"], found["medium-watermarked"]
    width, height = plain.size

    def difference(box: tuple[int, int, int, int]) -> int:
        pairs = zip(plain.crop(box).tobytes(), marked.crop(box).tobytes(), strict=True)
        return max(abs(a - b) for a, b in pairs)

    assert difference((0, 0, width, height // 2)) < 24
    assert difference((width // 2, height * 3 // 4, width, height)) > 40


KINDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "progressive": (lambda: pictures.jpeg(progressive=True), "image/jpeg"),
    "CMYK": (pictures.cmyk_jpeg, "image/jpeg"),
    "grey": (pictures.gray_jpeg, "image/jpeg"),
    **{f"orientation {each}": (functools.partial(pictures.oriented_jpeg, each), "image/jpeg") for each in range(1, 9)},
    "palette": (pictures.palette_png, "image/png"),
    "alpha": (pictures.alpha_png, "image/png"),
    "16 bit": (pictures.gray16_png, "image/png"),
    "interlaced": (pictures.interlaced_png, "image/png"),
    "animated": (lambda: pictures.gif(frames=5), "image/gif"),
    "WebP": (pictures.webp, "image/webp"),
    "WebP alpha": (pictures.alpha_webp, "image/webp"),
    "no end marker": (lambda: pictures.jpeg()[:-2], "image/jpeg"),
    "two pictures": (pictures.two_jpegs, "image/mpo"),
    "AVIF": (lambda: pictures.avif(pictures.decoded(pictures.alpha_png())), "image/avif"),
    "HEIC": (lambda: files.with_exif(files.corners(files.irot(1), files.nclx(12, 13, 6)), 8).build(), "image/heif"),
    "HEIC alpha": (lambda: files.transparent().build(), "image/heic"),
    "Ultra HDR": (pictures.ultra_hdr_jpeg, "image/jpeg"),
    "motion photo": (pictures.motion_photo_jpeg, "image/jpeg"),
    "600 frames": (lambda: pictures.many_frames_gif(600), "image/gif"),
}
_ONE_A_FORMAT = ("CMYK", "orientation 6", "alpha", "animated", "WebP", "AVIF", "HEIC")


@pytest.mark.parametrize(("make", "media_type"), breadth.named(KINDS, *_ONE_A_FORMAT))
def test_every_supported_kind_of_picture_is_completed(ann: User, make: Callable[[], bytes], media_type: str) -> None:
    image = ann.finished(ann.upload(make(), media_type))
    assert image["status"] == "COMPLETED", image["reason"]
    for variant in image["variants"]:
        picture = download_picture(variant["url"])
        assert picture.mode in ("RGB", "L")
        assert variant["dimensions"] == f"{image['metadata']['width']}x{image['metadata']['height']}"
        assert not picture.getexif()
        assert "icc_profile" not in picture.info


def test_a_picture_with_the_wrong_declared_type_is_processed_as_what_it_is(ann: User) -> None:
    image = ann.finished(ann.upload(pictures.alpha_png(), "image/jpeg"))
    assert (image["status"], image["metadata"]["format"]) == ("COMPLETED", "PNG")
    assert image["fileType"] == "image/jpeg"
    for asked in ({"processingType": "convert", "options": {"format": "png"}}, {"processingType": "analyze"}):
        processed = ann.post("/actions/process", fileId=image["imageId"], **asked).json()
        assert processed["status"] == "COMPLETED", processed
        assert ann.get(f"/actions/{processed['jobId']}").json()["action"]["result"]["format"] == "png"


BAD_FILES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "zero bytes": (lambda: b"", "image/jpeg", "empty"),
    "text": (lambda: b"This is no picture at all.\n" * 40, "image/jpeg", "not_an_image"),
    "truncated": (lambda: pictures.jpeg()[:-4_000], "image/jpeg", "truncated"),
    "a DNG": (lambda: b"II*\0\x08\0\0\0\1\0\x12\xc6\4\0\1\0\0\0\1\4\0\0", "image/jpeg", "type_mismatch"),
    "another type": (lambda: pictures.encoded(pictures.corners(), "BMP"), "image/jpeg", "type_mismatch"),
    "over 10 MB": (lambda: pictures.jpeg() + b"\0" * 10_485_760, "image/jpeg", "too_large"),
    "over 50 MP": (lambda: pictures.empty_png(8_192, 6_145), "image/png", "too_many_pixels"),
    "bomb": (pictures.png_bomb, "image/png", "too_many_pixels"),
    "scans": (pictures.many_scans_jpeg, "image/jpeg", "too_complex"),
}


@pytest.mark.parametrize(("make", "media_type", "code"), breadth.named(BAD_FILES, "text", "over 10 MB", "bomb"))
def test_a_bad_file_fails_once_with_a_readable_reason(
    machine: Machine, ann: User, make: Callable[[], bytes], media_type: str, code: str
) -> None:
    workers, validated = machine.workers("validation"), count_runs(machine, ann, "validation")
    letters = queue_depth(machine, "uploads-dead")
    image = ann.finished(ann.upload(make(), media_type))
    assert image["status"] == "FAILED"
    assert image["reason"]["code"] == code
    assert image["reason"]["message"].endswith(".")
    assert image["variants"] == []
    assert output_keys(machine, ann, image["imageId"]) == []
    # A file that is too large is refused before any step reads it.
    once = 0 if code == "too_large" else 1
    assert count_runs(machine, ann, "validation") == validated + once, "it was not tried again"
    left = machine.client("s3").list_object_versions(
        Bucket=machine.environment["S3_INPUT_BUCKET"], Prefix=f"uploads/{ann.id}/{image['imageId']}."
    )
    assert len(left.get("Versions", ())) == once, "an oversized file is deleted"
    if code == "too_large":
        again = ann.post(f"/images/{image['imageId']}/reprocess")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ORIGINAL_GONE")
    assert queue_depth(machine, "uploads-dead") == letters
    assert machine.workers("validation") == workers, "the worker still runs"


def test_a_finished_image_can_be_processed_again(machine: Machine, ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    first = ann.finished(image_id)
    again = ann.post(f"/images/{image_id}/reprocess")
    assert again.status_code == 200
    assert again.json()["image"]["status"] == "PROCESSING"
    second = ann.finished(image_id)
    assert second["status"] == "COMPLETED"
    assert second["processedAt"] > first["processedAt"]
    assert image_item(machine, ann, image_id)["execution"]["S"] == f"{image_id}-2"


def test_an_unfinished_image_cannot_be_processed_again(ann: User) -> None:
    pending = ann.announce(b"")["imageId"]
    refused = ann.post(f"/images/{pending}/reprocess")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "IMAGE_NOT_FINISHED")


@pytest.mark.usefixtures("function")
def test_listing_a_rare_status_takes_few_queries(ann: User) -> None:
    user = User.new(ann.url)
    for number in range(60):
        image_id, done = f"img_{number:026}", images.Status.COMPLETED
        image = images.Image(
            user_id=user.id,
            image_id=image_id,
            file_name="a.jpg",
            file_type="image/jpeg",
            s3_key="k",
            status=done,
            created_at=ids.now(),
        )
        images.IMAGES.put(image.to_item())
    made = calls_made()
    answer = call("GET /images", user.headers, query={"status": "FAILED", "limit": "1"})
    assert answer.body["items"] == []
    assert made.count("Query") <= 5
    page = call("GET /images", user.headers, query={"status": "COMPLETED", "limit": "7"}).body
    assert [each["imageId"] for each in page["items"]] == [f"img_{number:026}" for number in range(59, 52, -1)]
