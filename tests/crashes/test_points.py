"""Whichever call is killed, refused or not answered: once retries and jobs have run, all is as if nothing had been."""

import pytest

from tests.crashes.conftest import Points
from tests.crashes.points import all_points, sample

ALL = all_points()
SAMPLE = sample(ALL.values())


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=name, marks=[] if name in SAMPLE else [pytest.mark.slow]) for name in ALL]
)
def test_point(points: Points, name: str) -> None:
    """Replay one: python -m pytest "tests/crashes/test_points.py::test_point[NAME]"."""
    report = points.run(name)
    assert report["differences"] == []
