"""Animations that stay animated: their frames, times and loops, their bounds, and their marks."""

from __future__ import annotations

import io
import struct
from itertools import pairwise

import pytest
from PIL import Image, ImageChops, ImageDraw

from chalicelib.imaging import Animation, ImageRejectedError, Mark, Recipe, Rendition, Size, mark, render
from tests import pictures
from tests.breadth import mostly_slow

WHOLE = Size("whole", 160, 120)
LIVELY = Recipe((WHOLE,), ("webp",), 95, animation=Animation())
_PALETTE = [255, 0, 255, 255, 0, 0, 0, 160, 0, 0, 0, 255, 255, 255, 0]


def gif(
    clears: int | list[int] = 2, count: int = 6, loop: int | None = 0, times: int | list[int] = 100, side: int = 20
) -> bytes:
    """A block that moves over a transparent ground."""
    frames = []
    for at in range(count):
        frame = Image.new("P", (160, 120), 0)
        frame.putpalette(_PALETTE + [0] * (768 - len(_PALETTE)))
        left = 10 + at * 22 % 120
        ImageDraw.Draw(frame).rectangle((left, 30 + at % 3 * 10, left + side, 80), fill=1 + at % 4)
        frames.append(frame)
    options = {} if loop is None else {"loop": loop}
    return pictures.encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=clears, duration=times, transparency=0,
        optimize=False, **options,
    )  # fmt: skip


def moving_webp(count: int = 4) -> bytes:
    frames = [Image.new("RGBA", (80, 60), (60 * at, 0, 0, 255 if at % 2 else 100)) for at in range(count)]
    return pictures.encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=[40, 80, 120, 700][:count], loop=3
    )


def frames_of(data: bytes) -> list[tuple[Image.Image, int]]:
    image = Image.open(io.BytesIO(data))
    found = []
    for at in range(getattr(image, "n_frames", 1)):
        image.seek(at)
        image.load()
        found.append((image.convert("RGBA"), int(image.info.get("duration", 0))))
    return found


def only(data: bytes, recipe: Recipe = LIVELY) -> Rendition:
    [rendition] = render(data, recipe)
    return rendition


def looks_like(one: Image.Image, other: Image.Image) -> bool:
    """The same shapes; lossy formats blur their edges."""
    grounds = [Image.new("RGBA", one.size, "black") for _ in range(2)]
    flat = [
        Image.alpha_composite(ground, image).convert("L") for ground, image in zip(grounds, (one, other), strict=True)
    ]
    strong = ImageChops.difference(*flat).point(lambda value: 255 * (value > 40))
    return strong.resize((16, 12), Image.Resampling.BOX).getextrema()[1] < 128  # type: ignore[operator]


@pytest.mark.parametrize("clears", mostly_slow([[1, 1, 2, 3, 1, 2], 0, 1, 2, 3], quick=2))
def test_each_frame_of_a_gif_is_what_a_browser_shows(clears: int | list[int]) -> None:
    data = gif(clears)
    ours, wanted = frames_of(only(data).data), frames_of(data)
    assert len(ours) == len(wanted) == 6
    # Pillow's reader is right where a GIF names a transparent color.
    for at, ((image, _), (expected, _)) in enumerate(zip(ours, wanted, strict=True)):
        assert looks_like(image, expected), f"frame {at}"
    assert not all(looks_like(one, other) for (one, _), (other, _) in pairwise(ours))


def test_what_is_cleared_becomes_transparent_without_a_transparent_color_too() -> None:
    """Pillow would fill it with the background color, which browsers ignore."""
    shown = frames_of(only(opaque_gif_that_clears()).data)
    [(first, _), (second, _)] = shown
    assert first.getpixel((30, 30))[3] == 255  # type: ignore[index]
    assert second.getpixel((5, 5))[3] == 255  # type: ignore[index]
    assert second.getpixel((30, 30))[3] == 0  # type: ignore[index]


def opaque_gif_that_clears() -> bytes:
    """A square of 40 pixels that is cleared, then one of 10; no color is transparent."""
    large, small = (Image.new("P", (side, side), 1) for side in (40, 10))
    large.putpalette(_PALETTE)
    small.putpalette(_PALETTE)
    one, two = (pictures.encoded(image, "GIF", optimize=False) for image in (large, small))
    head = one[: one.index(b"\x2c\0\0\0\0")]
    blocks = [data[data.index(b"\x2c\0\0\0\0") : -1] for data in (one, two)]
    control = b"\x21\xf9\x04" + bytes([2 << 2]) + struct.pack("<H", 10) + b"\0\0"
    return head + control + blocks[0] + control + blocks[1] + b"\x3b"


def test_times_are_kept_but_what_no_browser_shows_so_short() -> None:
    data = gif(times=[0, 10, 20, 500, 90, 1000])
    assert [milliseconds for _, milliseconds in frames_of(only(data).data)] == [100, 100, 20, 500, 90, 1000]


