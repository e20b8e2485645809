"""The presets of the stage: `default`, which settings make, and those of its file."""

from typing import Any

from chalicelib.core import log
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.errors import InvalidRequestError, raises
from chalicelib.core.presets.values import DEFAULT, Preset
from chalicelib.core.settings import Settings

FIELD = "preset"

_DEFAULT_DESCRIPTION = "What is made of a picture whose upload names no preset."


@required_env_vars({"PRESETS_FILE": [], "RESIZE_DIMENSIONS": [], "OUTPUT_FORMATS": [], "QUALITY_SETTING": []})
def find(name: str) -> Preset:
    """The preset of that name; without its marks if it is `default`, since other settings make those.

    An image may name one that the stage no longer has: then it is `default`.
    """
    preset = Settings.PRESETS_FILE.get().get(name)
    if preset is not None:
        return preset
    if name != DEFAULT:
        log.warning("PRESET_GONE", preset=name)
    return Preset(
        DEFAULT,
        Settings.RESIZE_DIMENSIONS.get(),
        _DEFAULT_DESCRIPTION,
        formats=Settings.OUTPUT_FORMATS.get(),
        quality=Settings.QUALITY_SETTING.get(),
    )


@required_env_vars({"PRESETS_FILE": []})
@raises(InvalidRequestError)
def require(name: str | None) -> None:
    """Raises InvalidRequestError if the stage has no preset of that name. None names none."""
    known = [DEFAULT, *Settings.PRESETS_FILE.get()]
    if name is not None and name not in known:
        raise InvalidRequestError(details=[{"field": FIELD, "message": f"must be one of {', '.join(known)}"}])


@required_env_vars(find)
def list_presets() -> dict[str, Any]:
    """All presets of the stage, `default` first."""
    return {"presets": [_shown(find(name)) for name in (DEFAULT, *Settings.PRESETS_FILE.get())]}


def _shown(preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.name,
        "description": preset.description,
        "sizes": [
            {"name": size.name, "width": size.width, "height": size.height, "fit": size.fit} for size in preset.sizes
        ],
        "formats": list(preset.formats),
        "watermarked": preset.name == DEFAULT or bool(preset.marks),
        "animated": preset.animation is not None,
    }
