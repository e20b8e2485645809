"""Encodes the pictures of `tests/heif/streams.py`, and prints that module.

    uv run --with pillow-heif --with Pillow python -m tests.heif.encode > streams.py

HEVC has no free encoder beside x265, which is under the GPL and 23 MB: so it is used once, here, and is no dependency.
"""

import base64
import io
from importlib import import_module
from textwrap import wrap

from PIL import Image

from chalicelib.imaging.probe.header import Budget
from chalicelib.imaging.probe.heif.items import read_items, top_boxes
from chalicelib.imaging.probe.heif.pictures import read_picture
from chalicelib.imaging.values import Limits
from tests import pictures

SIDE = 64
HEAD = '''"""Pictures of 64 x 64 pixels in HEVC, for the boxes of `tests/heif/files.py`. Made by `tests/heif/encode.py`.

Each is its configuration record and its data, in base64.
"""
'''


def main() -> None:
    colors = zip(("RED", "GREEN", "BLUE", "YELLOW"), pictures.CORNERS, strict=True)
    images = {name: Image.new("RGB", (SIDE, SIDE), color) for name, color in colors}
    images["PHOTO"] = pictures.photo(SIDE, SIDE)
    images["RAMP"] = Image.linear_gradient("L").resize((SIDE, SIDE))
    print(HEAD)
    for name, image in images.items():
        print(_assignment(name, *encode(image, quality=60)))
    deep = Image.linear_gradient("L").resize((SIDE, SIDE)).convert("I;16").point(lambda value: value * 257)
    print(_assignment("DEEP", *encode(deep, quality=60)))


def encode(image: Image.Image, **options: int) -> tuple[bytes, bytes]:
    """The configuration record and the data of a picture, without the encoder's own remarks."""
    import_module("pillow_heif").register_heif_opener()
    output = io.BytesIO()
    image.save(output, "HEIF", **options)
    data, limits = output.getvalue(), Limits()
    budget = Budget(limits, len(data))
    items = read_items(data, top_boxes(data, budget)[b"meta"], budget, limits.max_bytes)
    [coded] = read_picture(items, items.primary, budget).tiles
    return coded.config, coded.payload


def _assignment(name: str, *parts: bytes) -> str:
    lines = []
    for part in parts:
        lines += ["    (", *(f'        "{line}"' for line in wrap(base64.b64encode(part).decode(), 100)), "    ),"]
    return "\n".join([f"{name} = (", *lines, ")"])


if __name__ == "__main__":
    main()
