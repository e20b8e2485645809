"""Every file of examples/ does what it says, run as a person runs it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from chalicelib.core.http import signatures
from infra.settings import ROOT
from local.machine import Machine
from tests import node, pictures
from tests.journeys.issuing_keys import issue_key
from tests.journeys.user import User

EXAMPLES = ROOT / "examples"
NAMES = {f"{size}{mark}.jpeg" for size in ("small", "medium", "large") for mark in ("", "-watermarked")}


def environment(**more: str) -> dict[str, str]:
    # No proxy stands before the machine under test.
    own = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
    return {**own, "NO_PROXY": "*", **more}


@pytest.fixture(scope="module")
def key(ann: User) -> str:
    """The secret of an API key that may upload."""
    return str(issue_key(ann, "file_upload")[1].tokens["accessToken"])


# --- upload_folder.py ----------------------------------------------------------------------


def upload_folder(machine: Machine, folder: Path, output: Path, **account: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        sys.executable,
        EXAMPLES / "upload_folder.py",
        folder,
        "--to",
        output,
        "--url",
        machine.api_url,
    ]
    return subprocess.run(command, env=environment(**account), capture_output=True, text=True, timeout=120, check=False)


def test_a_folder_is_uploaded_and_a_second_run_goes_on(machine: Machine, ann: User, key: str, tmp_path: Path) -> None:
    folder, output = tmp_path / "photos", tmp_path / "photos" / "variants"
    (folder / "trip").mkdir(parents=True)
    (folder / "one.jpg").write_bytes(pictures.jpeg(640, 480))
    (folder / "trip" / "one.jpg").write_bytes(pictures.jpeg(640, 480))
    (folder / "notes.txt").write_text("no picture")
    before = {image["imageId"] for image in ann.get("/images", limit=100).json()["items"]}

    done = upload_folder(machine, folder, output, DARKROOM_KEY=key)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "one.jpg: 6 variants, 6 of them downloaded now",
        "trip/one.jpg: 6 variants, 6 of them downloaded now",
    ]
    assert {file.name for file in (output / "trip" / "one.jpg").iterdir()} == NAMES
    assert pictures.decoded((output / "one.jpg" / "small.jpeg").read_bytes()).size == (640, 480)

    # As if the first run had been cut off in the middle of its downloads; a new file has come.
    (output / "one.jpg" / "large.jpeg").unlink()
    (folder / "bad.png").write_bytes(b"no picture")
    again = upload_folder(machine, folder, output, DARKROOM_EMAIL=ann.email, DARKROOM_PASSWORD=ann.password)
    assert again.stdout.splitlines() == [
        "bad.png: failed: The file is not a picture of a type that is known here.",
        "one.jpg: 6 variants, 1 of them downloaded now",
        "trip/one.jpg: 6 variants, 0 of them downloaded now",
    ]
    assert again.returncode == 1
    after = {image["imageId"] for image in ann.get("/images", limit=100).json()["items"]}
    assert len(after - before) == 3, "no file was uploaded twice"


def test_the_upload_of_a_folder_says_what_it_needs(machine: Machine, tmp_path: Path) -> None:
    assert "Set DARKROOM_KEY" in upload_folder(machine, tmp_path, tmp_path).stderr


# --- webhook_receiver.py -------------------------------------------------------------------


@contextmanager
def receiver(secret: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The receiver's address and its process."""
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "webhook_receiver.py", "--port", "0"],
        env=environment(DARKROOM_WEBHOOK_SECRET=secret), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip(), process
    finally:
        process.kill()
        process.wait()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_receiver_takes_what_darkroom_sends(machine: Machine) -> None:
    user = User.new(machine.api_url)
    webhook = {"preferences": {"webhook": {"url": "http://127.0.0.1:9/"}}}
    secret = user.request("PATCH", "/auth/profile", json=webhook).json()["profile"]["webhookSecret"]
    with receiver(secret) as (url, process):
        webhook = {"preferences": {"webhook": {"url": url}}}
        assert user.request("PATCH", "/auth/profile", json=webhook).status_code == 200
        image_id = user.upload(pictures.jpeg(64, 48), name="told.jpg")
        assert json.loads(line_of(process)) == {
            "imageId": image_id,
            "fileName": "told.jpg",
            "status": "COMPLETED",
            "execution": f"{image_id}-1",
        }


