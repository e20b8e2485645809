"""The step that turns a picture upright. It comes after `shrink`, so that few pixels are turned."""

from PIL import Image

from chalicelib.imaging.work import Work

# EXIF orientation → what turns the stored picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orient(work: Work) -> None:
    if work.header.orientation in _TURNS:
        work.image = work.image.transpose(_TURNS[work.header.orientation])
