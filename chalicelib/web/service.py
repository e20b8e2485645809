"""The page and the pages of the API's documentation, which a browser gets without the comments in their files.

Nothing else is done to the files, and nothing builds them; comments are a sixth of their bytes. Their addresses are
relative, because a deployed stage has its name in front of each path. The addresses of what a page loads hold the
version of all files together, so browsers keep them for good, and a new version has new addresses.
"""

import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.core.errors import NotFoundError, raises
from chalicelib.core.http import responses
from chalicelib.core.http.responses import Response
from chalicelib.core.settings import Settings

_FOLDER = Path(__file__).parent / "assets"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing is inline, and no text becomes markup (trusted types). `{pictures}` and `{hosts}` are further sources.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{pictures}; connect-src 'self'{hosts}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY.format(pictures="", hosts=""),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
# Our scripts and styles have comments in lines of their own.
_COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/[ \t]*|//[^\n]*)$", re.DOTALL | re.MULTILINE)
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}


@required_env_vars({"S3_INPUT_BUCKET": [S3Operation.PUT_OBJECT], "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT]})
def send_page(path: str, headers: Mapping[str, str]) -> Response:
    """The page; a redirect where the stage's name lacks the slash that the page's relative addresses start from."""
    if not path.endswith("/"):
        return responses.redirect(f"{path.rpartition('/')[2]}/")
    # Pictures that are chosen are shown from memory, placeholders are data; files are sent to and read from S3.
    hosts = "".join(f" {origin}" for origin in _bucket_origins())
    policy = _POLICY.format(pictures=f" blob: data:{hosts}", hosts=hosts)
    return _send_html("app/index.html", headers, {"Content-Security-Policy": policy})


def send_docs(path: str, headers: Mapping[str, str]) -> Response:
    """The page; a redirect for `/docs/`, which API Gateway takes for `/docs`, but whose relative addresses differ."""
    if path.endswith("/"):
        return responses.redirect("../docs")
    return _send_html("docs/index.html", headers, {})


@raises(NotFoundError)
def send_asset(version: str, folder: str, name: str, headers: Mapping[str, str]) -> Response:
    """A file that a page needs. Raises NotFoundError for any other name, and for another version than the present."""
    path = _assets().get(f"{folder}/{name}")
    if path is None or version != _version():
        raise NotFoundError
    return _send(_content(path), _MEDIA_TYPES[path.suffix], headers, _FOR_GOOD)


@functools.cache
def _content(path: Path) -> str:
    """What is sent of a file. Lines keep their numbers, which errors in browsers name. Of a library all is sent."""
    text = path.read_text("utf-8")
    return text if path.parent.name == "vendor" else _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


@functools.cache
def _assets() -> dict[str, Path]:
    """The files that can be asked for, by folder and name: no path is ever made of what a request says.

    Read when the first one is asked for: every function imports this module, and only the API sends files.
    """
    paths = sorted(_FOLDER.glob("*/*"))
    return {f"{path.parent.name}/{path.name}": path for path in paths if path.suffix in _MEDIA_TYPES}


@functools.cache
def _version() -> str:
    """What the files hold, as 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, path in _assets().items():
        content = path.read_bytes()
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def _bucket_origins() -> list[str]:
    """Where the page sends photos to and reads files from."""
    uploads = objects.origin(Settings.S3_INPUT_BUCKET.get(), "uploads/file", "put_object")
    files = objects.origin(Settings.S3_OUTPUT_BUCKET.get(), "processed/file", "get_object")
    return sorted({uploads, files})


def _send_html(name: str, request: Mapping[str, str], extra: Mapping[str, str]) -> Response:
    html = (_FOLDER / name).read_text("utf-8").replace('"assets/', f'"assets/{_version()}/')
    return _send(html, "text/html; charset=utf-8", request, extra)


def _send(content: str, media_type: str, request: Mapping[str, str], extra: Mapping[str, str]) -> Response:
    return responses.file(content, media_type, request.get("if-none-match", ""), {**_HEADERS, **extra})
