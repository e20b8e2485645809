"""The units that the cost benchmark counts are those of the examples in DynamoDB's documentation."""

import pytest

from bench._aws_calls import item_size, write_units

KEYS_ONLY = (("unfinished", "since"), frozenset({"id", "unfinished", "since"}))
WAITING = {"id": {"S": "1"}, "unfinished": {"S": "yes"}, "since": {"S": "2026-01-01"}}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "naïve"}, 6),
        ({"N": "123"}, 3),
        ({"N": "-0.5"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": [{"S": "ab"}, {"S": "c"}]}, 3 + 3 + 2),
        ({"M": {"a": {"S": "bc"}}}, 3 + 4),
    ],
)
def test_an_items_size_is_that_of_its_names_and_values(value: dict[str, object], size: int) -> None:
    assert item_size({"name": value}) == len("name") + size


def test_a_write_takes_a_unit_for_each_kilobyte_of_the_larger_item() -> None:
    small, large = {"id": {"S": "1"}}, {"id": {"S": "1"}, "text": {"S": "x" * 1500}}
    assert write_units(None, small) == 1
    assert write_units(None, large) == 2
    assert write_units(large, small) == 2
    assert write_units(small, None) == 1


def test_an_index_takes_a_write_only_where_its_entry_changes() -> None:
    assert write_units(WAITING, {**WAITING, "size": {"N": "7"}}, [KEYS_ONLY]) == 1
    assert write_units(None, WAITING, [KEYS_ONLY]) == 2
    assert write_units(WAITING, {"id": {"S": "1"}}, [KEYS_ONLY]) == 2


def test_an_entry_whose_key_changes_is_taken_out_and_put_in() -> None:
    assert write_units(WAITING, {**WAITING, "since": {"S": "2026-01-02"}}, [KEYS_ONLY]) == 3
