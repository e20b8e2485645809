"""The files of an image that stay when it is processed with another preset: those that would come out the same.

Each variant's row has the fingerprint of how it was made. Rows of before have none, and their files are made again.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib import imaging
from chalicelib.images.models import Image, Variant
from chalicelib.imaging import Recipe

FIELD = "former"
"""In the input of an execution that may keep files: the variants that the image has."""

Files = dict[tuple[str, str], dict[str, Any]]
"""Variants by the names of their size and format."""


def former_files(image: Image) -> dict[str, Any]:
    """What an execution needs to know to keep files of the image."""
    return {FIELD: [each.to_item() for each in image.variants], "placeholder": image.placeholder}


def same_files(step: Mapping[str, Any], recipe: Recipe, *, watermarked: bool) -> Files:
    """The former variants that the recipe makes too, of those that are watermarked, or are not."""
    if not step.get(FIELD):
        return {}
    wanted = {
        (size.name, format_): recipe.file_fingerprint(size, format_, watermarked=watermarked)
        for size in recipe.sizes
        for format_ in formats(step, recipe)
    }
    former = [Variant.from_item(each) for each in step[FIELD]]
    return {
        (each.size, each.format): each.to_item()
        for each in former
        if each.watermarked == watermarked and each.recipe == wanted.get((each.size, each.format), "")
    }


def formats(step: Mapping[str, Any], recipe: Recipe) -> tuple[str, ...]:
    """The formats of the image's variants."""
    found = step["imageMetadata"]
    return imaging.output_formats(recipe, found["format"], found.get("frames", 1))
