"""Presets: what an upload names one for, how its variants are made, and what a reprocessing leaves as it is."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, ImageDraw

from chalicelib.core.settings import kinds
from chalicelib.images import IMAGES, steps
from local.machine import Machine
from tests import pictures
from tests.journeys.image_state import download_picture, executions_of, output_keys
from tests.journeys.user import User
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("function")

PHOTO = pictures.jpeg(320, 240)


def upload(user: User, data: bytes, media_type: str = "image/jpeg", **more: Any) -> dict[str, Any]:
    """The finished image of a new upload."""
    announced = user.announce(data, media_type, **more)
    put = requests.put(announced["uploadUrl"], data=data, headers=announced["headers"], timeout=30)
    assert put.status_code == 200, put.text
    return user.finished(announced["imageId"])


def reprocessed(user: User, image: dict[str, Any], **body: Any) -> dict[str, Any]:
    before = IMAGES.get(user.id, image["imageId"])
    assert before is not None
    assert user.post(f"/images/{image['imageId']}/reprocess", **body).status_code == 200

    def has_ended() -> bool:
        now = IMAGES.get(user.id, image["imageId"]) or before
        return now["execution"] != before["execution"] and not executions_of(image["imageId"])

    wait_for(has_ended, "its end", 60)
    return user.finished(image["imageId"])


def described(image: dict[str, Any]) -> set[tuple[str, str, str, int]]:
    return {(each["name"], each["format"], each["dimensions"], each["frames"]) for each in image["variants"]}


def keys(image: dict[str, Any]) -> set[str]:
    return {each["s3Key"] for each in image["variants"]}


def file(image: dict[str, Any], name: str, form: str = "jpeg") -> str:
    (url,) = (each["url"] for each in image["variants"] if (each["name"], each["format"]) == (name, form))
    return str(url)


def test_all_presets_are_listed(ann: User, robot: User) -> None:
    default, *others = ann.get("/presets").json()["presets"]
    assert default["name"] == "default"
    assert default["sizes"][0] == {"name": "small", "width": 800, "height": 600, "fit": "inside"}
    assert (default["formats"], default["watermarked"], default["animated"]) == (["jpeg"], True, False)
    assert [each["name"] for each in others] == ["web", "avatar", "proof"]
    assert robot.get("/presets").json()["presets"] == [default, *others]
    assert User(ann.url).get("/presets").status_code == 401


def test_an_upload_is_made_by_the_preset_that_it_names(ann: User) -> None:
    exif = Image.Exif()
    exif[0x8298], exif[0x010F] = "Ann 2026", "CameraMaker"
    image = upload(ann, pictures.jpeg(1600, 1200, exif=exif), preset="web")
    assert (image["status"], image["preset"]) == ("COMPLETED", "web")
    boxes = (("small", "640x480"), ("medium", "1280x960"), ("large", "1600x1200"))
    assert described(image) == {(name, form, box, 1) for name, box in boxes for form in ("webp", "jpeg")}
    kept = dict(download_picture(file(image, "small")).getexif())
    assert kept == {0x8298: "Ann 2026"}
    assert image["placeholder"].startswith("data:image/webp;base64,")


def test_an_animation_stays_one_where_the_preset_says_so(ann: User) -> None:
    frames = [Image.new("L", (120, 80), 50 * at) for at in range(5)]
    data = pictures.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)
    lively = upload(ann, data, "image/gif", preset="web")
    assert described(lively) == {
        (name, form, "120x80", 5 if form == "webp" else 1)
        for name in ("small", "medium", "large")
        for form in ("webp", "jpeg")
    }
    assert lively["metadata"]["frames"] == 5
    assert getattr(download_picture(file(lively, "small", "webp")), "n_frames", 1) == 5
    still = upload(ann, data, "image/gif")
    assert still["metadata"]["frames"] == 5
    assert {each["frames"] for each in still["variants"]} == {1}


def test_imports_name_a_preset_too(ann: User) -> None:
    content = base64.b64encode(PHOTO).decode()
    imported = ann.post("/agent/import_image", content=content, preset="avatar").json()
    image = ann.finished(imported["imageId"])
    assert image["preset"] == "avatar"
    assert {dimensions for _, _, dimensions, _ in described(image)} == {"96x96", "256x256", "512x512"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/upload", {"fileName": "a.jpg", "fileType": "image/jpeg"}),
        ("/upload", {"sourceUrl": "https://pictures.example.com/a.jpg"}),
        ("/agent/import_image", {"content": "aGk="}),
        ("/images/{image}/reprocess", {}),
    ],
)
def test_an_unknown_preset_is_refused_and_the_known_ones_are_named(ann: User, path: str, body: dict[str, str]) -> None:
    refused = ann.post(path.format(image="img_1"), **body, preset="nope")
    assert refused.status_code == 400
    (detail,) = refused.json()["error"]["details"]
    assert detail == {"field": "preset", "message": "must be one of default, web, avatar, proof"}


def test_reprocessing_by_a_preset_makes_only_what_differs(machine: Machine, ann: User) -> None:
    image = upload(ann, PHOTO, preset="avatar")
    versions = output_keys(machine, ann, image["imageId"])
    same = reprocessed(ann, image, preset="avatar")
    assert (same["preset"], keys(same)) == ("avatar", keys(image))
    assert output_keys(machine, ann, image["imageId"]) == versions, "no file was written"
    assert same["placeholder"] == image["placeholder"]
    assert same["processedAt"] > image["processedAt"]

    changed = ann.request("PATCH", f"/images/{image['imageId']}", json={"focalPoint": {"x": 0.0, "y": 0.5}})
    assert changed.status_code == 200
    focused = reprocessed(ann, image, preset="avatar")
    assert not keys(focused) & keys(image), "the crop differs"

    other = reprocessed(ann, image, preset="default")
    assert other["preset"] == "default"
    assert {name for name, *_ in described(other)} >= {"small", "small-watermarked"}
    anew = reprocessed(ann, image)
    assert anew["preset"] == "default"
    assert not keys(anew) & keys(other), "without a preset all files are made again"


def test_the_owners_focal_point_decides_what_a_crop_keeps(ann: User) -> None:
    halves = Image.new("RGB", (400, 100), (230, 20, 20))
    halves.paste((20, 20, 230), (200, 0, 400, 100))
    # Something on the left that a smart crop keeps.
    for left in range(0, 90, 6):
        ImageDraw.Draw(halves).line((left, 5, left, 80), "white", 2)
    image = upload(ann, pictures.encoded(halves, "JPEG", quality=95), preset="avatar")

    def color(of: dict[str, Any]) -> Any:
        return download_picture(file(of, "small")).getpixel((48, 90))

    assert color(image)[0] > 180
    ann.request("PATCH", f"/images/{image['imageId']}", json={"focalPoint": {"x": 0.9, "y": 0.5}})
    assert color(reprocessed(ann, image, preset="avatar"))[2] > 180


# ------------------------------------------------------------------------- a stage's own presets

OWN = """
[both]
sizes = [{ name = "a", width = 100 }, { name = "b", width = 50, height = 50, fit = "cover" }]
formats = ["jpeg", "webp"]
[[both.marks]]
text = "One"

