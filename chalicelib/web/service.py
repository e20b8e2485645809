"""The pages of the API's documentation. A browser gets the files of `assets/` as they are: nothing builds them.

Their addresses are relative, because a deployed stage has its name in front of each path.
"""

from collections.abc import Mapping
from pathlib import Path

from chalicelib.core.errors import NotFoundError, raises
from chalicelib.core.http import responses
from chalicelib.core.http.responses import Response

_FOLDER = Path(__file__).parent / "assets"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Only these can be asked for: no path is ever made of what a request says.
_ASSETS = {path.name: path for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES}
_HEADERS: Mapping[str, str] = {
    # Nothing comes from elsewhere or goes there, nothing is inline, and no text becomes markup (trusted types).
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


def send_docs(path: str, headers: Mapping[str, str]) -> Response:
    """The page; a redirect for `/docs/`, which API Gateway takes for `/docs`, but whose relative addresses differ."""
    if path.endswith("/"):
        return responses.redirect("../docs")
    return _send(_FOLDER / "docs.html", "text/html; charset=utf-8", headers)


@raises(NotFoundError)
def send_asset(name: str, headers: Mapping[str, str]) -> Response:
    """A file that the page needs. Raises NotFoundError for any other name."""
    if name not in _ASSETS:
        raise NotFoundError
    path = _ASSETS[name]
    return _send(path, _MEDIA_TYPES[path.suffix], headers)


def _send(path: Path, media_type: str, headers: Mapping[str, str]) -> Response:
    return responses.file(path.read_text("utf-8"), media_type, headers.get("if-none-match", ""), _HEADERS)
