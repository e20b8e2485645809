"""Showing a picture to a model: one variant as bytes in the answer, and links to all of them."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core import clients
from chalicelib.core.agents import content
from chalicelib.core.agents.content import Block, Content
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, required_env_vars
from chalicelib.core.errors import ConflictError, raises
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings
from chalicelib.images.models import Image, ImageNotFoundError, Variant, get
from chalicelib.images.service import (
    ImageFailedError,
    ImageNotFinishedError,
    VariantNotFoundError,
    require_variants,
)

# In base64 that is 1.4 MB, and what a model reads of a picture has far fewer pixels.
MOST_BYTES = 1024 * 1024
# Models take JPEG, PNG and WebP; AVIF is shown where a variant has no other format.
_PREFERRED = ("jpeg", "png", "webp", "avif")


class VariantTooLargeError(ConflictError):
    """The variant is too large to be shown; the message names its size."""

    code = "VARIANT_TOO_LARGE"

    def __init__(self, variant: Variant, smaller: Sequence[str]) -> None:
        """`smaller` are the names of variants that can be shown."""
        super().__init__(f"{variant.name} has {variant.file_size:,} bytes; up to {MOST_BYTES:,} can be shown.")
        self.next_step = (
            f"Call view_image with one of these as variant: {', '.join(smaller)}."
            if smaller
            else "Call get_image for links to the files: all of them are too large."
        )


@required_env_vars(
    {"IMAGES_TABLE": [DynamoDBOperation.GET_ITEM], "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT]},
)
@raises(ImageNotFoundError, VariantNotFoundError, VariantTooLargeError, ImageFailedError, ImageNotFinishedError)
def view_image(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A variant of the user's image with its bytes in base64: the one that `variant` names, else the smallest.

    Raises:
        ImageNotFoundError, VariantNotFoundError: there is none.
        ImageFailedError, ImageNotFinishedError: the image has no variants.
        VariantTooLargeError: it has more than MOST_BYTES.
    """
    image = get(user.id, data["imageId"])
    variant = _choose(image, data.get("variant"))
    try:
        file = objects.read(Settings.S3_OUTPUT_BUCKET.get(), variant.s3_key)
    except clients.ClientError:
        # Deleted meanwhile: then it is not found.
        get(user.id, image.image_id)
        raise
    return {
        "imageId": image.image_id,
        "variant": variant.name,
        "dimensions": variant.dimensions,
        "fileSize": variant.file_size,
        "mimeType": _media_type(variant.format),
        "data": base64.b64encode(file).decode(),
    }


def _choose(image: Image, name: str | None) -> Variant:
    """The file to show: of the variant of that name, or of the one with the fewest pixels, plain before marked."""
    require_variants(image)
    fitting = [each for each in image.variants if each.file_size <= MOST_BYTES]
    named = [each for each in image.variants if name in (None, each.name)]
    if not named:
        raise VariantNotFoundError
    candidates = [each for each in named if each.file_size <= MOST_BYTES]
    if not candidates:
        raise VariantTooLargeError(min(named, key=_pixels), list(dict.fromkeys(each.name for each in fitting)))
    return min(candidates, key=lambda each: (_pixels(each), each.watermarked, _PREFERRED.index(each.format)))


def _pixels(variant: Variant) -> int:
    return math.prod(int(side) for side in variant.dimensions.split("x"))


def _media_type(name: str) -> str:
    """The media type of a format's name."""
    return f"image/{name}"


def show_picture(response: Mapping[str, Any]) -> Content:
    """The answer of `view_image` for a model: the picture as such, the rest as JSON."""
    about = {name: value for name, value in response.items() if name != "data"}
    return Content(about, (content.picture(response["data"], response["mimeType"]),))


def show_links(response: Mapping[str, Any]) -> Content:
    """An answer with an `image` for a model: JSON, and a link to the file of each variant."""
    return Content(response, tuple(_link(variant) for variant in response["image"].get("variants", ())))


def _link(variant: Mapping[str, Any]) -> Block:
    marked = ", watermarked" if variant["watermarked"] else ""
    about = f"{variant['dimensions']} pixels{marked}. Anyone who has the link can read the file, for an hour at most."
    name = f"{variant['name']}.{variant['format']}"
    return content.link(variant["url"], name, about, _media_type(variant["format"]), variant["fileSize"])