[more]
sizes = [{ name = "a", width = 100 }, { name = "b", width = 60, height = 60, fit = "cover" }]
formats = ["jpeg", "webp"]
quality = { jpeg = 60 }
[[more.marks]]
text = "One"

[marked]
sizes = [{ name = "a", width = 100 }]
formats = ["webp"]
[[marked.marks]]
text = "© 写真"
font = "fonts/own.ttf"
[[marked.marks]]
image = "marks/logo.png"
position = "top-left"
size = 0.5
opacity = 1.0
"""


@pytest.fixture
def own_presets(tmp_path: Path, function: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    function.setattr(kinds, "_CHALICELIB", tmp_path)
    function.setenv("PRESETS_FILE", "own.toml")


def run_steps(machine: Machine, **more: Any) -> dict[str, Any]:
    """The result of all steps for a photo, as the state machine hands it on."""
    key = "uploads-aside/preset.jpg"
    machine.client("s3").put_object(Bucket=machine.environment["S3_INPUT_BUCKET"], Key=key, Body=PHOTO)
    step: dict[str, Any] = {"s3Key": key, "fileType": "image/jpeg", "userId": "u", "imageId": "img_p", **more}
    for run in (steps.validate, steps.resize, steps.watermark):
        step = json.loads(json.dumps(run(step)))
    return step


def variants_of(step: dict[str, Any]) -> dict[tuple[str, bool, str], dict[str, Any]]:
    found = [*step["resizedImages"], *step["watermarkedImages"]]
    return {(each["size"], each["watermarked"], each["format"]): each for each in found}


@pytest.mark.usefixtures("own_presets")
def test_of_another_preset_only_the_files_that_differ_are_made(machine: Machine) -> None:
    first = run_steps(machine, preset="both", execution="img_p-1")
    former = [*first["resizedImages"], *first["watermarkedImages"]]
    again = run_steps(machine, preset="more", execution="img_p-2", former=former, placeholder=first["placeholder"])
    before, after = variants_of(first), variants_of(again)
    assert before.keys() == after.keys()
    kept = {each for each in after if after[each] == before[each]}
    assert kept == {("a", False, "webp"), ("a", True, "webp")}
    made = {each["Key"] for each in again["written"]}
    assert made == {after[each]["s3Key"] for each in after.keys() - kept}
    assert first["record"]["recipe"] != again["record"]["recipe"]
    assert again["record"]["recipe"]["S"].startswith("more/")


@pytest.mark.usefixtures("own_presets")
def test_marks_have_fonts_and_pictures_of_the_bucket(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    bucket = machine.environment["S3_OUTPUT_BUCKET"]
    font = Path(__file__).parents[2] / "local" / "fonts" / "DroidSansFallback-Subset.ttf"
    logo = pictures.encoded(Image.new("RGB", (10, 10), "red"), "PNG")
    machine.client("s3").put_object(Bucket=bucket, Key="fonts/own.ttf", Body=font.read_bytes())
    machine.client("s3").put_object(Bucket=bucket, Key="marks/logo.png", Body=logo)
    done = run_steps(machine, preset="marked")
    (marked,) = done["watermarkedImages"]
    data = machine.client("s3").get_object(Bucket=bucket, Key=marked["s3Key"])["Body"].read()
    red = Image.open(io.BytesIO(data)).convert("RGB").getpixel((10, 10))
    assert isinstance(red, tuple)
    assert red[0] > 200
    assert red[1] < 60
    # The font has the ideographs, and lacks the sign before them.
    (warning,) = [each for each in caplog.records if each.getMessage() == "WATERMARK_TEXT_UNDRAWABLE"]
    assert vars(warning)["metadata"]["characters"] == ["U+00A9"]


@pytest.mark.usefixtures("own_presets")
def test_a_preset_that_the_stage_no_longer_has_is_the_default(machine: Machine) -> None:
    done = run_steps(machine, preset="gone")
    assert {each["size"] for each in done["resizedImages"]} == {"small", "medium", "large"}
    assert done["record"]["recipe"] == run_steps(machine)["record"]["recipe"]
    assert "/" not in done["record"]["recipe"]["S"]
