"""What is on each sheet: every option of a preset."""

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image

from chalicelib.core.image_values import AUTO, POSITIONS, SMART
from chalicelib.core.presets.values import Animation
from chalicelib.imaging import Mark, Recipe, Size, glimpse, render
from tests.gallery import drawings
from tests.gallery.sheet import CELL, Cell, Sheet
from tests.gallery.thumbhash import decode_thumbhash
from tests.pictures import STORED

_BOX = Size("box", *CELL)
# Marks are drawn at the size of a screen, and then looked at from afar.
_SCREEN = Size("screen", 704, 528)


def made(image: Image.Image, size: Size = _BOX, **recipe: Any) -> Image.Image:
    """The last file of a recipe with one size: the marked one, if there are marks."""
    data = render(drawings.encoded(image), Recipe((size,), **recipe))[-1].data
    return Image.open(io.BytesIO(data))


def fits() -> Sheet:
    def cell(caption: str, image: Image.Image, fit: str, **options: Any) -> Cell:
        recipe = {name: options.pop(name) for name in ("background", "formats") if name in options}
        return Cell(caption, made(image, Size("box", 132, 132, fit, **options), **recipe))

    lake, owl = drawings.lake(), drawings.owl()
    bars = {"background": None, "formats": ("png",)}
    return Sheet(
        "fits",
        [
            *(cell(fit, lake, fit) for fit in ("inside", "cover", "contain", "exact")),
            cell("contain, on #223344", lake, "contain", background="#223344"),
            *(cell(fit, owl, fit) for fit in ("inside", "cover", "contain", "exact")),
            cell("contain, transparent", owl, "contain", **bars),
            cell("cover, focus [0, 0.5]", lake, "cover", focus=(0.0, 0.5)),
            cell("cover, focus [0.8, 0.5]", lake, "cover", focus=(0.8, 0.5)),
            cell("cover, focus smart", lake, "cover", focus=SMART),
            cell("cover, focus [0.5, 1]", owl, "cover", focus=(0.5, 1.0)),
            cell("cover, focus smart", owl, "cover", focus=SMART),
        ],
    )


def orientations() -> Sheet:
    """Each is stored turned, and comes out upright."""

    def cell(orientation: int) -> Cell:
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = drawings.lake(480, 320)
        stored = image.transpose(STORED[orientation]) if orientation in STORED else image
        data = drawings.encoded(stored, "JPEG", quality=90, exif=exif)
        return Cell(f"EXIF orientation {orientation}", Image.open(io.BytesIO(render(data, Recipe((_BOX,)))[0].data)))

    return Sheet("orientations", [cell(each) for each in range(1, 9)], columns=4)


def positions() -> Sheet:
    cells = [
        Cell(
            position,
            made(drawings.lake(), _SCREEN, marks=(Mark("Darkroom", position=position, size=0.3, opacity=0.9),)),
        )
        for position in POSITIONS
    ]
    moved = Mark("Darkroom", position="top-left", size=0.3, opacity=0.9, offset=(0.2, 0.3))
    return Sheet(
        "positions", [*cells, Cell("top-left, offset [0.2, 0.3]", made(drawings.lake(), _SCREEN, marks=(moved,)))]
    )


def texts() -> Sheet:
    def cell(caption: str, *marks: dict[str, Any], text: str = "© Ann") -> Cell:
        usual: dict[str, Any] = {"position": "center", "size": 0.6, "opacity": 0.9}
        drawn = tuple(Mark(text, **(usual | each)) for each in marks or ({},))
        return Cell(caption, made(drawings.halves(), _SCREEN, marks=drawn))

    return Sheet(
        "texts",
        [
            cell("white"),
            cell("color #000", {"color": "#000"}),
            cell("color #D6463C", {"color": "#D6463C"}),
            cell("opacity 0.5", {"opacity": 0.5}),
            cell("opacity 0.2", {"opacity": 0.2}),
            cell("shadow false", {"shadow": False}),
            cell("stroke 0.08", {"stroke": 0.08, "shadow": False}),
            cell("stroke 0.08, #1E64C8", {"stroke": 0.08, "stroke_color": "#1E64C8", "shadow": False}),
            cell("size 0.3", {"size": 0.3}),
            cell("size 0.95", {"size": 0.95}),
            cell("rotation 30", {"rotation": 30}),
            cell("rotation -90", {"rotation": -90}),
            cell("tile", {"tile": True, "size": 0.2}),
            cell("tile, rotation -30, gap 0.3", {"tile": True, "size": 0.2, "rotation": -30, "gap": 0.3}),
            cell("two marks", {"position": "top-left", "size": 0.3}, {"position": "bottom-right", "size": 0.3}),
            cell("Ελληνικά, кириллица", text="Ωμέγα Жизнь"),
            cell("Hebrew", text="חדר חושך"),
            cell("margin 0.15", {"position": "bottom-left", "size": 0.3, "margin": 0.15}),
            _closely("by default, not shrunk", drawings.lake(), Mark("Darkroom")),
            _closely("by default, on light", drawings.halves(), Mark("Darkroom", position="bottom-left")),
        ],
    )


