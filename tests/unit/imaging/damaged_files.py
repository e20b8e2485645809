"""Small pictures of every kind with random damage, and what an operation on them comes to."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from chalicelib.imaging import ImageRejectedError
from tests.mutants import corpus


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(list(corpus().values()))))
    for _ in range(draw(st.integers(1, 4))):
        # Headers are short and pixels are many: half of the damage goes to the headers.
        reach = draw(st.sampled_from([min(len(data), 200), len(data)]))
        at = draw(st.integers(0, reach - 1))
        piece = draw(st.binary(max_size=6))
        if draw(st.booleans()):
            data[at : at + len(piece)] = piece
        else:
            data[at:at] = piece
    end = draw(st.one_of(st.none(), st.integers(0, len(data))))
    return bytes(data[:end])


def outcome(answer: Callable[[], object]) -> object:
    """The result, or the reason of the rejection."""
    try:
        return answer()
    except ImageRejectedError as rejection:
        return rejection.reason
