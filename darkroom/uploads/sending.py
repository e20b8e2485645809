"""One file on its way: its checksum, its announcement, its bytes."""

import hashlib
import mimetypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from darkroom.api import Answer, Api
from darkroom.errors import ApiError, DarkroomError, UnreachableError
from darkroom.uploads.journal import Journal

# Python's own table has these from 3.13 on, or not at all.
_TYPES = {
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jxl": "image/jxl",
}
_CHUNK = 1 << 20
# How often a content may have been sent and deleted again on one day.
_DELETED_TIMES = 50
# S3's answer to a file that it took before, as a single-use request says.
_WAS_THERE = 412


class FileError(Exception):
    """This file cannot be sent; the others can. `code` is for programs."""

    def __init__(self, message: str, code: str = "FILE_NOT_READABLE") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Sent:
    """An image, and whether this command has sent its bytes."""

    image_id: str
    is_new: bool


def media_type(path: Path) -> str:
    """The media type that a file's name says."""
    return _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(f"a{path.suffix}")[0] or "application/octet-stream"


def checksum(path: Path) -> str:
    """The file's SHA-256.

    Raises:
        FileError: it cannot be read.
    """
    with _opened(path) as file:
        return _checksum(file)


def send(api: Api, journal: Journal, path: Path, digest: str, preset: str | None = None) -> Sent:
    """Announce a file and send it.

    The Idempotency-Key is made of its name, content and preset: for a day, the stage gives the same image to the same
    file, even if the answer was lost and this machine knows nothing of it.

    Raises:
        FileError: the file cannot be read, or was changed meanwhile.
        ApiError: it was refused.
    """
    name = path.name.encode("utf-8", "replace").decode()
    with _opened(path) as file:
        before = os.fstat(file.fileno())
        try:
            announced = _announce(api, _Announced(name, media_type(path), before.st_size, digest, preset))
        except _HasArrivedError as arrived:
            journal.write(digest, arrived.image_id, path)
            return Sent(arrived.image_id, is_new=False)
        journal.write(digest, announced["imageId"], path)
        if _checksum(file) != digest:
            raise FileError("It was changed while it was read.", "FILE_CHANGED")
        file.seek(0)
        is_new = _put(api, announced["uploadUrl"], announced["headers"], file, before.st_size)
    return Sent(announced["imageId"], is_new)


class _HasArrivedError(Exception):
    def __init__(self, image_id: str) -> None:
        self.image_id = image_id


@dataclass(frozen=True)
class _Announced:
    name: str
    media_type: str
    size: int
    digest: str
    preset: str | None

    def key(self, deleted: int) -> str:
        """The Idempotency-Key after the image was deleted so often."""
        parts = [self.digest, self.name, str(deleted)] + ([] if self.preset is None else [self.preset])
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _announce(api: Api, file: _Announced) -> Answer:
    for deleted in range(_DELETED_TIMES):
        try:
            return api.call(
                "create_upload",
                idempotency_key=file.key(deleted),
                fileName=file.name,
                fileType=file.media_type,
                fileSize=file.size,
                singleUse=True,
                preset=file.preset,
            )
        except ApiError as error:
            if error.code == "ALREADY_UPLOADED" and error.details:
                raise _HasArrivedError(str(error.details[0]["message"])) from None
            # The image of that key was deleted: the file becomes a new one, under the next key.
            if error.code != "IMAGE_NOT_FOUND":
                raise
    raise FileError("It was sent and deleted too often today.", "DELETED_TOO_OFTEN")


def _put(api: Api, url: str, headers: dict[str, str], file: IO[bytes], size: int) -> bool:
    """Send the bytes; whether they were missing."""
    # Without a length, requests sends an empty file in chunks, and S3 takes none.
    data: IO[bytes] | bytes = file if size else b""
    response = api.transport.send("PUT", url, repeatable=True, headers=headers, data=data)
    if response.status_code == _WAS_THERE:
        return False
    if response.status_code >= 500:
        raise UnreachableError(f"The storage answered {response.status_code}.")
    if not response.ok:
        raise DarkroomError(f"The storage refused the file: {response.status_code}.")
    return True


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FileError(f"It cannot be read: {error.strerror}.") from None


def _checksum(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
