"""Pictures with seeded damage: a number gives the same bytes each time, so a failure is found again by its number."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from PIL import Image

from tests import pictures
from tests.heif import files

# Numbers at which readers go wrong: nothing, everything, and the steps over signs and sizes.
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_SIZES = (1, 2, 4, 8)
# Most damage goes to the headers, which are short.
_HEADER = 400
_MOST_PIECES = 6


@cache
def corpus() -> dict[str, bytes]:
    """A small good picture of each kind, by its name. Of small ones a random place often falls into the structure."""
    made = {
        "jpeg, turned": pictures.oriented_jpeg(6),
        "jpeg, progressive": pictures.jpeg(48, 32, progressive=True),
        "jpeg, profile": pictures.jpeg(48, 32, icc_profile=pictures.adobe_rgb_profile()),
        "jpeg, cmyk": pictures.cmyk_jpeg(pictures.photo(48, 32)),
        "jpeg, no end": pictures.jpeg(48, 32)[:-2],
        "mpo": pictures.mpo(),
        "ultra hdr": pictures.ultra_hdr_jpeg(),
        "motion photo": pictures.motion_photo_jpeg(),
        "png, alpha": pictures.alpha_png(48, 32),
        "png, interlaced": pictures.interlaced_png(),
        "png, colors": colored_png(),
        "apng": pictures.apng(3),
        "gif": pictures.gif(3, 48, 32),
        "gif, bare": pictures.bare_gif(),
        "webp": pictures.webp(),
        "webp, alpha": pictures.alpha_webp(),
        "webp, animated": pictures.animated_webp(3),
        "webp, bare": pictures.bare_webp(),
        "avif": pictures.avif(pictures.photo(48, 32), icc_profile=pictures.adobe_rgb_profile()),
        "avif, alpha": pictures.avif(pictures.photo(48, 32).convert("RGBA"), exif=_turned()),
        "avif, animated": pictures.avif(
            pictures.photo(48, 32), save_all=True, append_images=[pictures.corners(48, 32), pictures.photo(48, 32)]
        ),
    }
    return made | {f"heic {number}": data for number, data in enumerate(files.samples(), 1)}


def mutant(number: int) -> tuple[str, bytes]:
    """Picture `number`: the name of what it was made of, and its bytes."""
    # Not for secrets: the same numbers must come each time.
    chance = random.Random(number)
    names = list(corpus())
    name = names[number % len(names)]
    data = bytearray(corpus()[name])
    for _ in range(chance.randint(1, _MOST_PIECES)):
        if data:
            chance.choice(_DAMAGE)(data, chance)
    return name, bytes(data)


def colored_png() -> bytes:
    """With a transparent color of 16 bits, and three color chunks."""
    keyed = pictures.samples_png((1, 2, 3), (4, 5, 6), 16, trns=b"\0\1\0\2\0\3")
    chunks = (b"cICP", b"\x0c\x0d\0\1"), (b"gAMA", b"\0\1\x86\xa0"), (b"cHRM", bytes(32))
    return pictures.with_chunks(keyed, *chunks)


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 5
    return exif


# --- kinds of damage -----------------------------------------------------------------------


def _place(data: bytearray, chance: random.Random) -> int:
    reach = min(len(data), _HEADER) if chance.random() < 0.6 else len(data)
    return chance.randrange(reach)


def _flip_bit(data: bytearray, chance: random.Random) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _set_number(data: bytearray, chance: random.Random) -> None:
    at, size = _place(data, chance), chance.choice(_SIZES)
    number = (chance.choice(_NUMBERS) % (1 << 8 * size)).to_bytes(size, "big")
    data[at : at + size] = number if chance.random() < 0.5 else number[::-1]


def _change_number(data: bytearray, chance: random.Random) -> None:
    """A little more or less: sizes that are off by one."""
    at = _place(data, chance)
    data[at] = (data[at] + chance.choice((-2, -1, 1, 2))) % 256


def _drop(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randint(1, 16)]


def _insert(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = chance.randbytes(chance.randint(1, 16))


def _repeat(data: bytearray, chance: random.Random) -> None:
    at, size = _place(data, chance), chance.randint(1, 64)
    data[at:at] = data[at : at + size] * chance.randint(1, 8)


def _move(data: bytearray, chance: random.Random) -> None:
    source, target, size = _place(data, chance), _place(data, chance), chance.randint(1, 32)
    data[target : target + size] = data[source : source + size]


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _cross(data: bytearray, chance: random.Random) -> None:
    """The rest of another picture."""
    other = corpus()[chance.choice(list(corpus()))]
    data[_place(data, chance) :] = other[chance.randrange(len(other)) :]


_DAMAGE: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip_bit, _flip_bit, _set_number, _set_number, _change_number, _change_number, _drop, _insert, _repeat, _move,
    _cut, _cross,
)  # fmt: skip
