"""What this machine has sent to a stage: the image of each content, by its SHA-256. It outlives sessions and Ctrl-C."""

import hashlib
import json
import os
import threading
from pathlib import Path

from darkroom import stages
from darkroom.errors import ConfigurationError


class Journal:
    """One file for each stage. Each line is written at once, so a command that is killed damages none before."""

    def __init__(self, url: str) -> None:
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._path = stages.folder() / "uploads" / f"{name}.jsonl"
        self._writing = threading.Lock()
        self._images: dict[str, list[str]] = {}
        self._read()

    def images_of(self, checksum: str) -> list[str]:
        """The ids of the images that were announced for a content, the newest last."""
        return self._images.get(checksum, [])

    def write(self, checksum: str, image_id: str, file: Path) -> None:
        """Note the image of a content, before its bytes are sent.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        line = {"sha256": checksum, "imageId": image_id, "file": str(file).encode("utf-8", "replace").decode()}
        with self._writing:
            if image_id in self._images.setdefault(checksum, []):
                return
            self._images[checksum].append(image_id)
            try:
                self._append(json.dumps(line, ensure_ascii=False) + "\n")
            except OSError as error:
                raise ConfigurationError(f"{self._path} cannot be written: {error.strerror}.") from None

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def _read(self) -> None:
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be read: {error.strerror}.") from None
        for line in lines:
            # A line that was cut off by a crash of the machine costs a request: its file is announced again.
            try:
                entry = json.loads(line)
                self._images.setdefault(entry["sha256"], []).append(entry["imageId"])
            except (ValueError, KeyError, TypeError):
                continue
