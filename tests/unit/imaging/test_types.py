"""What the first bytes of a file show it to be, and how a refusal names it."""

from __future__ import annotations

import struct

import pytest

from chalicelib.imaging import ImageRejectedError, Recipe, Size, check, render
from tests import pictures

FTYP = b"\0\0\0\x14ftyp%s\0\0\0\0%s"
DNG = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0xC612, 1, 4, 0x0401)

REFUSED = {
    "JPEG XL": b"\xff\x0a\xfa\x1f",
    "JPEG XL (boxes)": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
    "BMP": pictures.encoded(pictures.photo(), "BMP"),
    "TIFF": pictures.encoded(pictures.photo(), "TIFF"),
    "TIFF (big end)": b"MM\0*\0\0\0\x08\0\0",
    "TIFF (cut)": b"II*\0\xff\xff\xff\x7f",
    "(DNG)": DNG,
    "(CR2)": b"II*\0\x10\0\0\0CR\x02\0" + bytes(40),
    "(CR3)": FTYP % (b"crx ", b"isom"),
    "(RAF)": b"FUJIFILMCCD-RAW 0201",
    "(ORF)": b"IIRO\x08\0\0\0",
    "(RW2)": b"IIU\0\x18\0\0\0",
    "Photoshop": b"8BPS\0\1" + bytes(20),
    "icon": b"\0\0\1\0\1\0",
    "SVG": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a > drawing -->\n<!DOCTYPE svg>\n<svg xmlns="x"><script/></svg>',
    "SVG (bare)": b"<svg>",
    "PDF": b"%PDF-1.7\n",
    "ZIP": b"PK\x03\x04" + bytes(30),
    "web page": b"\n<!doctype html><html><img src=x></html>",
    "(MP4)": FTYP % (b"mp42", b"heic"),
    "(MOV)": FTYP % (b"qt  ", b"qt  "),
    "(MOV, old)": b"\0\0\0\x08wide\0\0\0\x08mdat",
    "(WebM)": b"\x1aE\xdf\xa3\x01\0\0\0",
    "(AVI)": b"RIFF\xff\0\0\0AVI LIST",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_another_type_is_named_in_its_refusal(name: str) -> None:
    with pytest.raises(ImageRejectedError) as caught:
        check(REFUSED[name], "")
    assert caught.value.reason == "type_not_allowed"
    assert name.partition(" (")[0].partition(",")[0] in caught.value.message
    assert "image/avif, image/gif, image/heic, image/jpeg" in caught.value.message


@pytest.mark.parametrize(
    "data", [b"RIFF\xff\0\0\0WAVE", FTYP % (b"what", b"ever"), b"<xml>", b" " * 5_000, b"<!--" * 300]
)
def test_what_is_unknown_is_no_picture(data: bytes) -> None:
    with pytest.raises(ImageRejectedError, match="not_an_image"):
        check(data, "")


@pytest.mark.parametrize("make", [pictures.mpo, pictures.ultra_hdr_jpeg, pictures.motion_photo_jpeg])
@pytest.mark.parametrize("end", ["whole", "half of what follows"])
def test_the_main_picture_of_a_jpeg_of_several_is_shown(make: object, end: str) -> None:
    assert callable(make)
    data = make()
    main = data.index(b"\xff\xd9") + 2
    data = data if end == "whole" else data[: (main + len(data)) // 2]
    info = check(data, "image/mpo")
    assert (info.format, info.width, info.height, info.frames) == ("JPEG", 320, 200, 1)
    [made] = render(data, Recipe((Size("box", 320, 320),), ("png",)))
    image = pictures.decoded(made.data)
    places = [(20, 20), (300, 20), (20, 180), (300, 180)]
    for place, color in zip(places, pictures.CORNERS, strict=True):
        assert image.getpixel(place) == pytest.approx(color, abs=8)
    # The film, the second picture and the gain map reach no decoder.
    assert made.data == render(data[:main], Recipe((Size("box", 320, 320),), ("png",)))[0].data
