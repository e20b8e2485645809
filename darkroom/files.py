"""Files that are downloaded: safe names, no half files, and nothing fetched twice."""

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from darkroom.api import Api
from darkroom.errors import ConfigurationError, DarkroomError, UnreachableError
from darkroom.pool import Pool

_CHUNK = 1 << 16
_PARALLEL = 4
_LONGEST_NAME = 150


@dataclass(frozen=True)
class Download:
    """A file to fetch: its link, its place and its size in bytes."""

    url: str
    path: Path
    size: int

    @property
    def is_there(self) -> bool:
        return self.path.is_file() and self.path.stat().st_size == self.size


def safe_name(name: str) -> str:
    """A file's name without what is not a name: names come from other people, and from other systems."""
    kept = re.sub(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]+', "_", name).strip(" .")
    return kept[:_LONGEST_NAME] or "file"


def fetch_all(api: Api, downloads: Iterable[Download], on_file: Callable[[Download], None]) -> None:
    """Fetch files, several at a time. A file that is there in its full size is left as it is.

    Raises:
        DarkroomError: the first error; files that are whole stay, so that the next run goes on.
    """
    missing = [each for each in downloads if not each.is_there]
    pool: Pool[Download, None] = Pool(_PARALLEL, lambda download: _fetch(api, download), stop=api.transport.stop)
    for each in missing:
        pool.submit(each)
    with pool:
        for _ in missing:
            download, outcome = pool.results.get()
            if isinstance(outcome, BaseException):
                raise outcome
            on_file(download)


def _fetch(api: Api, download: Download) -> None:
    # The thread is in the name, since two links may lead to one place.
    partial = download.path.with_name(f".{download.path.name}.{threading.get_ident()}.part")
    try:
        download.path.parent.mkdir(parents=True, exist_ok=True)
        with api.transport.send("GET", download.url, repeatable=True, stream=True) as response:
            _check(response, download)
            with partial.open("wb") as file:
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
        if partial.stat().st_size != download.size:
            raise UnreachableError(f"{download.path.name} came incomplete. Run the command again: it goes on.")
        partial.replace(download.path)
    except requests.RequestException:
        raise UnreachableError(
            f"{download.path.name}: the connection broke. Run the command again: it goes on."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{download.path} cannot be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)


def _check(response: requests.Response, download: Download) -> None:
    if response.status_code == 403:
        raise DarkroomError(f"{download.path.name}: its link has expired. Run the command again.")
    if not response.ok:
        raise DarkroomError(f"{download.path.name} could not be fetched: {response.status_code}.")


def of_action(action: dict[str, Any], folder: Path) -> list[Download]:
    """The files that an action made."""
    return [Download(each["url"], folder / safe_name(each["name"]), each["fileSize"]) for each in action["files"]]
