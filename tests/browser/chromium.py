"""Where a Chromium is on this machine: the system's own, or the one that an npm package of the tests carries."""

import os
import shutil
import sys
from pathlib import Path

from tests import node

HOW_TO_GET_IT = "no Chromium was found: install one (Debian: apt-get install chromium), or name it in CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find() -> str | None:
    """The path of its program; None if there is none."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if found := next(filter(None, map(shutil.which, _NAMES)), None):
        return found
    if sys.platform == "darwin":
        return str(_MAC) if _MAC.exists() else None
    try:
        return node.run("chromium_path.js").strip()
    except (AssertionError, OSError):
        return None
