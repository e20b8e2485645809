"""Draws the contact sheets of docs/presets.md anew: python -m tests.gallery"""

from tests.gallery.sheet import FOLDER
from tests.gallery.sheets import SHEETS

FOLDER.mkdir(exist_ok=True)
for draw in SHEETS:
    sheet = draw()
    sheet.path.write_bytes(sheet.encode())
    print(f"{sheet.path}  {sheet.path.stat().st_size / 1000:.0f} kB")
