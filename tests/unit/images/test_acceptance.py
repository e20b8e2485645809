"""Which announced types are taken."""

from __future__ import annotations

import pytest

from chalicelib.images import acceptance
from chalicelib.imaging import decoders


def test_a_type_without_its_decoder_is_refused_when_it_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_TYPES", "image/jpeg,image/avif,image/heic")
    for kind in ("image/jpeg", "image/avif", "image/heic"):
        acceptance.check_type(kind)
    monkeypatch.setattr(decoders, "_version", tuple)
    acceptance.check_type("image/avif")
    with pytest.raises(acceptance.FileTypeNotAllowedError) as caught:
        acceptance.check_type("image/heic")
    assert caught.value.status == 415
    assert "install the Python package pi-heif-decoder" in caught.value.message
