"""Version 0.1.0 of the project, from the Git history."""

import subprocess
import tarfile
from pathlib import Path

from tests.deploy.aws import ROOT

# The commit of release 0.1.0. A clone may lack the tag.
COMMIT = "b293bf52b24c0fcbfcb863e82c2302c683661310"


def unpack(folder: Path) -> Path:
    """Writes that version to a new folder; fails if the clone's history does not contain it."""
    if git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode != 0:
        raise AssertionError(
            f"This clone's history lacks {COMMIT}, which is version 0.1.0, so no upgrade from it can be tested. "
            f"A shallow clone fetches the rest by `git fetch --unshallow` (or `git fetch origin {COMMIT}`)."
        )
    folder.mkdir(parents=True)
    packed = folder.with_suffix(".tar")
    made = git("archive", f"--output={packed}", COMMIT)
    assert made.returncode == 0, made.stderr
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
