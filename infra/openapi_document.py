"""docs/openapi.json: the contract as `GET /openapi.json` serves it, generated from the manifest.

docs/openapi-released.json is what clients of the last release rely on: the contract without its words. A test compares
the two, and CHANGELOG.md names each change that breaks clients.
"""

import json
from pathlib import Path
from typing import Any

from chalicelib import web
from infra.contract_changes import reduced
from infra.settings import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
RELEASED = ROOT / "docs" / "openapi-released.json"


def text(app: Any) -> str:
    """The file's content for an application."""
    return json.dumps(web.contract(app), indent=2, ensure_ascii=False) + "\n"


def write(app: Any) -> bool:
    """Updates the file; whether it was changed."""
    return _write(DOCUMENT, text(app))


def write_released(app: Any) -> bool:
    """Makes the present contract the one of the last release; whether that was changed."""
    return _write(RELEASED, json.dumps(reduced(web.contract(app)), sort_keys=True, indent=1) + "\n")


def _write(path: Path, new: str) -> bool:
    if path.exists() and path.read_text() == new:
        return False
    path.write_text(new)
    return True
