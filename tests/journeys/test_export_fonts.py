"""An export as PDF takes characters that the bundled font lacks from fonts in the output bucket."""

import io
from typing import Any

import pypdfium2
import pytest

from chalicelib.actions.exporting import build, fonts
from chalicelib.core import clients
from chalicelib.documents import Column, Table
from local.machine import Machine
from local.stage import FONTS

ABOUT = {"exportId": "act_1", "createdAt": "2026-04-01T06:00:00.000Z", "dataTypes": ["files"]}
ARABIC = (FONTS / "DejaVuSans-Arabic.ttf").read_bytes()


def exported(*names: str) -> str:
    """The text of a PDF with these names."""
    out = io.BytesIO()
    rows = [{"name": name} for name in names]
    build.write(out, "pdf", [Table("files", "Files", [Column("name", "Name")], rows)], ABOUT)
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(out.getvalue()))


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[Any]:
    return [getattr(record, "metadata", {}) for record in caplog.records if record.getMessage() == event]


def put(machine: Machine, key: str, data: bytes) -> None:
    machine.client("s3").put_object(Bucket=machine.environment["S3_OUTPUT_BUCKET"], Key=key, Body=data)


@pytest.fixture
def prefix(function: pytest.MonkeyPatch) -> str:
    """An empty prefix of this test's own."""
    function.setenv("FONTS_PREFIX", "few-fonts/")
    return "few-fonts/"


def test_the_local_machine_shows_chinese_and_arabic(
    function: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = exported("写真 日本 café", "صورة", "secret ᚠ 😀")
    assert {"写真", "日本", "café", "صورة"} <= set(text.split())
    (line,) = logged(caplog, "CHARACTERS_NOT_DRAWN")
    assert line == {"setting": "FONTS_PREFIX", "count": 1, "characters": ["U+16A0"]}


def test_a_file_that_is_no_font_or_too_much_is_left_out(
    machine: Machine, function: pytest.MonkeyPatch, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(machine, f"{prefix}a.ttf", b"no font")
    put(machine, f"{prefix}b.ttf", ARABIC)
    put(machine, f"{prefix}c.ttf", bytes(len(ARABIC) + 1))
    put(machine, f"{prefix}readme.txt", b"not looked at")
    function.setattr(fonts, "_MAX_BYTES", 2 * len(ARABIC))
    assert "صورة" in exported("صورة").split()
    assert [line["file"] for line in logged(caplog, "FONT_LEFT_OUT")] == [f"{prefix}a.ttf", f"{prefix}c.ttf"]


def test_fonts_are_looked_for_only_when_they_are_needed_and_once(function: pytest.MonkeyPatch, prefix: str) -> None:
    asked: list[Any] = []
    clients.client("s3").meta.events.register("before-call.s3.ListObjectsV2", lambda **about: asked.append(about))
    exported("Ελλάδα Київ שלום")
    assert asked == []
    for _ in range(2):
        exported("写真")
    assert len(asked) == 1
    function.setenv("FONTS_PREFIX", "")
    exported("写真")
    assert len(asked) == 1


def test_an_export_is_made_without_them_if_s3_fails_and_the_next_tries_again(
    function: pytest.MonkeyPatch, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    function.setenv("S3_OUTPUT_BUCKET", "darkroom-no-such-bucket")
    for _ in range(2):
        assert "□" in exported("写")
    assert len(logged(caplog, "FONTS_NOT_READ")) == 2