def _closely(caption: str, image: Image.Image, mark: Mark) -> Cell:
    """The corner in which the mark stands."""
    whole = made(image, _SCREEN, marks=(mark,))
    left = 0 if "left" in mark.position else whole.width - CELL[0]
    return Cell(caption, whole.crop((left, whole.height - CELL[1], left + CELL[0], whole.height)))


def pictures() -> Sheet:
    star = drawings.encoded(drawings.star())

    def cell(caption: str, **options: Any) -> Cell:
        mark = Mark(image=star, opacity=options.pop("opacity", 1.0), **options)
        return Cell(caption, made(drawings.lake(), _SCREEN, marks=(mark,)))

    return Sheet(
        "picture-marks",
        [
            cell("an image"),
            cell("size 0.05", size=0.05),
            cell("size 0.6, center", size=0.6, position="center"),
            cell("opacity 0.4", opacity=0.4, size=0.3),
            cell("rotation 20, top", rotation=20, size=0.3, position="top"),
            cell("tile, size 0.12", tile=True, size=0.12),
        ],
        columns=3,
    )


def formats() -> Sheet:
    """The sail, four times as large: what each quality does to edges."""
    size = Size("box", 480, 320)

    def cell(form: str, quality: int | str) -> Cell:
        image = made(drawings.lake(), size, formats=(form,), quality=quality).convert("RGB")
        caption = form if form == "png" else f"{form}, quality {quality}"
        return Cell(caption, image.crop((350, 110, 394, 143)).resize(CELL, Image.Resampling.NEAREST))

    lossy = [cell(form, quality) for form in ("jpeg", "webp", "avif") for quality in (10, 40, 85, AUTO)]
    return Sheet("formats", [*lossy, cell("png", 85)], columns=4)


def transparency() -> Sheet:
    star = drawings.star(320)
    return Sheet(
        "transparency",
        [
            Cell("png", made(star, formats=("png",))),
            Cell("webp", made(star, formats=("webp",))),
            Cell("avif", made(star, formats=("avif",))),
            Cell("jpeg", made(star)),
            Cell("jpeg, background #223344", made(star, background="#223344")),
        ],
    )


def placeholders() -> Sheet:
    def cells(name: str, image: Image.Image) -> Iterator[Cell]:
        tiny = render(drawings.encoded(image), Recipe((Size("placeholder", 24, 24), _BOX), ("png",)))
        shown = Image.open(io.BytesIO(tiny[1].data))
        found = glimpse(tiny[0].data)
        small = Image.open(io.BytesIO(tiny[0].data))
        yield Cell(name, shown)
        yield Cell("placeholder", small.resize(shown.size, Image.Resampling.BICUBIC))
        yield Cell("thumbHash", decode_thumbhash(base64.b64decode(found.thumb_hash)).resize(shown.size))
        yield Cell("dominantColor", Image.new("RGB", shown.size, found.dominant_color or "white"))

    drawn = {"lake": drawings.lake(), "owl": drawings.owl(), "transparent": drawings.star()}
    return Sheet("placeholders", [cell for name, image in drawn.items() for cell in cells(name, image)], columns=4)


def animation() -> Sheet:
    recipe = Recipe((Size("box", *CELL),), ("webp",), animation=Animation(), marks=(Mark("Darkroom", size=0.5),))
    plain, marked = (Image.open(io.BytesIO(each.data)) for each in render(drawings.ball_gif(), recipe))
    cells = []
    for caption, image in (("frame", plain), ("marked, frame", marked)):
        for at in range(getattr(image, "n_frames", 1)):
            image.seek(at)
            cells.append(Cell(f"{caption} {at + 1}", image.convert("RGB")))
    first = render(drawings.ball_gif(), Recipe((Size("box", *CELL),)))[0].data
    return Sheet("animation", [*cells, Cell("without animation", Image.open(io.BytesIO(first)))], columns=6)


SHEETS: tuple[Callable[[], Sheet], ...] = (
    fits, orientations, positions, texts, pictures, formats, transparency, placeholders, animation,
)  # fmt: skip
