"""Counts and measures pixels, for the inside of the guarded child."""

from PIL import Image, ImageFilter

from chalicelib.imaging.findings import MAX_COLORS

RGB = tuple[int, int, int]

# From this alpha on a pixel counts.
_VISIBLE = 128

# Enough pixels to find the main colors, and few enough for a loop.
_SAMPLE_SIDE = 128
_CANDIDATES = 16
# Black and white are 441 apart. Colors nearer than this look like shades of one.
_SAME_COLOR = 40
# A smaller share is mostly the blur that a lossy format leaves along edges.
_MIN_SHARE = 0.02

_LAPLACIAN = (0, 1, 0, 1, -4, 1, 0, 1, 0)


def has_transparency(image: Image.Image) -> bool:
    """Whether any pixel of an image, after `unify_mode`, is less than opaque."""
    if image.mode not in ("LA", "RGBA"):
        return False
    lowest, _highest = image.getchannel("A").getextrema()
    return isinstance(lowest, int) and lowest < 255


def histograms(image: Image.Image) -> list[list[int]]:
    """How often each of 256 values occurs in red, green, blue and luma, among visible pixels."""
    mask = image.getchannel("A").point(lambda alpha: 255 * (alpha >= _VISIBLE)) if image.mode == "RGBA" else None
    color = image.convert("RGB")
    bands = color.histogram(mask)
    return [bands[:256], bands[256:512], bands[512:], color.convert("L").histogram(mask)]


def dominant_colors(image: Image.Image) -> list[tuple[RGB, float]]:
    """Up to MAX_COLORS colors with their shares, the most common first."""
    # Pixels as they are: averages at edges would add colors that are not in the picture.
    sample = _sample_pixels(image)
    if not sample:
        return []
    row = Image.frombytes("RGB", (len(sample), 1), b"".join(sample))
    groups = _merge_similar(_palette(row))
    groups.sort(key=lambda group: (-group[1], group[0]))
    shares = [(color, count / len(sample)) for color, count in groups[:MAX_COLORS]]
    return [(color, share) for color, share in shares if share >= _MIN_SHARE]


def sharpness(gray: Image.Image) -> float:
    """Variance of the Laplacian of an image in mode L; 0 where it has no inside."""
    width, height = gray.size
    if width < 3 or height < 3:
        return 0.0
    # A filter's result is clipped to 0 to 255, so positive and negative values are filtered
    # separately; only the hardest edges exceed that. The outermost pixels are not filtered.
    inside = (1, 1, width - 1, height - 1)
    rises, falls = (
        gray.filter(ImageFilter.Kernel((3, 3), [sign * weight for weight in _LAPLACIAN], scale=1)).crop(inside)
        for sign in (1, -1)
    )
    pixels = (width - 2) * (height - 2)
    up, down = rises.histogram(), falls.histogram()
    mean = sum(value * (up[value] - down[value]) for value in range(256)) / pixels
    return sum(value * value * (up[value] + down[value]) for value in range(256)) / pixels - mean * mean


def _sample_pixels(image: Image.Image) -> list[bytes]:
    width, height = min(image.width, _SAMPLE_SIDE), min(image.height, _SAMPLE_SIDE)
    data = image.convert("RGBA").resize((width, height), Image.Resampling.NEAREST).tobytes()
    return [data[at : at + 3] for at in range(0, len(data), 4) if data[at + 3] >= _VISIBLE]


def _palette(row: Image.Image) -> list[tuple[RGB, int]]:
    """Representative colors, with the number of pixels that each stands for."""
    reduced = row.quantize(_CANDIDATES, Image.Quantize.MEDIANCUT, kmeans=1)
    values = reduced.getpalette() or []
    return [
        ((values[3 * index], values[3 * index + 1], values[3 * index + 2]), count)
        for index, count in enumerate(reduced.histogram())
        if count
    ]


def _merge_similar(colors: list[tuple[RGB, int]]) -> list[tuple[RGB, int]]:
    """The colors, with similar ones merged into the most common of them."""
    groups: list[tuple[RGB, int]] = []
    for color, count in sorted(colors, key=lambda each: (-each[1], each[0])):
        near = next((at for at, (main, _) in enumerate(groups) if _distance(color, main) < _SAME_COLOR), None)
        if near is None:
            groups.append((color, count))
        else:
            main, total = groups[near]
            groups[near] = main, total + count
    return groups


def _distance(one: RGB, other: RGB) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)
