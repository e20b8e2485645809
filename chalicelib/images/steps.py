"""The steps of an image's execution: validation, resize, watermark.

A step that fails raises: ImageRejectedError if the image is the cause; anything else is retried.

A step can be called by hand with no more than an image's ids and its key: `objectVersion`, `written`, `placeholder`
and the like may be missing. Without an `objectVersion`, the current version is read.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from chalicelib import external, imaging
from chalicelib.core import clients, log
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import Grants, S3Operation, required_env_vars
from chalicelib.core.image_values import OUTPUTS
from chalicelib.core.presets.values import DEFAULT
from chalicelib.core.settings import Settings
from chalicelib.images import presets, recipes, reuse
from chalicelib.images.models import Variant
from chalicelib.images.originals import decoding_limits, original
from chalicelib.images.states import variant_prefix
from chalicelib.imaging import ImageInfo, ImageRejectedError, Recipe, Rendition

Step = Mapping[str, Any]

# S3 takes tens of milliseconds for each object, and Lambda bills the waiting: all sizes wait at the same time.
_OBJECTS_AT_ONCE = 8
_STORE: Grants = {"S3_OUTPUT_BUCKET": [S3Operation.PUT_OBJECT, S3Operation.DELETE_OBJECTS]}

# A variant as the steps hand it on, and the object version that was written.
_Stored = tuple[dict[str, Any], dict[str, str]]


@required_env_vars(
    original,
    {"MAX_PIXELS": [], "ALLOWED_TYPES": [], "SCAN_COMMAND_URL": [], "VALIDATE_PIXELS": []},
)
def validate(step: Step) -> dict[str, Any]:
    """Adds `validationResult` and `imageMetadata`.

    Raises:
        ImageRejectedError: the file is not a picture that we take.
    """
    data = original(step["s3Key"], step.get("objectVersion"))
    _scan(data)
    info = imaging.check(data, step["fileType"], decoding_limits(), pixels=Settings.VALIDATE_PIXELS.get())
    return {**step, "validationResult": "valid", "imageMetadata": _metadata(info)}


def _metadata(info: ImageInfo) -> dict[str, Any]:
    return {
        "width": info.width,
        "height": info.height,
        "format": info.format,
        "colorSpace": info.color_space,
        "frames": info.frames,
    }


def _scan(data: bytes) -> None:
    """Asks the stage's virus scanner, if it has one, before the file is decoded. If that fails, the step fails."""
    url = Settings.SCAN_COMMAND_URL.get()
    if not url:
        return
    answer = external.post(url, data, {"Content-Type": "application/octet-stream"}, trusted=True)
    try:
        clean = json.loads(answer.body)["clean"]
    except (ValueError, KeyError, TypeError):
        clean = None
    if answer.status != 200 or not isinstance(clean, bool):
        raise external.ExternalServiceError("the scanner gave no verdict")
    if not clean:
        raise ImageRejectedError("infected")


@required_env_vars(
    original,
    _STORE,
    presets.find,
    {"MAX_PIXELS": [], "ALLOWED_TYPES": []},
)
def resize(step: Step) -> dict[str, Any]:
    """Adds `resizedImages`, the original in every size and format of its preset, and the `placeholder`.

    The placeholder's ThumbHash and dominant color go into `imageMetadata`, which the state machine writes as it is.
    Files that the image has already, and that would come out the same, are not made again.
    """
    recipe = _recipe(step)
    kept = reuse.same_files(step, recipe, watermarked=False)
    made = _render(step, recipe, kept)
    tiny = next((each for each in made if each.name == recipes.PLACEHOLDER.name), None)
    stored = _store_all(step, recipe, (each for each in made if each is not tiny))
    resized = {(each["size"], each["format"]): each for each in (*kept.values(), *(each for each, _ in stored))}
    order = [size.name for size in recipe.sizes]
    placeholder = step.get("placeholder") if tiny is None else _data_uri(tiny)
    return {
        **step,
        "imageMetadata": {**step.get("imageMetadata", {}), **_glimpse(placeholder)},
        "resizedImages": sorted(resized.values(), key=lambda each: order.index(each["size"])),
        "written": [written for _, written in stored],
        "placeholder": placeholder,
    }


def _recipe(step: Step) -> Recipe:
    """Without marks."""
    place = step.get("focalPoint")
    preset = presets.find(step.get(presets.FIELD, DEFAULT))
    return recipes.recipe(preset, None if place is None else (float(place[0]), float(place[1])))


def _render(step: Step, recipe: Recipe, kept: reuse.Files) -> list[Rendition]:
    """What is not kept; the placeholder of it all stands first in its size, and others of its size are left out."""
    if not kept:
        wanted = None
    else:
        formats = reuse.formats(step, recipe)
        wanted = {(size.name, each) for size in recipe.sizes for each in formats} - kept.keys()
        wanted -= {(recipes.PLACEHOLDER.name, each) for each in formats}
        if not wanted:
            return []
        wanted.add((recipes.PLACEHOLDER.name, formats[0]))
    renditions = imaging.render(original(step["s3Key"], step.get("objectVersion")), recipe, decoding_limits(), wanted)
    tiny = next(each for each in renditions if each.name == recipes.PLACEHOLDER.name)
    return [each for each in renditions if each is tiny or each.name != recipes.PLACEHOLDER.name]


def _data_uri(made: Rendition) -> str:
    return f"data:{made.media_type};base64,{base64.b64encode(made.data).decode()}"


