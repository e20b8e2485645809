"""Uploads of many files in parallel, and what becomes of each of them."""

import queue
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.api import Api
from darkroom.errors import ApiError, DarkroomError, ExitCode
from darkroom.pool import Pool
from darkroom.uploads import known
from darkroom.uploads.journal import Journal
from darkroom.uploads.sending import FileError, Sent, checksum, send
from darkroom.waiting import FIRST_SECONDS, LONGEST_SECONDS

FINISHED = ("COMPLETED", "FAILED")
# With no image finished for this long, something is wrong at the stage.
_LONGEST_WAIT_SECONDS = 300
# With these the stage refuses every further file too.
_OF_ALL_FILES = (ExitCode.NOT_SIGNED_IN, ExitCode.NOT_ALLOWED, ExitCode.LIMIT, ExitCode.UNREACHABLE)


@dataclass
class File:
    """One file, and what became of it.

    `outcome`: "sent", "there" (it was there before), "same" (as another file of this run), "refused" by the stage,
    "failed" on this machine, or "" if it was not tried. `status` is that of its image.
    """

    path: Path
    sha256: str = ""
    outcome: str = ""
    image_id: str = ""
    status: str = ""
    reason: dict[str, str] | None = None

    def refuse(self, outcome: str, code: str, message: str) -> None:
        self.outcome, self.reason = outcome, {"code": code, "message": message}

    def document(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "sha256": self.sha256 or None,
            "outcome": self.outcome or "not tried",
            "imageId": self.image_id or None,
            "status": self.status or None,
            "reason": self.reason,
        }


@dataclass
class Upload:
    """The upload of files. `on_change` is called whenever there is something new to show.

    With a `preset`, an image that was made by another one does not count as there.
    """

    api: Api
    files: list[File]
    on_change: Callable[["Upload"], None]
    wait: bool = True
    parallel: int = 4
    preset: str | None = None
    # What ended the upload before all files were tried.
    error: DarkroomError | None = None
    _by_content: dict[str, File] = field(default_factory=dict)
    _last_news: float = 0.0

    def run(self) -> None:
        """Send what is not there, and follow the images until they are finished."""
        self._journal = Journal(self.api.url)
        self._pool = Pool(self.parallel, self._work, stop=self.api.transport.stop)
        with self._pool:
            try:
                self._send_all()
                if self.wait and self.error is None:
                    self._follow()
            except DarkroomError as error:
                self.error = error
            if self.error is not None:
                self.api.transport.stop.set()

    def counts(self) -> dict[str, int]:
        """How many files have each outcome."""
        found: dict[str, int] = {}
        for file in self.files:
            found[file.outcome] = found.get(file.outcome, 0) + 1
        return found

    @property
    def is_done(self) -> bool:
        """Whether every file is there, and its image is finished if that was waited for."""
        is_there = all(each.outcome in ("sent", "there", "same") for each in self.files)
        return self.error is None and is_there and not (self.wait and self.unfinished())

    def unfinished(self) -> list[File]:
        """The files whose images are not finished."""
        return [each for each in self.files if each.outcome in ("sent", "there") and each.status not in FINISHED]

    # ---- sending

    def _send_all(self) -> None:
        for file in self.files:
            self._pool.submit(file)
        left, announced = len(self.files), list[File]()
        while left and self.error is None:
            file, outcome = self._take()
            left -= 1
            if outcome is _ANNOUNCED_BEFORE:
                announced.append(file)
            # Only when all new files are on their way: what is known needs far fewer requests together.
            if not left and announced:
                gone, announced = self._look_up(announced), []
                for each in gone:
                    self._pool.submit(each)
                left = len(gone)

    def _take(self) -> tuple[File, object]:
        """The next file that a thread is done with."""
        while True:
            try:
                file, outcome = self._pool.results.get(timeout=0.2)
            except queue.Empty:
                self.on_change(self)
                continue
            if isinstance(outcome, BaseException):
                self._fail(file, outcome)
            self.on_change(self)
            return file, outcome

    def _work(self, file: File) -> object:
        """In a thread: what became of a file is in the file itself."""
        if not file.sha256:
            file.sha256 = checksum(file.path)
            # Of files with one content, the first one is sent.
            if self._by_content.setdefault(file.sha256, file) is not file:
                file.outcome = "same"
                return None
            if self._journal.images_of(file.sha256):
                return _ANNOUNCED_BEFORE
        sent = send(self.api, self._journal, file.path, file.sha256, self.preset)
        file.image_id, file.outcome = sent.image_id, _outcome(sent)
        return None

    def _look_up(self, announced: Iterable[File]) -> list[File]:
        """Note the files whose images are there; those whose images are gone, or never got their bytes."""
        of_files = {id(file): self._journal.images_of(file.sha256) for file in announced}
        there = known.find(self.api, {each for ids in of_files.values() for each in ids})
        gone = []
        for file in announced:
            images = [there[each] for each in of_files[id(file)] if each in there]
            arrived = [each for each in images if each["status"] != "PENDING" and self._is_wanted(each)]
            if arrived:
                file.outcome = "there"
                self._show(file, arrived[-1])
            else:
                gone.append(file)
        return gone

    def _is_wanted(self, image: dict[str, Any]) -> bool:
        return self.preset in (None, image["preset"])

    def _fail(self, file: File, error: BaseException) -> None:
        if isinstance(error, FileError):
            file.refuse("failed", error.code, str(error))
        elif isinstance(error, DarkroomError) and error.exit_code in _OF_ALL_FILES:
            self.error = error
        elif isinstance(error, ApiError):
            message = "; ".join(str(each.get("message")) for each in error.details) or str(error)
            file.refuse("refused", error.code, message)
        elif isinstance(error, DarkroomError):
            file.refuse("failed", error.code, str(error))
        else:
            raise error

    # ---- following

    def _follow(self) -> None:
        """Ask for the images that are not finished, together and less and less often."""
        pause, self._last_news = FIRST_SECONDS, time.monotonic()
        while missing := {file.image_id: file for file in self.unfinished()}:
            if time.monotonic() - self._last_news > _LONGEST_WAIT_SECONDS:
                return
            time.sleep(pause)
            pause = min(LONGEST_SECONDS, pause * 1.5)
            there = known.find(self.api, missing)
            for image_id, file in missing.items():
                if image_id in there:
                    self._show(file, there[image_id])
                else:
                    file.refuse("refused", "IMAGE_NOT_FOUND", "Its image was deleted meanwhile.")
            self.on_change(self)

    def _show(self, file: File, image: dict[str, Any]) -> None:
        file.image_id = image["imageId"]
        if file.status != image["status"]:
            file.status, self._last_news = image["status"], time.monotonic()
        if file.status == "FAILED":
            file.outcome, file.reason = "refused", image["reason"]


_ANNOUNCED_BEFORE = object()


def _outcome(sent: Sent) -> str:
    return "sent" if sent.is_new else "there"
