"""HEIC and AVIF, read from their boxes: what is shown of them, and what is refused before a decoder sees it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PIL import Image

from chalicelib.imaging import (
    ImageInfo,
    ImageRejectedError,
    Limits,
    Recipe,
    Size,
    Transform,
    analyze,
    check,
    decoders,
    render,
    transform,
)
from chalicelib.imaging.probe import read_header
from tests import pictures
from tests.heif import files, streams
from tests.heif.files import File

RECIPE = Recipe((Size("box", 320, 320),), formats=("png",))


def shown(data: bytes) -> Image.Image:
    """What `render` makes of a picture."""
    [made] = render(data, RECIPE)
    return pictures.decoded(made.data)


def corners_of(image: Image.Image) -> list[tuple[int, ...]]:
    """The names of the colors in the four corners."""
    places = ((x, y) for y in (5, image.height - 6) for x in (5, image.width - 6))
    found = (pixel(image.convert("RGB"), *place) for place in places)
    return [min(pictures.CORNERS, key=lambda color: distance(color, each)) for each in found]


def distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def rejection(data: bytes, limits: Limits = Limits()) -> ImageRejectedError:  # noqa: B008
    with pytest.raises(ImageRejectedError) as caught:
        check(data, "", limits)
    return caught.value


# --- what is shown -------------------------------------------------------------------------


def test_one_coded_picture() -> None:
    info = check(files.still().build(), "image/heic")
    assert info == ImageInfo(64, 64, "HEIC", "image/heic", "sRGB", has_alpha=False, frames=1, orientation=1)
    assert distance((66, 135, 54), pixel(shown(files.still().build()), 12, 12)) < 12


def test_a_grid_is_put_together_and_cut_to_its_size() -> None:
    assert corners_of(shown(files.corners().build())) == list(pictures.CORNERS)
    cut = shown(files.corners(width=100, height=90).build())
    assert cut.size == (100, 90)
    assert corners_of(cut) == list(pictures.CORNERS)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("quarters", range(4))
def test_a_picture_is_turned_against_the_clock_and_then_mirrored(quarters: int, axis: int | None) -> None:
    properties = [files.irot(quarters)] if quarters else []
    properties += [] if axis is None else [files.imir(axis)]
    # Its EXIF says the same again, as phones write it, or something else.
    data = files.with_exif(files.corners(*properties, width=120, height=100), 6).build()
    expected = pictures.corners(120, 100)
    for _quarter in range(quarters):
        expected = expected.transpose(Image.Transpose.ROTATE_90)
    if axis is not None:
        turns = Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT
        expected = expected.transpose(turns[axis])
    assert (check(data, "").width, check(data, "").height) == expected.size == shown(data).size
    assert corners_of(shown(data)) == corners_of(expected)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6])
def test_an_avif_is_turned_as_its_writer_meant(orientation: int) -> None:
    upright = pictures.decoded(pictures.oriented_jpeg(orientation))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.avif(upright, quality=90, exif=exif)
    assert check(data, "").orientation == orientation
    assert corners_of(shown(data)) == list(pictures.CORNERS)


def test_the_clean_aperture_is_cut_out_before_the_turn() -> None:
    # Sixteen columns and no row less, from the left edge.
    data = files.corners(files.clap(112, 128, (8, 1)), files.irot(1)).build()
    assert (check(data, "").width, check(data, "").height) == (128, 112)
    assert shown(data).size == (128, 112)
    narrow = shown(files.corners(files.clap(20, 20, (-54, 1), (54, 1))).build())
    assert corners_of(narrow) == [pictures.BLUE] * 4


@pytest.mark.parametrize("aperture", [(200, 64, (0, 1)), (64, 64, (90, 1)), (0, 64, (0, 1)), (64, 64, (1, 0))])
def test_an_aperture_outside_of_the_picture_is_ignored(aperture: tuple[int, int, tuple[int, int]]) -> None:
    assert shown(files.corners(files.clap(*aperture)).build()).size == (128, 128)


def test_code_points_and_profiles_say_what_the_samples_mean() -> None:
    wide = files.corners(files.nclx(12, 13, 6)).build()
    assert check(wide, "").color_space == "Display P3"
    # A red that sRGB does not have.
    assert distance((240, 0, 0), pixel(shown(wide), 20, 20)) < 8
    both = files.corners(files.nclx(9, 16, 6), files.icc(pictures.adobe_rgb_profile())).build()
    assert check(both, "").color_space == "AdobeRGB"
    for unspecified in (files.nclx(2, 2, 2), files.nclx(1, 13, 6), files.icc(b"damaged")):
        assert check(files.corners(unspecified).build(), "").color_space == "sRGB"


@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_the_matrix_of_an_avif_reaches_the_decoder(matrix: int) -> None:
    # The same samples by another matrix are other colors.
    data = pictures.avif(pictures.corners())
    at = data.index(b"nclx") + 8
    changed = data[:at] + matrix.to_bytes(2, "big") + data[at + 2 :]
    assert distance(pixel(shown(changed), 20, 20), pixel(pictures.decoded(changed), 20, 20)) < 3


def test_transparency_is_an_item_of_its_own() -> None:
    image = shown(files.transparent().build())
    assert image.mode == "RGBA"
    assert [pixel(image, 30, y)[3] for y in (2, 60)] == pytest.approx([10, 245], abs=8)
    assert not check(files.still().build(), "").has_alpha
    data = pictures.avif(image)
    assert check(data, "").has_alpha
    assert [pixel(shown(data), 30, y)[3] for y in (2, 60)] == pytest.approx([10, 245], abs=8)


def test_gray_and_deep_samples_are_eight_bits_of_gray() -> None:
    for stream in (streams.RAMP, streams.DEEP):
        data = files.still(stream=stream).build()
        assert check(data, "").color_space == "Gray"
        assert [pixel(shown(data), 30, y)[0] for y in (2, 60)] == pytest.approx([10, 245], abs=8)
    gray = pictures.avif(pictures.photo().convert("L"), icc_profile=GRAY)
    assert check(gray, "").color_space == "Gray"
    ramp = shown(gray).convert("RGB")
    assert len(set(pixel(ramp, 20, 20))) == 1


GRAY = pictures.gray_profile("Gray gamma 1.0", pictures.power(1.0))


def test_a_sequence_is_its_main_picture_and_counts_its_frames() -> None:
    sequence = files.still()
    sequence.after = files.sequence(7)
    assert check(sequence.build(), "").frames == 7
    frames = [pictures.corners(64, 64), pictures.photo(64, 64), pictures.photo(64, 64)]
    data = pictures.avif(frames[0], save_all=True, append_images=frames[1:])
    info = check(data, "image/avif-sequence")
    assert (info.format, info.frames) == ("AVIF", 3)
    assert corners_of(shown(data)) == list(pictures.CORNERS)
    assert "without a main one" in rejection(files.box(b"ftyp", b"msf1", bytes(4), b"hevc") + files.sequence(3)).message


def test_the_exif_of_the_main_picture_is_read() -> None:
    block = Image.Exif()
    block[0x0110] = "Pocket 3"
    file = files.still()
    file.items.append(files.Item(b"Exif", bytes(4) + block.tobytes().removeprefix(b"Exif\0\0")))
    file.references.append((b"cdsc", 2, (1,)))
    assert analyze(file.build(), "").capture.camera_model == "Pocket 3"


def test_what_is_made_of_a_picture_without_a_format() -> None:
    made = {
        "jpeg": files.corners(files.irot(1)).build(),
        "png": files.transparent().build(),
        "avif": pictures.avif(pictures.photo(64, 48)),
    }
    for format_, data in made.items():
        assert transform(data, "", Transform(width=30)).format == format_


def test_both_names_of_the_type_are_one() -> None:
    data = files.still().build()
    for declared in ("image/heic", "image/HEIF", "image/heic-sequence", "image/jpeg", "application/octet-stream", ""):
        assert check(data, declared).media_type == "image/heic"


# --- odd, and accepted ---------------------------------------------------------------------


def edited(change: Callable[[File], object], file: Callable[[], File] = files.corners) -> bytes:
    made = file()
    change(made)
    return made.build()


ODD: dict[str, Callable[[File], object]] = {
    "sizes of 64 bits": lambda file: vars(file).update(meta=files.long_box, mdat=files.long_box),
    "data to the end of the file": lambda file: vars(file).update(mdat=files.endless_box),
    "data among the items": lambda file: vars(file.items[2]).update(method=1),
    "boxes that are unknown": lambda file: vars(file).update(
        before=files.box(b"free", b"x" * 9) + files.box(b"uuid", bytes(16)), more=files.full_box(b"grpl", b"x")
    ),
    "only the brand of any codec": lambda file: vars(file).update(brand=b"mif1", others=(b"miaf",)),
    "a trailer of a phone": lambda file: vars(file).update(after=b"\0\0\1\0SEFHd\0\0\0" + b"SEFT" * 9),
    "a film behind it": lambda file: vars(file).update(after=files.box(b"mpvd", bytes(900))),
    "items that are not shown": lambda file: file.items.append(files.Item(b"tmap", b"x", [files.box(b"what", b"x")])),
    "properties that change nothing": lambda file: file.items[0].properties.append(files.box(b"what", b"x")),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_shown(name: str) -> None:
    assert corners_of(shown(edited(ODD[name]))) == list(pictures.CORNERS)


def test_the_decoder_sees_nothing_but_the_picture() -> None:
    file = files.with_exif(files.corners(files.nclx(1, 13, 6)), 6)
    file.items += [files.Item(b"hvc1", b"SECRET of another picture"), files.Item(b"mime", b"SECRET of XMP")]
    file.references.append((b"cdsc", len(file.items), (1,)))
    file.before, file.after = files.box(b"uuid", b"SECRET" * 9), files.sequence(3) + files.box(b"mpvd", b"SECRET")
    tile = file.items[1]
    # A unit of remarks (prefix SEI) among the slices.
    tile.data = files.uints(4, 9) + b"\x4e\x01SECRET!" + tile.data
    data = file.build()
    stripped = read_header(data, "", Limits()).strip(data)
    assert data.count(b"SECRET") > 12
    assert b"SECRET" not in stripped
    assert b"Exif" not in stripped
    assert corners_of(shown(data)) == list(pictures.CORNERS)


# --- hostile -------------------------------------------------------------------------------


def chain(file: File) -> None:
    """A grid whose tile is the grid."""
    file.references = [(b"dimg", 1, (1, 1, 1, 1))]


def many(number: int, kind: str) -> Callable[[File], object]:
    if kind == "properties":
        return lambda file: vars(file).update(unused=(files.box(b"what"),) * number)
    if kind == "boxes":
        return lambda file: vars(file).update(before=files.box(b"free") * number)
    if kind == "references":
        return lambda file: file.references.append((b"thmb", 1, tuple([2] * number)))
    return lambda file: file.items.extend([files.Item(b"hvc1", b"")] * number)


def claimed(width: int, height: int) -> Callable[[File], object]:
    """Tiles of other dimensions."""

    def change(file: File) -> None:
        for item in file.items[1:]:
            item.properties[:1] = [files.ispe(width, height)]

    return change


def place(*numbers: int) -> Callable[[File], object]:
    """The second item at another place: method, reference, extents, offset, length."""
    method, reference, extents, offset, length = numbers
    entry = files.uints(2, 2, method, reference, extents) + files.uints(4, offset, length)
    return lambda file: vars(file.items[1]).update(place=entry)


HOSTILE: dict[str, tuple[Callable[[File], object], str]] = {
    "no main picture": (lambda file: vars(file).update(primary=99), "corrupt"),
    "more items than are there": (lambda file: vars(file).update(count=60_000), "corrupt"),
    "millions of boxes": (many(100_000, "boxes"), "too_complex"),
    "thousands of items": (many(20_001, "items"), "too_complex"),
    "thousands of properties": (many(25_000, "properties"), "too_complex"),
    "thousands of references": (many(30_000, "references"), "too_complex"),
    "a grid of itself": (chain, "corrupt"),
    "a grid without tiles": (lambda file: vars(file).update(references=[]), "corrupt"),
    "a grid of 65,536 tiles": (
        lambda file: vars(file.items[0]).update(data=b"\0\1\xff\xff" + files.uints(4, 128, 128)), "too_complex"),
    "a grid of four billion pixels a side": (
        lambda file: vars(file.items[0]).update(data=b"\0\1\1\1" + files.uints(4, -1, -1)), "too_many_pixels"),
    "a grid of no pixels": (
        lambda file: vars(file.items[0]).update(data=b"\0\1\1\1" + files.uints(4, 0, 0)), "corrupt"),
    "a grid that is cut": (lambda file: vars(file.items[0]).update(data=b"\0\1\1"), "corrupt"),
    "tiles that do not cover it": (claimed(2_000, 2_000), "corrupt"),
    "tiles of other codecs": (lambda file: vars(file.items[3]).update(kind=b"av01"), "corrupt"),
    "tiles of other sizes": (lambda file: file.items[3].properties.__setitem__(0, files.ispe(64, 48)), "corrupt"),
    "dimensions beyond all": (claimed(100_000, 100_000), "too_many_pixels"),
    "no dimensions": (lambda file: file.items[1].properties.pop(0), "corrupt"),
    "no configuration": (lambda file: file.items[1].properties.pop(1), "corrupt"),
    "a configuration that is cut": (
        lambda file: file.items[1].properties.__setitem__(1, files.box(b"hvcC", b"\1" * 30)), "corrupt"),
    "data behind the end": (place(0, 0, 1, 2**31, 500), "truncated"),
    "data that ends behind the end": (place(0, 0, 1, 40, 2**31), "truncated"),
    "data inside of another item's": (place(2, 0, 1, 0, 10), "corrupt"),
    "data in no parts": (place(0, 0, 0, 0, 0), "corrupt"),
    "an unknown property that is essential": (
        lambda file: vars(file.items[0]).update(
            properties=[*file.items[0].properties, files.box(b"what")], essential=frozenset({b"what"})), "corrupt"),
    "a picture of another kind": (lambda file: vars(file.items[0]).update(kind=b"unci"), "type_not_allowed"),
    "an overlay": (lambda file: vars(file.items[0]).update(kind=b"iovl"), "type_not_allowed"),
    "a second list of items": (
        lambda file: vars(file).update(more=files.full_box(b"pitm", files.uints(2, 2))), "corrupt"),
    "boxes of size 4": (lambda file: vars(file).update(more=b"\0\0\0\4free" * 3), "corrupt"),
    "a box of 64 bits that is too short": (lambda file: vars(file).update(more=b"\0\0\0\1free" + bytes(8)), "corrupt"),
    "a box that reaches out of its own": (lambda file: vars(file).update(more=b"\xff\xff\xff\xfffree"), "corrupt"),
    "a picture that needs another": (
        lambda file: vars(file.items[1]).update(data=files.uints(4, 3) + b"\x02\x01\x80"), "corrupt"),
    "two pictures in one": (lambda file: vars(file.items[1]).update(data=file.items[1].data * 2), "corrupt"),
    "no slices": (lambda file: vars(file.items[1]).update(data=files.uints(4, 3) + b"\x4e\x01\x80"), "corrupt"),
    "a slice that is cut": (lambda file: vars(file.items[1]).update(data=file.items[1].data[:-3]), "corrupt"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_its_boxes(name: str) -> None:
    change, reason = HOSTILE[name]
    data = edited(change)
    started = time.process_time()
    with pytest.raises(ImageRejectedError) as caught:
        read_header(data, "", Limits())
    assert caught.value.reason == reason
    assert time.process_time() - started < 1


def test_every_truncation_of_a_heif_file_is_refused() -> None:
    for data in (files.with_exif(files.transparent(), 6).build(), pictures.avif(pictures.photo(48, 32))):
        for end in range(0, len(data), 3):
            with pytest.raises(ImageRejectedError) as caught:
                read_header(data[:end], "", Limits())
            assert caught.value.reason in {"empty", "not_an_image", "truncated", "corrupt"}


def test_bytes_that_items_share_are_counted_each_time() -> None:
    """Nine hundred tiles that are the same megabyte."""
    tiles = [files.coded() for _tile in range(900)]
    tiles[0].data = bytes(1_000_000)
    file = File([files.grid(30, 30, 30 * 64, 30 * 64), *tiles], [(b"dimg", 1, tuple(range(2, 902)))])
    for number, tile in enumerate(tiles, 2):
        tile.place = files.uints(2, number, 0, 0, 1) + files.uints(4, 100_000, 900_000)
    assert rejection(file.build()).reason in {"corrupt", "too_complex"}


def test_pixel_data_larger_than_its_item_is_refused() -> None:
    """The dimensions of the boxes are those of a stamp, and those in the pixel data are not."""
    data = files.still(stream=streams.PHOTO).build()
    small = Limits(max_pixels=50 * 50)
    claimed_small = data.replace(files.ispe(64, 64), files.ispe(32, 32))
    assert claimed_small != data
    assert rejection(claimed_small, small).reason == "too_complex"
    # With room for it, the decoder's picture is still not the one that the boxes name.
    assert rejection(claimed_small).reason == "corrupt"
    avif = pictures.avif(pictures.photo(64, 64))
    assert rejection(avif.replace(files.ispe(64, 64), files.ispe(32, 32)), small).reason == "too_complex"


def test_transparency_and_tiles_count_as_pixels_to_decode() -> None:
    data = files.transparent().build()
    assert check(data, "", Limits(max_pixels=2 * 64 * 64)).width == 64
    assert rejection(data, Limits(max_pixels=64 * 64)).reason == "too_complex"
    # Four tiles for a picture that is little more than one.
    assert rejection(files.corners(width=65, height=65).build(), Limits(max_pixels=66 * 66)).reason == "too_complex"


# --- the decoder ---------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "word"), [((), "is missing"), ((1, 4, 0), "is too old to be safe")])
def test_without_its_decoder_heic_is_refused_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], word: str
) -> None:
    monkeypatch.setattr(decoders, "_version", lambda: version)
    error = rejection(files.still().build())
    assert error.reason == "type_not_allowed"
    assert word in error.message
    assert "Send the photo as JPEG" in error.message
    assert "pi-heif-decoder 1.7" in error.message
    assert check(pictures.avif(pictures.photo()), "").format == "AVIF"


@pytest.mark.parametrize("allowed", ["image/avif", "image/heic"])
def test_the_codec_inside_must_be_allowed_too(allowed: str) -> None:
    other = {"image/avif": b"avif", "image/heic": b"heic"}[allowed]
    data = files.still().build() if allowed == "image/avif" else pictures.avif(pictures.photo())
    disguised = data[:8] + other + data[12:]
    assert rejection(disguised, Limits(allowed_types=frozenset({allowed}))).reason == "type_not_allowed"
