"""Ids, timestamps, cursors and JSON."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequestError


def test_ids_sort_by_creation_time_and_never_repeat() -> None:
    made = [ids.new_id("img") for _ in range(2_000)]
    assert len(set(made)) == len(made)
    assert [name[:14] for name in made] == sorted(name[:14] for name in made)
    assert all(name.startswith("img_") and len(name) == 30 for name in made)


def test_timestamps_are_utc_with_milliseconds() -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789_123, UTC)
    assert ids.timestamp(moment) == "2026-02-03T04:05:06.789Z"


@given(st.text(min_size=1))
def test_a_cursor_is_decoded_to_its_key(key: str) -> None:
    assert ids.from_cursor(ids.to_cursor(key)) == key


@pytest.mark.parametrize("cursor", ["", "ü", "a", "%%%", "////", "a b"])
def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequestError):
        ids.from_cursor(cursor)


def test_json_has_decimals_as_numbers_and_refuses_unknown_types() -> None:
    assert ids.to_json({"whole": Decimal("3"), "part": Decimal("0.5")}) == '{"whole":3,"part":0.5}'
    with pytest.raises(TypeError):
        ids.to_json({"bytes": b""})


@pytest.mark.parametrize(("size", "fitting"), [(0, 1), (7, 1), (14, 2), (20, 2), (21, 3), (100, 3)])
def test_as_many_items_fit_as_their_json_allows_and_at_least_one(size: int, fitting: int) -> None:
    # Each is seven characters long: {"a":1}.
    assert ids.count_fitting([{"a": 1}] * 3, size) == fitting


def test_no_items_fit_if_there_are_none() -> None:
    assert ids.count_fitting([], 100) == 0
