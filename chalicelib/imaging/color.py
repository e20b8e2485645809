"""The steps about color: which pixels are transparent, and which sRGB color the samples mean."""

import io
from functools import reduce

from PIL import Image, ImageChops, ImageCms

from chalicelib.imaging import profiles
from chalicelib.imaging.decode import open_image
from chalicelib.imaging.probe.header import Box, Header
from chalicelib.imaging.work import Work

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

_TRANSPARENT = (0, 0, 0, 0)

# Of RGB with 16 bits Pillow keeps the upper byte of each sample. Read in the other byte order,
# it keeps the lower one.
_LOWER_BYTES = "RGB;16L"


def unify_mode(work: Work) -> None:
    """Brings the planes into a mode that can be resized: L, LA, RGB, RGBA, YCbCr or CMYK.

    What a PNG's transparent color names, or what the first frame leaves empty, becomes transparent.
    """
    work.planes = tuple(plane._replace(image=_unify(plane.image, work.data, work.header)) for plane in work.planes)


def to_srgb(work: Work) -> None:
    """Converts to sRGB, in mode RGB or RGBA; YCbCr only stays where `work.keeps_ycc`."""
    image = work.image
    if image.mode == "YCbCr" and not work.keeps_ycc:
        image = image.convert("RGB")
    if work.header.profile is not None:
        image = _convert(image, work.header.profile)
    if image.mode not in ("RGB", "RGBA", "YCbCr"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    work.image = image


def drop_metadata(work: Work) -> None:
    """Savers would write some of it into their files."""
    work.image.info.clear()


def _unify(image: Image.Image, data: bytes, header: Header) -> Image.Image:
    mask = _transparent_color_mask(image, data, header) if header.transparent_color else None
    image = _to_resizable(image, header)
    if mask:
        image.putalpha(ImageChops.invert(mask))
    return _clear_outside(image, header.frame_box) if header.frame_box else image


def _to_resizable(image: Image.Image, header: Header) -> Image.Image:
    if image.mode.startswith("I"):
        # Gray of 16 bits. Converting alone would cut all above 255 to white.
        return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("RGB", "RGBA") and header.space == "Gray":
        # Some gray is decoded to color (of 16 bits with alpha in a PNG, any in an AVIF), which no gray profile fits.
        return image.convert("LA" if image.mode == "RGBA" else "L")
    if image.mode in ("LA", "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "YCbCr", "CMYK") else image.convert("RGB")


def _transparent_color_mask(image: Image.Image, data: bytes, header: Header) -> Image.Image:
    """A mask of the pixels whose samples, as they are stored, are the transparent color."""
    color = header.transparent_color
    if header.depth < 16:
        bands = (image.convert("L") if image.mode == "1" else image).split()
        values = [sample * 255 // (2**header.depth - 1) for sample in color]
    else:
        upper, lower = _upper_and_lower_bytes(image, data, header)
        bands, values = upper + lower, [sample >> 8 for sample in color] + [sample & 255 for sample in color]
    masks = (
        band.point([255 * (value == wanted) for value in range(256)])
        for band, wanted in zip(bands, values, strict=True)
    )
    return reduce(ImageChops.darker, masks)


def _upper_and_lower_bytes(image: Image.Image, data: bytes, header: Header) -> tuple[tuple[Image.Image, ...], ...]:
    """The upper bytes of samples of 16 bits, band by band, and the lower ones."""
    if image.mode == "RGB":
        again = open_image(data, header.format)
        again.tile = [tile._replace(args=_LOWER_BYTES) for tile in again.tile]
        again.load()
        return image.split(), again.split()
    stored = image.tobytes("raw", "I;16")
    upper, lower = (Image.frombytes("L", image.size, stored, "raw", order) for order in ("L;16", "L;16B"))
    return (upper,), (lower,)


def _clear_outside(image: Image.Image, box: Box) -> Image.Image:
    """The image, transparent outside of the box."""
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    left, top, right, bottom = box
    width, height = image.size
    edges = [(0, 0, width, top), (0, bottom, width, height), (0, top, left, bottom), (right, top, width, bottom)]
    for edge in edges:
        image.paste(_TRANSPARENT, edge)
    return image


def _convert(image: Image.Image, profile: bytes) -> Image.Image:
    if profiles.space(profile) == "RGB" and image.mode in ("L", "LA"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    if image.mode == "LA":
        # Little CMS, as Pillow uses it, knows no gray with alpha.
        gray, alpha = image.split()
        converted = _apply_profile(gray, profile)
        converted.putalpha(alpha)
        return converted
    return _apply_profile(image, profile)


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
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
        # A damaged profile is ignored: the picture itself is sound.
        return image
    return converted or image