def test_the_receiver_refuses_what_is_forged_or_old_and_prints_a_repetition_once() -> None:
    secret, now = "a secret", int(time.time())
    body = json.dumps({"imageId": "img_1", "execution": "img_1-1"}).encode()
    header = signatures.sign(secret, now, body)

    def post(signature: str, sent: bytes = body) -> int:
        return requests.post(url, data=sent, headers={"X-Darkroom-Signature": signature}, timeout=10).status_code

    with receiver(secret) as (url, process):
        assert post(header) == post(header) == 204
        forged = [
            post(header, body + b" "),
            post(signatures.sign("another secret", now, body)),
            post(signatures.sign(secret, now, body, about="img_1")),
            post(header.replace(f"t={now}", f"t={now + 1}")),
            post(""),
        ]
        assert forged == [401] * 5
        assert [post(signatures.sign(secret, now + late, body)) for late in (-400, 400)] == [401, 401]
        assert post(header, b"x" * 70_000) == 413
        assert json.loads(line_of(process)) == json.loads(body)
        refusals = [line_of(process) for _ in range(7)]
    assert refusals[:2] == ["refused: its signature is wrong"] * 2
    assert refusals[-1].startswith("refused: it is old")


# --- agent.py ------------------------------------------------------------------------------


def agent(machine: Machine, picture: Path, output: Path, key: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        sys.executable,
        EXAMPLES / "agent.py",
        picture,
        "--to",
        output,
        "--url",
        machine.api_url,
    ]
    return subprocess.run(
        command, env=environment(DARKROOM_KEY=key), capture_output=True, text=True, timeout=120, check=False
    )


def test_an_agent_sends_a_picture_and_sees_its_thumbnail(machine: Machine, key: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(pictures.jpeg(1600, 1200))
    done = agent(machine, tmp_path / "photo.jpg", tmp_path / "thumbnail.jpg", key)
    assert done.returncode == 0, done.stderr
    assert pictures.decoded((tmp_path / "thumbnail.jpg").read_bytes()).size == (800, 600)
    calls = [line.partition(":")[0] for line in done.stdout.splitlines()[:-1]]
    assert (calls[0], set(calls[1:-1]), calls[-1]) == ("import_image", {"wait_for_image"}, "view_image")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    refused = agent(machine, tmp_path / "bad.jpg", tmp_path / "nothing.jpg", key)
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (1, "NOT_AN_IMAGE")


# --- uppy.html -----------------------------------------------------------------------------


def test_uppy_sends_files_from_a_browser_and_shows_their_variants(machine: Machine, key: str, tmp_path: Path) -> None:
    (tmp_path / "été 1.jpg").write_bytes(pictures.jpeg(640, 480))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    files = [tmp_path / "été 1.jpg", tmp_path / "bad.png"]
    printed = json.loads(node.run("uppy_page.js", EXAMPLES / "uppy.html", machine.api_url, key, *files))
    assert printed["complaints"] == []
    assert sorted(printed["shown"], key=lambda each: str(each["caption"])) == [
        {"caption": "bad.png: The file is not a picture of a type that is known here.", "width": 0},
        {"caption": "été 1.jpg", "width": 640},
    ]


def test_each_example_is_in_the_table() -> None:
    table = (EXAMPLES / "README.md").read_text()
    assert set(re.findall(r"^\| `(\S+)` \|", table, re.MULTILINE)) == {
        file.name for file in EXAMPLES.iterdir() if file.suffix in {".py", ".html"}
    }
