"""What the files' routes take and answer."""

from chalicelib.core.http.operations import Answer
from chalicelib.core.schemas import TEXT, Schema, shape, text

_WORD = r"[a-z][a-z_]{0,40}"
ASSET = shape(
    {
        "version": text(
            "The version of all files together.", "3f6b2a9c41d7e805", pattern="^[0-9a-f]{16}$", maxLength=16
        ),
        "folder": text("The file's folder.", "app", pattern=f"^{_WORD}$", maxLength=41),
        "name": text("The file's name.", "start.js", pattern=rf"^{_WORD}\.[a-z]{{2,4}}$", maxLength=46),
    }
)


def file_answers(
    description: str, schema: Schema, caching: str, media_type: str = "application/json"
) -> tuple[Answer, ...]:
    """The answers of a route that sends a file; `caching` says how long it may be kept."""
    headers = {
        "ETag": {"type": "string", "description": "The content's version, for `If-None-Match`."},
        "Cache-Control": {"type": "string", "description": caching},
    }
    return (
        Answer(200, description, schema, headers, media_type),
        Answer(304, "You have it already: it is the one that `If-None-Match` names.", headers=headers),
    )


_CACHING = "It may be kept, and is asked for again before each use."
_FOR_GOOD = "It may be kept for good: a new version has another address."
PAGE = (
    *file_answers("The page.", {**TEXT, "examples": ["<!doctype html>"]}, _CACHING, "text/html"),
    Answer(
        308,
        "For the name of a stage without a slash behind it: the page is there.",
        headers={"Location": {**TEXT, "description": "The stage's name with a slash, like `prod/`."}},
    ),
)
DOCS = (
    *file_answers("The page.", {**TEXT, "examples": ["<!doctype html>"]}, _CACHING, "text/html"),
    Answer(308, "For `/docs/`: the page is at `/docs`.", headers={"Location": {**TEXT, "description": "`../docs`."}}),
)
FILE = file_answers("The file, in a type of its own.", {**TEXT, "examples": ["body { margin: 0; }"]}, _FOR_GOOD, "*/*")
