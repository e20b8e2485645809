"""Sends every picture of a folder to Darkroom and downloads what it makes of them. Run it again to go on.

    python upload_folder.py FOLDER --to OUTPUT

It needs an API key that opens `file_upload` in DARKROOM_KEY, or an account in DARKROOM_EMAIL and DARKROOM_PASSWORD.
Only `requests` is needed beside Python itself.
"""

import argparse
import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

JPEG, HEIC = "image/jpeg", "image/heic"
TYPES = {".jpg": JPEG, ".jpeg": JPEG, ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
         ".avif": "image/avif", ".heic": HEIC, ".heif": HEIC}  # fmt: skip
TRIES = 6
LONGEST_WAIT_SECONDS = 300


class RefusedError(Exception):
    """Darkroom, or its storage, refused something for good."""

    def __init__(self, answer: requests.Response) -> None:
        self.body: dict[str, Any] = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        self.code = self.body.get("error", {}).get("code", "")
        super().__init__(self.body.get("message") or f"{answer.status_code}: {answer.text[:200]}")


class Darkroom:
    """The API at an address, as one caller."""

    def __init__(self, url: str) -> None:
        self.url, self.token = url, os.environ.get("DARKROOM_KEY", "")
        if not self.token:
            account = {name: os.environ.get(f"DARKROOM_{name.upper()}", "") for name in ("email", "password")}
            if not all(account.values()):
                sys.exit("Set DARKROOM_KEY, or DARKROOM_EMAIL and DARKROOM_PASSWORD.")
            self.token = self.call("POST", "/auth/signin", json=account)["accessToken"]

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        """The content of the answer."""
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        answer: dict[str, Any] = send(method, self.url + path, headers=headers, **options).json()
        return answer


def send(method: str, url: str, **options: Any) -> requests.Response:
    """Sends a request again while it may succeed later: no answer, too many requests, a fault of the server."""
    for tries_left in reversed(range(TRIES)):
        pause = 2.0 ** (TRIES - 1 - tries_left) / 2
        try:
            answer = requests.request(method, url, timeout=60, **options)
        except (requests.ConnectionError, requests.Timeout):
            if not tries_left:
                raise
        else:
            if answer.ok:
                return answer
            may_pass = answer.status_code == 429 or answer.status_code >= 500
            if not (may_pass and tries_left):
                raise RefusedError(answer)
            pause = float(answer.headers.get("Retry-After", pause))
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def upload(darkroom: Darkroom, file: Path, name: Path) -> str:
    """The id of the file's image. A file that was sent before, in whole or in part, keeps its image.

    Its place in the folder and its content make the Idempotency-Key: for a day the same announcement gives the same
    image.
    """
    data, media_type = file.read_bytes(), TYPES[file.suffix.lower()]
    key = hashlib.sha256(str(name).encode() + b"\0" + data).hexdigest()
    announcement = {"fileName": file.name, "fileType": media_type, "fileSize": len(data)}
    try:
        made = darkroom.call("POST", "/upload", {"Idempotency-Key": key}, json=announcement)
    except RefusedError as refused:
        if refused.code != "ALREADY_UPLOADED":
            raise
        return str(refused.body["error"]["details"][0]["message"])
    # The size is signed too. `requests` sends it, as every HTTP client does that knows its body.
    send("PUT", made["uploadUrl"], headers=made["headers"], data=data)
    return str(made["imageId"])


def finished(darkroom: Darkroom, image_id: str) -> dict[str, Any]:
    """The image once it is COMPLETED or FAILED. For many images, a webhook is better than asking."""
    pause, end = 0.25, time.monotonic() + LONGEST_WAIT_SECONDS
    while True:
        image: dict[str, Any] = darkroom.call("GET", f"/images/{image_id}")["image"]
        if image["status"] in ("COMPLETED", "FAILED"):
            return image
        if time.monotonic() > end:
            raise TimeoutError(f"{image_id} is still {image['status']}")
        time.sleep(pause)
        pause = min(5.0, pause * 1.5)


def download(image: dict[str, Any], folder: Path) -> int:
    """Downloads the variants that the folder lacks; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(variant, folder / f"{variant['name']}.{variant['format']}") for variant in image["variants"]]
    missing = [(variant, file) for variant, file in missing if not file.exists()]
    for variant, file in missing:
        # A download that is cut off must not look like a whole one.
        partial = file.with_suffix(".part")
        partial.write_bytes(send("GET", variant["url"]).content)
        partial.replace(file)
    return len(missing)


def process(darkroom: Darkroom, folder: Path, name: Path, output: Path) -> str:
    """What became of a file, in words."""
    image = finished(darkroom, upload(darkroom, folder / name, name))
    if image["status"] == "FAILED":
        return f"failed: {image['reason']['message']}"
    return f"{len(image['variants'])} variants, {download(image, output / name)} of them downloaded now"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=Path, default=Path("variants"), help="where the variants go")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the API's address")
    parser.add_argument("--parallel", type=int, default=4, help="how many files at the same time")
    options = parser.parse_args()
    files = [file for file in options.folder.rglob("*") if file.suffix.lower() in TYPES]
    # What was downloaded is not uploaded, wherever it lies.
    own = [file for file in files if not file.resolve().is_relative_to(options.to.resolve())]
    names = sorted(file.relative_to(options.folder) for file in own)
    darkroom, failures = Darkroom(options.url), 0
    with ThreadPoolExecutor(options.parallel) as threads:
        running = {name: threads.submit(process, darkroom, options.folder, name, options.to) for name in names}
        for name, result in running.items():
            try:
                outcome = result.result()
            except (RefusedError, TimeoutError, requests.RequestException) as error:
                outcome = f"failed: {error}"
            failures += outcome.startswith("failed")
            print(f"{name}: {outcome}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped. Run it again to go on.")
