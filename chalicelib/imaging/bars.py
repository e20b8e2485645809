"""The step that puts a picture between bars, where its size has other proportions and must show all of it."""

from PIL import Image

from chalicelib.imaging.work import Work


def add_bars(work: Work) -> None:
    """Puts the upright picture into the middle of `work.bars`, if there are any."""
    if work.bars is None or work.bars.dimensions == work.image.size:
        return
    picture = work.image
    (width, height), color = work.bars
    place = (width - picture.width) // 2, (height - picture.height) // 2
    if color is None:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    else:
        ground = Image.new("RGB", (width, height), color).convert(picture.mode)
    ground.paste(picture, place)
    work.image = ground
