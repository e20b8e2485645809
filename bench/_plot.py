"""The simulated burst as a picture: what waits, what is busy, what is done, second by second."""

from bench._burst import Outcome
from chalicelib.documents.html.svg import svg_of
from chalicelib.documents.models import Chart

_FROM, _TO = 20, 80
_WIDTH, _PANEL, _TITLE = 720, 260, 34


def drawn(what: Outcome, images: int) -> str:
    """Four panels one above the other, as a document of its own."""
    panels = [
        Chart(
            name="queue",
            title=f"A burst of {images:,} images: messages in the upload queue",
            kind="line",
            labels=_labels(),
            series={"waiting": what.queued[_FROM:_TO]},
        ),
        Chart(
            name="oldest",
            title="Age of the oldest of them, in seconds",
            kind="line",
            labels=_labels(),
            series={"age": what.oldest[_FROM:_TO]},
        ),
        Chart(
            name="busy",
            title="Containers busy, by function",
            kind="line",
            labels=_labels(),
            series={name: each[_FROM:_TO] for name, each in what.by_function.items()},
        ),
        Chart(
            name="done",
            title="Images completed",
            kind="line",
            labels=_labels(),
            series={"completed": what.completed[_FROM:_TO]},
        ),
    ]
    height = len(panels) * (_PANEL + _TITLE)
    inside = "".join(_placed(panel, place * (_PANEL + _TITLE)) for place, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>{inside}</svg>\n'
    )


def _labels() -> list[str]:
    return [f"{second} s" for second in range(_FROM, _TO)]


def _placed(panel: Chart, top: int) -> str:
    title = f'<text x="0" y="{top + 22}" font-size="14" font-weight="bold" fill="#2b3440">{panel.title}</text>'
    return f'{title}<svg x="0" y="{top + _TITLE}" width="{_WIDTH}" height="{_PANEL}">{svg_of(panel)}</svg>'
