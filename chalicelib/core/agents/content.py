"""What a tool's response is for a model: JSON, and beside it pictures and links in the forms of the protocol.

Source: modelcontextprotocol.io/specification/2026-07-28, "Tools", "Tool Result".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """`structured` fits the tool's schema; `blocks` are shown after it."""

    structured: Mapping[str, Any]
    blocks: tuple[Block, ...] = ()


# From a tool's response, without `success`, to what a model gets of it.
Present = Callable[[Mapping[str, Any]], Content]


def picture(data: str, media_type: str) -> Block:
    """A picture; `data` is its base64."""
    return {"type": "image", "data": data, "mimeType": media_type}


def link(url: str, name: str, description: str, media_type: str, size: int) -> Block:
    """A link to a file of `size` bytes."""
    about = {"description": description, "mimeType": media_type, "size": size}
    return {"type": "resource_link", "uri": url, "name": name, **about}
