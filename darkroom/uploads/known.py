"""Which of the images that this machine has announced are there: a few are asked for, many found in the list."""

from collections.abc import Collection
from typing import Any

from darkroom.api import Api
from darkroom.errors import ApiError

_A_FEW = 10
_PAGE = 100

Images = dict[str, dict[str, Any]]


def find(api: Api, image_ids: Collection[str]) -> Images:
    """Those of the images that are there, by their ids. A page of the list costs as much as one image."""
    missing, found = set(image_ids), Images()
    if len(missing) > _A_FEW:
        # Not the whole of a long list, where most images are others.
        most = (len(missing) // _A_FEW + 1) * _PAGE
        for image in api.pages("list_images", most):
            if image["imageId"] in missing:
                missing.discard(image["imageId"])
                found[image["imageId"]] = image
            if not missing:
                break
    for image_id in missing:
        try:
            found[image_id] = api.call("get_image", imageId=image_id)["image"]
        except ApiError as error:
            if error.status != 404:
                raise
    return found
