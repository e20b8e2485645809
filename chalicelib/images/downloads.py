"""Links that save a file instead of showing it: the original of an image or one of its variants.

A link is signed when somebody wants the file. Signing takes half a millisecond of CPU, and the twelve variants of an
image that is looked at, or polled, would have twelve of them for nothing.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.errors import raises
from chalicelib.core.http.operations import Caller
from chalicelib.core.image_values import MEDIA_TYPES, OUTPUTS
from chalicelib.core.settings import Settings
from chalicelib.images.models import EXTENSIONS, Image, ImageNotFoundError, Variant, get, output_link
from chalicelib.images.originals import original_link
from chalicelib.images.service import (
    ImageFailedError,
    ImageNotFinishedError,
    VariantNotFoundError,
    require_variants,
)
from chalicelib.images.states import OriginalGoneError

# File systems take names of 255 bytes: most scripts have three bytes a character, and a variant adds its own name.
_LONGEST_STEM = 70
# What a file's name must not have in Windows, macOS or Linux.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*]')
# Endings that people's files of a type have, beside the usual one.
_MORE_EXTENSIONS = {"image/jpeg": {"jpeg", "jpe", "jfif"}}


@required_env_vars(original_link, output_link, {"IMAGES_TABLE": [DynamoDBOperation.GET_ITEM]})
@raises(ImageNotFoundError, VariantNotFoundError, ImageFailedError, ImageNotFinishedError, OriginalGoneError)
def get_download(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A link that saves the original, or the variant that `variant` names (in `format`, else in its first one).

    The original is given only of an image that has variants: it was decoded, so it is a picture. Nothing else that
    somebody sends to the bucket can be passed on from here.

    Raises:
        ImageNotFoundError, VariantNotFoundError: there is none.
        ImageFailedError, ImageNotFinishedError: the image has no variants.
        OriginalGoneError: the original was removed.
    """
    image = get(user.id, data["imageId"])
    require_variants(image)
    if "variant" in data:
        variant = _choose(image, data["variant"], data.get("format"))
        name, size = _variant_name(image, variant), variant.file_size
        url = output_link(variant.s3_key, name)
    elif image.original_gone:
        raise OriginalGoneError
    else:
        name, size = _original_name(image), image.file_size or 0
        url = original_link(image, name)
    return {"url": url, "fileName": name, "fileSize": size, "expiresIn": Settings.LINK_EXPIRY_SECONDS.get()}


def _choose(image: Image, name: str, format_: str | None) -> Variant:
    for variant in image.variants:
        if variant.name == name and format_ in (None, variant.format):
            return variant
    raise VariantNotFoundError


def _variant_name(image: Image, variant: Variant) -> str:
    """The name of the original, then that of the variant: `holiday-medium.jpg`."""
    name = _clean(image.file_name)
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    return f"{stem[:_LONGEST_STEM] or image.image_id}-{variant.name}.{OUTPUTS[variant.format][1]}"


def _original_name(image: Image) -> str:
    """The name that the image was announced with. It ends as files of its type do, so that it opens as a picture."""
    name = _clean(image.file_name)
    media_type = MEDIA_TYPES.get(str(image.metadata.get("format")).upper(), image.file_type)
    usual = EXTENSIONS[media_type]
    stem, _, extension = name.rpartition(".")
    if extension.lower() not in {usual, *_MORE_EXTENSIONS.get(media_type, ())}:
        stem, extension = name, usual
    return f"{stem[:_LONGEST_STEM] or image.image_id}.{extension}"


def _clean(name: str) -> str:
    """Without what a file's name cannot have, and without characters that hide how it ends (U+202E and the like)."""
    visible = "".join(each for each in unicodedata.normalize("NFC", name) if unicodedata.category(each)[0] != "C")
    return _NOT_IN_NAMES.sub("_", visible).strip(" .")
