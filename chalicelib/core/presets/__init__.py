"""Presets: what an operator says in a TOML file about the variants of pictures.

`values` are what a preset is, `reading` checks a file and makes them of it, `fields` says what each key may be, and
`lines` finds the line of what is wrong. The standard library alone: settings name the file, and `imaging` is above.
"""

from chalicelib.core.presets.reading import FaultyFileError, read_file
from chalicelib.core.presets.values import DEFAULT, NAME_PATTERN, Animation, Preset

__all__ = ["DEFAULT", "NAME_PATTERN", "Animation", "FaultyFileError", "Preset", "read_file"]
