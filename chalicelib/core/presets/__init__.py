"""Presets: what an operator says in a TOML file about the variants of pictures.

`values` are what a preset is, `reading` checks a file and makes them of it, `fields` says what each key may be, and
`lines` finds the line of what is wrong. The standard library alone: settings name the file, and `imaging` is above.
Nothing is imported here, because every cold start imports the settings.
"""
