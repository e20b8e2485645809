"""A plot of the simulated burst: messages waiting, containers busy and images completed in each second."""

from bench._pipeline_simulation import Outcome
from chalicelib.documents.html.svg import svg_of
from chalicelib.documents.models import Chart

_START, _END = 20, 80
_WIDTH, _PANEL_HEIGHT, _TITLE_HEIGHT = 720, 260, 34


def draw_plot(outcome: Outcome, images: int) -> str:
    """An SVG document with four charts below each other."""
    seconds = slice(_START, _END)
    labels = [f"{second} s" for second in range(_START, _END)]
    busy = {name: values[seconds] for name, values in outcome.by_function.items()}
    panels = [
        Chart(name, title, "line", labels, series)
        for name, title, series in (
            (
                "queue",
                f"A burst of {images:,} images: messages in the upload queue",
                {"waiting": outcome.queued[seconds]},
            ),
            ("oldest", "Age of the oldest of them, in seconds", {"age": outcome.oldest[seconds]}),
            ("busy", "Containers busy, by function", busy),
            ("done", "Images completed", {"completed": outcome.completed[seconds]}),
        )
    ]
    height = len(panels) * (_PANEL_HEIGHT + _TITLE_HEIGHT)
    content = "".join(_panel_at(panel, index * (_PANEL_HEIGHT + _TITLE_HEIGHT)) for index, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>{content}</svg>\n'
    )


def _panel_at(panel: Chart, top: int) -> str:
    title = f'<text x="0" y="{top + 22}" font-size="14" font-weight="bold" fill="#2b3440">{panel.title}</text>'
    position = f'x="0" y="{top + _TITLE_HEIGHT}" width="{_WIDTH}" height="{_PANEL_HEIGHT}"'
    return f"{title}<svg {position}>{svg_of(panel)}</svg>"
