"""What is generated for the command line: its extract of the API's contract, and its manual."""

from pathlib import Path
from typing import Any

from chalicelib import web
from infra import command_line_contract
from infra.settings import ROOT

MANUAL = ROOT / "docs" / "command-line.md"


def write(app: Any) -> int:
    """Updates both files; how many of them were changed."""
    changed = _write(command_line_contract.DOCUMENT, command_line_contract.text(web.contract(app)))
    # Imported here, because the commands take their options from the file that was just written.
    from darkroom import manual

    return changed + _write(MANUAL, manual.text())


def _write(path: Path, new: str) -> bool:
    if path.exists() and path.read_text() == new:
        return False
    path.write_text(new)
    return True
