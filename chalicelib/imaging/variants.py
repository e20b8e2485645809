"""The sizes and formats: one decode of the original serves them all.

Everything that costs time in proportion to the original (decoding, the first shrink) is done
once; rotation and color conversion come after it, when there is less to rotate and convert.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib import import_module
from typing import BinaryIO

from PIL import Image, ImageCms

from chalicelib.imaging import metadata, watermark
from chalicelib.imaging.decode import decoding, guarded, is_vast, opened
from chalicelib.imaging.header import Header
from chalicelib.imaging.probe import color_space, probe, upright
from chalicelib.imaging.values import OUTPUTS, Limits, Recipe, Rendition, Size

_Dimensions = tuple[int, int]

_LANCZOS = Image.Resampling.LANCZOS
# Before LANCZOS, averages whole blocks of pixels as far as that leaves it 1 % to do: three
# times faster, and no difference that one can see or measure (SSIM within 0.0005).
_REDUCING_GAP = 1.01

# EXIF orientation → what turns the stored picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Mode of an image → what its profile must describe to be of use.
_MODE_SPACES = {"RGB": "RGB", "RGBA": "RGB", "L": "Gray", "CMYK": "CMYK"}

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@dataclass(frozen=True)
class _Print:
    """One file to make. Sizes that come out equal share it."""

    dimensions: _Dimensions
    marked: bool
    format: str


def render(data: bytes, recipe: Recipe, limits: Limits) -> list[Rendition]:
    """Every rendition that `recipe` asks for; see `chalicelib.imaging.render`."""
    header = probe(data, "", limits)
    _prepare(header, recipe)
    picture = header.picture(data)
    files = guarded(lambda output: write_prints(picture, header, recipe, limits, output), limits)
    made = dict(zip(_prints(header, recipe), files, strict=True))
    return [
        _rendition(size, one, made[one])
        for size in recipe.sizes
        for one in _prints_of(fitted(upright(header), size), recipe)
    ]


def write_prints(picture: bytes, header: Header, recipe: Recipe, limits: Limits, output: BinaryIO) -> list[int]:
    """Makes all files of `recipe` and writes them to `output`; returns their lengths.

    Without any guard: for the inside of the child. Raises ImageRejectedError.
    """
    with decoding(is_vast=is_vast(header, limits)):
        image = _base(picture, header, recipe)
    lengths = []
    for dimensions in _all_dimensions(header, recipe):
        image = _shrunk(image, dimensions)
        marked = _marked(image, recipe)
        for one in _prints_of(dimensions, recipe):
            start = output.tell()
            _encode(marked if one.marked else image, one.format, recipe.quality, output)
            lengths.append(output.tell() - start)
    return lengths


def fitted(dimensions: _Dimensions, box: Size) -> _Dimensions:
    """The largest dimensions of the same proportions inside `box`; never enlarged, never 0."""
    width, height = dimensions
    scale = min(1.0, box.width / width, box.height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _prepare(header: Header, recipe: Recipe) -> None:
    """Does in the parent, where it lasts, what every child would have to do again."""
    if "avif" in recipe.formats:
        # By far the largest codec: not loaded for those who never use it.
        import_module("PIL.AvifImagePlugin")
    if recipe.mark:
        for dimensions in _all_dimensions(header, recipe):
            watermark.place(recipe.mark, dimensions)


def _all_dimensions(header: Header, recipe: Recipe) -> list[_Dimensions]:
    """The dimensions to make, each once, the largest first."""
    return sorted({fitted(upright(header), size) for size in recipe.sizes}, reverse=True)


def _prints(header: Header, recipe: Recipe) -> list[_Print]:
    """The files to make, in the order in which they are written."""
    dimensions = _all_dimensions(header, recipe)
    return [one for each in dimensions for one in _prints_of(each, recipe)]


def _prints_of(dimensions: _Dimensions, recipe: Recipe) -> list[_Print]:
    kinds = (False, True) if recipe.mark else (False,)
    return [_Print(dimensions, marked, form) for marked in kinds for form in recipe.formats]


def _rendition(size: Size, one: _Print, data: bytes) -> Rendition:
    media_type, extension = OUTPUTS[one.format]
    width, height = one.dimensions
    return Rendition(size.name, one.format, media_type, extension, width, height, one.marked, data)


def _base(picture: bytes, header: Header, recipe: Recipe) -> Image.Image:
    """The picture in the largest dimensions asked for: upright, in sRGB (or YCbCr of it)."""
    width, height = _all_dimensions(header, recipe)[0]
    stored = (height, width) if header.orientation >= 5 else (width, height)
    image = opened(picture, header.format)
    if header.format == "JPEG":
        _draft(image, header, stored, keep_ycc="jpeg" in recipe.formats)
    image.load()
    image = _shrunk(_plain(image), stored)
    if header.orientation in _TURNS:
        image = image.transpose(_TURNS[header.orientation])
    image = _in_srgb(image, header)
    # Savers write some of what they find here into their files.
    image.info.clear()
    return image


def _draft(image: Image.Image, header: Header, target: _Dimensions, keep_ycc: bool) -> None:
    """Has libjpeg decode at 1/8, 1/4 or 1/2, as long as that is no smaller than `target`.

    YCbCr is handed through as it is stored where nothing needs RGB: the encoder wants YCbCr.
    """
    mode = "YCbCr" if keep_ycc and header.is_ycc and not _has_foreign_profile(header) else None
    for scale in (8, 4, 2):
        # Libjpeg rounds up.
        if -(-header.width // scale) >= target[0] and -(-header.height // scale) >= target[1]:
            image.draft(mode, (max(1, header.width // scale), max(1, header.height // scale)))
            return
    image.draft(mode, image.size)


def _plain(image: Image.Image) -> Image.Image:
    """The image in a mode that can be shrunk: L, RGB, RGBA, YCbCr or CMYK."""
    if image.mode.startswith("I"):
        # Gray of 16 bits. Converting alone would cut all above 255 to white.
        return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode == "1":
        image = image.convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "YCbCr", "CMYK"):
        return image
    return image.convert("RGB")


def _shrunk(image: Image.Image, dimensions: _Dimensions) -> Image.Image:
    if image.size == dimensions:
        return image
    if image.mode == "RGBA":
        # Premultiplied, or the color of what is clear would bleed into its edges.
        clear = image.convert("RGBa")
        return clear.resize(dimensions, _LANCZOS, reducing_gap=_REDUCING_GAP).convert("RGBA")
    return image.resize(dimensions, _LANCZOS, reducing_gap=_REDUCING_GAP)


def _has_foreign_profile(header: Header) -> bool:
    """Whether there is a profile for these samples that is not sRGB."""
    profile = header.profile
    if profile is None or metadata.profile_space(profile) != header.space:
        return False
    return color_space(header) != "sRGB"


def _in_srgb(image: Image.Image, header: Header) -> Image.Image:
    if _has_foreign_profile(header) and _MODE_SPACES.get(image.mode) == header.space:
        image = _converted(image, header.profile or b"")
    if image.mode in ("RGB", "RGBA", "YCbCr"):
        return image
    return image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        # A damaged profile says nothing, which is no reason to refuse a sound picture.
        return image
    return converted or image


def _marked(image: Image.Image, recipe: Recipe) -> Image.Image:
    if recipe.mark is None:
        return image
    marked = image.copy()
    watermark.stamp(marked, recipe.mark)
    return marked


def _encode(image: Image.Image, form: str, quality: int, output: BinaryIO) -> None:
    if form == "jpeg":
        # Chroma at half the resolution: a third fewer bytes than without, and unseen at
        # this quality.
        _opaque(image).save(output, "JPEG", quality=quality, progressive=True, subsampling="4:2:0")
        return
    image = image.convert("RGB") if image.mode == "YCbCr" else image
    if form == "png":
        image.save(output, "PNG")
    else:
        image.save(output, form.upper(), quality=quality)


def _opaque(image: Image.Image) -> Image.Image:
    """The image on white, as JPEG knows no transparency."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground
