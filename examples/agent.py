"""An agent without a model: it sends a picture and gets the finished thumbnail back, by three calls of tools.

    DARKROOM_KEY=drk_… python agent.py PICTURE --to thumbnail.jpg

PICTURE is a file of up to 4 MiB or an https address. It needs `mcp`, the SDK of the Model Context Protocol for Python
(2.3 or newer), and an API key that opens `file_upload`. A model would choose these tools by itself, from their list.
"""

import argparse
import base64
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ImageContent, TextContent

# A wait takes up to 20 seconds, and the largest picture some seconds on a slow line.
SECONDS_A_CALL = 60


class ToolFailedError(Exception):
    """What a model would read: what is wrong, and what to do next."""


async def use(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise ToolFailedError(" ".join(part.text for part in result.content if isinstance(part, TextContent)))
    return result


async def thumbnail(client: Client, picture: str) -> bytes:
    """The smallest variant of a picture, which is a file's path or an address."""
    if picture.startswith("https://"):
        source = {"sourceUrl": picture}
    else:
        source = {"content": base64.b64encode(Path(picture).read_bytes()).decode(), "fileName": Path(picture).name}
    image_id = content_of(await use(client, "import_image", **source))["imageId"]
    print(f"import_image: {image_id}")
    while True:
        waited = content_of(await use(client, "wait_for_image", imageId=image_id))
        print(f"wait_for_image: {waited['image']['status']}")
        # A long wait ends early, so that no gateway cuts it off. Then it is called again.
        if waited["isFinished"]:
            break
    seen = await use(client, "view_image", imageId=image_id)
    [shown] = [part for part in seen.content if isinstance(part, ImageContent)]
    print(f"view_image: {shown.mime_type}, {content_of(seen)['dimensions']}")
    return base64.b64decode(shown.data)


def first_of(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def content_of(result: CallToolResult) -> dict[str, Any]:
    return dict(result.structured_content or {})


async def run(url: str, key: str, picture: str, output: Path) -> int:
    """Writes the thumbnail; the exit status."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS_A_CALL) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        try:
            output.write_bytes(await thumbnail(client, picture))
        except ToolFailedError as failed:
            print(failed, file=sys.stderr)
            return 1
    print(f"{output} is written")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture")
    parser.add_argument("--to", type=Path, default=Path("thumbnail.jpg"), help="where the thumbnail goes")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the API's address")
    options = parser.parse_args()
    key = os.environ.get("DARKROOM_KEY")
    if not key:
        sys.exit("Set DARKROOM_KEY.")
    if not options.picture.startswith("https://") and not Path(options.picture).is_file():
        sys.exit(f"There is no file {options.picture}.")
    try:
        return anyio.run(run, options.url, key, options.picture, options.to)
    except (MCPError, httpx2.HTTPError, ExceptionGroup) as error:
        # There is no server, or it does not take the key.
        sys.exit(f"{options.url}/mcp cannot be used with this key: {first_of(error)}")


if __name__ == "__main__":
    sys.exit(main())
