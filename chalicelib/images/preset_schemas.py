"""JSON Schemas of presets: how requests name one, and how all of them are listed."""

from chalicelib.core.image_values import FITS, OUTPUTS, SAME
from chalicelib.core.presets.values import NAME_PATTERN
from chalicelib.core.schemas import Schema, says, shape, text


def _preset(meaning: str) -> Schema:
    return text(meaning, "web", pattern=f"^{NAME_PATTERN}$", maxLength=32)


PRESET = _preset("By which preset its variants are made: one of `GET /presets`; without it `default`.")
OTHER_PRESET = _preset(
    "Another preset, one of `GET /presets`: files that it makes in the same way stay as they are. Without it all files "
    "are made again, by the preset of before."
)
_SIDE = {"type": ["integer", "null"]}
_PRESET_SIZE = shape(
    {
        "name": text("What its variants are called.", "medium"),
        "width": {**_SIDE, **says("Of its box, in pixels; null for any.", 1280)},
        "height": {**_SIDE, **says("Of its box, in pixels; null for any.", 1280)},
        "fit": {
            "enum": list(FITS),
            **says("Whether a picture is shrunk to fit `inside`, cut to `cover`, put between bars or stretched."),
        },
    }
)
_PRESET_SHOWN = {
    **shape(
        {
            "name": text("How uploads name it.", "web"),
            "description": text("What it is for; it may be empty.", "For web pages."),
            "sizes": {"type": "array", "items": _PRESET_SIZE, **says("Each is made in every format.")},
            "formats": {
                "type": "array",
                "items": {"enum": [*OUTPUTS, SAME]},
                **says("The formats of its variants; `same` is that of the original.", ["webp", "jpeg"]),
            },
            "watermarked": {"type": "boolean", **says("Whether each variant is also made with a watermark.", False)},
            "animated": {"type": "boolean", **says("Whether animations stay animated, within its bounds.", True)},
        }
    ),
    "title": "Preset",
}
PRESETS = shape({"presets": {"type": "array", "items": _PRESET_SHOWN, **says("All of the stage, `default` first.")}})
