"""Thumbnails of finished renditions, for documents that show many pictures."""

from __future__ import annotations

import io

from PIL import Image

from chalicelib.imaging.decode import decoding, opened
from chalicelib.imaging.encoding import on_white
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Transformed

# A rendition of more is not decoded: tens of milliseconds and 16 MB for what is shown as a stamp.
_MOST_PIXELS = 4_000_000
_QUALITY = 80
# What the resize may first average over, for each pixel of the result: no error is seen at this size.
_REDUCING_GAP = 2.0


def thumbnail(data: bytes, side: int) -> Transformed:
    """See `chalicelib.imaging.thumbnail`."""
    with decoding():
        image = opened(data, "JPEG", "PNG", "WEBP", "AVIF")
        if image.width * image.height > _MOST_PIXELS:
            raise ImageRejectedError("too_many_pixels")
        image.draft("RGB", (side, side))
        image.load()
        if image.mode not in ("RGB", "RGBA"):
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
        output = io.BytesIO()
        on_white(image).save(output, "JPEG", quality=_QUALITY)
    return Transformed(output.getvalue(), "jpeg", "image/jpeg", image.width, image.height, "jpg", is_first_frame=False)
