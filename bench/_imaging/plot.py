"""A bar for each picture and contender, as SVG."""

from collections.abc import Mapping
from html import escape

_COLORS = ("#3b6ea5", "#8fb3d9", "#c9a227", "#7a7a7a")
_LEFT, _BAR, _GAP, _UNIT, _TOP = 110, 16, 14, 220, 50


def ratios(of: Mapping[str, Mapping[str, float]]) -> str:
    """CPU times as multiples of sharp's, by the titles of pictures and the names of contenders."""
    names = list(next(iter(of.values())))
    highest = max([1.0, *(ratio for each in of.values() for ratio in each.values())])
    width = _LEFT + round(highest * _UNIT) + 60
    rows: list[str] = []
    top = _TOP
    for title, each in of.items():
        rows.append(_text(0, top + _BAR * len(each) / 2 + 5, title))
        for at, (name, ratio) in enumerate(each.items()):
            color = _COLORS[names.index(name) % len(_COLORS)]
            place = top + at * _BAR
            rows.append(
                f'<rect x="{_LEFT}" y="{place}" width="{ratio * _UNIT:.1f}" height="{_BAR - 2}" fill="{color}"/>'
            )
            rows.append(_text(_LEFT + ratio * _UNIT + 5, place + 12, f"{ratio:.2f}"))
        top += len(each) * _BAR + _GAP
    line = f'<path d="M{_LEFT + _UNIT} {_TOP - 8}V{top}" stroke="#c0392b" stroke-dasharray="4 3"/>'
    legend = "".join(
        f'<rect x="{at * 160}" y="8" width="12" height="12" fill="{_COLORS[at % len(_COLORS)]}"/>'
        + _text(at * 160 + 18, 18, name)
        for at, name in enumerate(names)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(width, 500)} {top + 10}" font-family="sans-serif" '
        f'font-size="12">{legend}{_text(_LEFT + _UNIT - 34, _TOP - 12, "sharp = 1")}{line}{"".join(rows)}</svg>\n'
    )


def _text(left: float, top: float, words: str) -> str:
    return f'<text x="{left:.0f}" y="{top:.0f}">{escape(words)}</text>'
