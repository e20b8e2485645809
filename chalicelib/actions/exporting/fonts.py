"""Further fonts for the PDFs of exports, whose texts are the users' own: TrueType files in the output bucket."""

from typing import TYPE_CHECKING

from chalicelib.core import clients, log
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.core.settings import Settings

if TYPE_CHECKING:
    from chalicelib.documents.truetype import Font

# They stay in memory for the container's life: their bytes, and as much again for what is read from them. A font of
# all Chinese characters in daily use has 2 to 10 MB.
_MAX_FONTS = 8
_MAX_BYTES = 24 * 1024 * 1024

_loaded: "dict[str, list[Font]]" = {}


@required_env_vars(
    {"FONTS_PREFIX": [S3Operation.LIST_BUCKET, S3Operation.GET_OBJECT], "S3_OUTPUT_BUCKET": []},
)
def load() -> "list[Font]":
    """The fonts whose keys begin with FONTS_PREFIX and end with `.ttf`, in the order of their keys.

    A file that is no such font, or too much, is left out and logged. If S3 fails, there are none until the next call.
    """
    prefix = Settings.FONTS_PREFIX.get()
    if prefix and prefix not in _loaded:
        try:
            _loaded[prefix] = _read(Settings.S3_OUTPUT_BUCKET.get(), prefix)
        except clients.ClientError as error:
            log.warning("FONTS_NOT_READ", error, setting="FONTS_PREFIX")
    return _loaded.get(prefix, [])


def _read(bucket: str, prefix: str) -> "list[Font]":
    # Imported late: few exports need it.
    from chalicelib.documents.truetype import Font, InvalidFontError

    fonts: list[Font] = []
    left = _MAX_BYTES
    for name in objects.list_keys(bucket, prefix, prefix):
        if not name.lower().endswith(".ttf"):
            continue
        if len(fonts) == _MAX_FONTS:
            log.warning("FONT_LEFT_OUT", file=name, reason=f"{_MAX_FONTS} fonts are the most")
            break
        try:
            data = objects.read(bucket, name, at_most=left)
            fonts.append(Font(data))
            left -= len(data)
        except (objects.ObjectTooLargeError, InvalidFontError) as error:
            log.warning("FONT_LEFT_OUT", error, file=name)
    return fonts
