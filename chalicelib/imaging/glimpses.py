"""What can be shown of a picture before its first byte is there, made of a tiny rendition of it."""

import base64

from PIL import Image

from chalicelib.imaging import measures
from chalicelib.imaging.decode import decoding, load_rendition, open_rendition, to_rgb
from chalicelib.imaging.thumbhash import MAX_SIDE, thumbhash
from chalicelib.imaging.values import Glimpse


def glimpse(data: bytes) -> Glimpse:
    """See `chalicelib.imaging.glimpse`."""
    with decoding():
        image = open_rendition(data)
        image = to_rgb(load_rendition(image, "RGB", image.size))
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    colors = measures.dominant_colors(image)
    color = "#{:02x}{:02x}{:02x}".format(*colors[0][0]) if colors else None
    return Glimpse(base64.b64encode(thumbhash(image)).decode(), color)