@pytest.mark.parametrize(("stored", "expected"), [(None, 1), (0, 0), (3, 4)])
def test_it_plays_as_often_as_in_a_browser(stored: int | None, expected: int) -> None:
    # A GIF says how often it is repeated, and a WebP how often it plays.
    assert Image.open(io.BytesIO(only(gif(loop=stored)).data)).info["loop"] == expected


def test_a_webp_keeps_its_frames_times_and_loops() -> None:
    data = moving_webp()
    made = only(data)
    ours, wanted = frames_of(made.data), frames_of(data)
    assert [time for _, time in ours] == [time for _, time in wanted] == [40, 80, 120, 700]
    assert Image.open(io.BytesIO(made.data)).info["loop"] == 3
    assert all(looks_like(one, other) for (one, _), (other, _) in zip(ours, wanted, strict=True))


def test_frames_go_into_each_size_as_a_still_does() -> None:
    sizes = (Size("cover", 50, 50, "cover"), Size("contain", 90, 90, "contain"), Size("inside", 80, 80))
    for one in render(gif(), Recipe(sizes, ("webp",), animation=Animation(), background="#FA0")):
        assert one.frames == 6
        assert {image.size for image, _ in frames_of(one.data)} == {(one.width, one.height)}
    [contain] = render(gif(), Recipe((sizes[1],), ("webp",), animation=Animation(), background="#FA0"))
    assert all(image.getpixel((45, 3))[0] > 240 for image, _ in frames_of(contain.data))  # type: ignore[index]


def test_frames_that_are_all_alike_are_one_picture_that_can_be_marked() -> None:
    frame = Image.new("RGBA", (160, 120), (200, 0, 0, 128))
    data = pictures.encoded(frame, "GIF", save_all=True, append_images=[frame, frame], duration=[50, 60, 70])
    made = only(data)
    assert made.frames == 1
    assert looks_like(frames_of(made.data)[0][0], frames_of(data)[0][0])
    assert mark(made.data, [Mark("Hi there")], 80) != made.data


def test_without_it_in_the_recipe_there_is_the_first_frame() -> None:
    still = Recipe((WHOLE,), ("webp", "same"))
    assert [(one.format, one.frames) for one in render(gif(), still)] == [("webp", 1), ("png", 1)]
    lively = Recipe((WHOLE,), ("same", "jpeg"), animation=Animation())
    assert [(one.format, one.frames) for one in render(gif(), lively)] == [("webp", 6), ("jpeg", 1)]
    assert [(one.format, one.frames) for one in render(pictures.gif(), lively)] == [("png", 1), ("jpeg", 1)]


@pytest.mark.parametrize("bound", [Animation(frames=5), Animation(seconds=0.5), Animation(pixels=6 * 160 * 120 - 1)])
def test_a_larger_animation_becomes_its_first_frame(bound: Animation) -> None:
    made = only(gif(), Recipe((WHOLE,), ("webp",), animation=bound))
    assert made.frames == 1
    assert len(frames_of(made.data)) == 1


def test_the_smallest_sizes_stay_animated_first() -> None:
    bound = Animation(pixels=6 * (40 * 30 + 80 * 60))
    recipe = Recipe((WHOLE, Size("half", 80, 60), Size("quarter", 40, 30)), ("webp",), animation=bound)
    assert {one.name: one.frames for one in render(gif(), recipe)} == {"whole": 1, "half": 6, "quarter": 6}


def test_marks_are_on_every_frame() -> None:
    recipe = Recipe((WHOLE,), ("webp",), 95, (Mark("Hi there", opacity=1.0),), animation=Animation())
    plain, marked = render(gif(), recipe)
    again = mark(plain.data, recipe.marks, 95)
    for data in (marked.data, again):
        pairs = zip(frames_of(plain.data), frames_of(data), strict=True)
        for (before, time), (after, time_after) in pairs:
            assert time == time_after
            box = ImageChops.difference(before.getchannel("A"), after.getchannel("A")).getbbox()
            assert box is not None
            assert box[1] > 90, "at the bottom"


def test_a_frame_that_cannot_be_decoded_makes_the_picture_a_damaged_one() -> None:
    data = bytearray(gif())
    at = data.rindex(b"\x2c")
    # The smallest code size of LZW, which no decoder knows.
    data[at + 10 if not data[at + 9] & 0x80 else at + 10 + (3 << ((data[at + 9] & 7) + 1))] = 200
    with pytest.raises(ImageRejectedError):
        render(bytes(data), LIVELY)
    assert only(bytes(data), Recipe((WHOLE,), ("webp",))).frames == 1, "the first frame is sound"


def test_what_costs_too_much_is_known_before_it_is_decoded() -> None:
    anything = Recipe((Size("a", 20, 20),), ("webp",), animation=Animation(frames=9999, seconds=9999))
    assert only(gif(count=600), anything).frames == 600
    assert only(gif(count=1_001), anything).frames == 1
    block = Image.new("L", (1500, 1500))
    others = [block.point(lambda _, at=at: 10 * at) for at in range(20)]
    vast = pictures.encoded(block, "GIF", save_all=True, append_images=others, duration=100)
    assert only(vast, anything).frames == 1, "45 megapixels would be decoded"
