"""Documents as JSON text: with bytes, times and sets, which JSON lacks."""

import base64
import json
from datetime import datetime
from typing import Any

_BYTES, _TIME, _SET = "$bytes", "$time", "$set"


def encode(document: Any) -> str:
    """The text of a document; the same document always has the same text."""
    return json.dumps(document, default=_as_json, separators=(",", ":"), sort_keys=True)


def decode(text: str) -> Any:
    """The document of a text. Raises ValueError."""
    return json.loads(text, object_hook=_from_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    if isinstance(value, set):
        return {_SET: sorted(value)}
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _from_json(value: dict[str, Any]) -> Any:
    if len(value) != 1:
        return value
    ((name, content),) = value.items()
    # An attribute of a row may have such a name; its value is never a plain text or list.
    if name == _BYTES and isinstance(content, str):
        return base64.b64decode(content)
    if name == _TIME and isinstance(content, str):
        return datetime.fromisoformat(content)
    return set(content) if name == _SET and isinstance(content, list) else value
