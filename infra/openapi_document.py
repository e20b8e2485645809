"""docs/openapi.json: the contract as `GET /openapi.json` serves it, generated from the manifest."""

import json
from typing import Any

from chalicelib import web
from infra.settings import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"


def text(app: Any) -> str:
    """The file's content for an application."""
    return json.dumps(web.contract(app), indent=2, ensure_ascii=False) + "\n"


def write(app: Any) -> bool:
    """Updates the file; whether it was changed."""
    new = text(app)
    if DOCUMENT.exists() and DOCUMENT.read_text() == new:
        return False
    DOCUMENT.write_text(new)
    return True