def _glimpse(placeholder: str | None) -> dict[str, Any]:
    """What can be shown before even the placeholder is read; of a data URI that this step has made."""
    if not placeholder:
        return {}
    found = imaging.glimpse(base64.b64decode(placeholder.partition(",")[2]))
    return {"thumbHash": found.thumb_hash, "dominantColor": found.dominant_color}


@required_env_vars(
    _STORE,
    presets.find,
    {
        "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT],
        "WATERMARK_TEXT": [],
        "WATERMARK_FONT": [],
        "WATERMARK_COLOR": [],
        "WATERMARK_POSITION": [],
        "WATERMARK_OPACITY": [],
        "WATERMARK_IMAGE_KEY": [],
    },
)
def watermark(step: Step) -> dict[str, Any]:
    """Watermarks every resized image, if its preset has marks; adds the `record` that the state machine writes."""
    preset = presets.find(step.get(presets.FIELD, DEFAULT))
    recipe = replace(_recipe(step), marks=recipes.marks(preset))
    resized = [_as_variant(each) for each in step["resizedImages"]]
    marked, written = _mark_all(step, recipe, resized) if recipe.marks else ([], [])
    record = {
        "variants": [*resized, *marked],
        "metadata": step.get("imageMetadata"),
        "placeholder": step.get("placeholder"),
        "recipe": recipes.stored(preset, recipe),
    }
    return {
        **step,
        "written": [*step.get("written", ()), *written],
        "watermarkedImages": marked,
        # In DynamoDB's typed form: the state machine writes it, and the step needs no grant on the table.
        "record": {name: clients.marshal(value) for name, value in record.items()},
    }


def _mark_all(
    step: Step, recipe: Recipe, resized: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The watermarked variant of each resized image, and the object versions that were written."""
    kept = reuse.same_files(step, recipe, watermarked=True)
    to_mark = [each for each in resized if (each["size"], each["format"]) not in kept]
    stored = _store_all(step, recipe, _watermark_all(to_mark, recipe))
    marked = kept | {(each["size"], each["format"]): each for each, _ in stored}
    return [marked[each["size"], each["format"]] for each in resized], [written for _, written in stored]


def _as_variant(resized: Mapping[str, Any]) -> dict[str, Any]:
    """A resized image as the item of a Variant. Without a `format`, its key's extension tells the format."""
    extension = str(resized["s3Key"]).rpartition(".")[2]
    named = next((format_ for format_, (_, each) in OUTPUTS.items() if each == extension), extension)
    return Variant.from_item({"format": named, "watermarked": False, **resized}).to_item()


def _watermark_all(resized: Iterable[Mapping[str, Any]], recipe: Recipe) -> Iterator[Rendition]:
    """Each of them watermarked, in their order, while the next ones are read."""
    with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as threads:
        reading = [(each, threads.submit(log.keep_context(_read_variant), each["s3Key"])) for each in resized]
        for each, data in reading:
            yield _watermarked(each, data.result(), recipe)


def _read_variant(key: str) -> bytes:
    return objects.read(Settings.S3_OUTPUT_BUCKET.get(), key)


def _watermarked(resized: Mapping[str, Any], data: bytes, recipe: Recipe) -> Rendition:
    width, _, height = resized["dimensions"].partition("x")
    media_type, extension = OUTPUTS[resized["format"]]
    return Rendition(
        name=resized["size"],
        format=resized["format"],
        media_type=media_type,
        extension=extension,
        width=int(width),
        height=int(height),
        watermarked=True,
        data=imaging.mark(data, recipe.marks, resized.get("quality") or recipe.quality_of(resized["format"])),
        frames=resized.get("frames", 1),
        quality=resized.get("quality"),
    )


def _store_all(step: Step, recipe: Recipe, made: Iterable[Rendition]) -> list[_Stored]:
    """Writes the files, all or none: nothing else would remove the files of a step that failed."""
    writing: list[Future[_Stored]] = []
    try:
        # At the end of the block all writes have ended, even after an error.
        with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as threads:
            for each in made:
                writing.append(threads.submit(log.keep_context(_store), step, recipe, each))
        return [each.result() for each in writing]
    except Exception:
        written = [each.result()[1] for each in writing if each.exception() is None]
        objects.delete_after_failure(Settings.S3_OUTPUT_BUCKET.get(), written)
        raise


def _store(step: Step, recipe: Recipe, made: Rendition) -> _Stored:
    suffix = "-watermarked" if made.watermarked else ""
    files = variant_prefix(step["userId"], step["imageId"], step.get("execution"))
    key = f"{files}{made.name}{suffix}.{made.extension}"
    written = objects.write(Settings.S3_OUTPUT_BUCKET.get(), key, made.data, made.media_type)
    variant = Variant(
        size=made.name,
        dimensions=f"{made.width}x{made.height}",
        format=made.format,
        s3_key=key,
        file_size=len(made.data),
        watermarked=made.watermarked,
        frames=made.frames,
        quality=made.quality,
        recipe=_fingerprint(recipe, made),
    )
    return variant.to_item(), written


def _fingerprint(recipe: Recipe, made: Rendition) -> str | None:
    """None for a size that the preset no longer has: a step may be called by hand."""
    size = next((each for each in recipe.sizes if each.name == made.name), None)
    return None if size is None else recipe.file_fingerprint(size, made.format, watermarked=made.watermarked)
