"""One field table a record: what is stored, shown and exported follows from the fields of a dataclass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import pytest

from chalicelib.core.aws.records import EXPORTED, LATER, REASON, SHOWN, UNSTORED, Exported, Record, Shown, Stored
from chalicelib.core.aws.records import derived as shown_as
from chalicelib.core.schemas import TEXT, shape


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


@dataclass(frozen=True)
class Part(Record):
    name: Annotated[str, SHOWN, EXPORTED]
    key: str

    @cached_property
    @shown_as(TEXT)
    def link(self) -> str:
        return f"https://example.com/{self.key}"


@dataclass(frozen=True, kw_only=True)
class Thing(Record):
    id: Annotated[str, Stored("thingId"), SHOWN, Shown("admin")]
    file_size: Annotated[int | None, SHOWN, Exported("Size", "bytes")] = None
    colours: Annotated[frozenset[Colour], Shown(last=True), Exported("Colours", name="allColours")] = frozenset()
    is_active: Annotated[bool, Shown("admin")] = True
    reason: Annotated[str | None, REASON] = None
    parts: Annotated[tuple[Part, ...], SHOWN, Exported("Parts"), LATER] = ()
    notes: Annotated[Mapping[str, Any], LATER] = field(default_factory=dict)
    attempt: Annotated[int, UNSTORED] = 0

    @property
    @shown_as({"enum": ["small", "large"]}, after="file_size")
    def size_class(self) -> str:
        return "large" if (self.file_size or 0) > 100 else "small"


ROW = {
    "thingId": "t",
    "fileSize": Decimal(200),
    "colours": ["RED", "BLUE"],
    "isActive": False,
    "reason": "CODE: Why: because",
    "parts": [{"name": "p", "key": "k"}],
    "notes": {"n": 1},
}
THING = Thing(
    id="t",
    file_size=200,
    colours=frozenset(Colour),
    is_active=False,
    reason="CODE: Why: because",
    parts=(Part("p", "k"),),
    notes={"n": 1},
)


def test_a_row_is_read_in_the_types_of_its_fields_and_written_as_it_was() -> None:
    thing = Thing.from_item({**ROW, "ofAnotherVersion": 1})
    assert thing == THING
    assert type(thing.file_size) is int
    assert all(type(colour) is Colour for colour in thing.colours)
    assert thing.to_item() == {**ROW, "colours": ["BLUE", "RED"]}


def test_attributes_that_a_row_lacks_get_the_fields_defaults() -> None:
    assert Thing.from_item({"thingId": "t", "fileSize": None}) == Thing(id="t")
    with pytest.raises(TypeError, match="id"):
        Thing.from_item({"fileSize": 1})


def test_a_new_row_lacks_what_is_none_and_what_a_later_write_sets() -> None:
    assert Thing(id="t", attempt=3).to_item() == {"thingId": "t", "colours": [], "isActive": True}
    assert Thing.attributes() == set(ROW)


def test_an_answer_has_what_is_shown_in_the_order_of_fields() -> None:
    assert list(THING.shown().items()) == [
        ("thingId", "t"),
        ("fileSize", 200),
        ("sizeClass", "large"),
        ("reason", {"code": "CODE", "message": "Why: because"}),
        ("parts", [{"name": "p", "link": "https://example.com/k"}]),
        ("colours", ["BLUE", "RED"]),
    ]
    assert THING.shown("admin") == {"thingId": "t", "isActive": False}


def test_the_schema_of_an_answer_follows_from_the_types() -> None:
    assert Thing.schema() == shape(
        {
            "thingId": TEXT,
            "fileSize": {"type": ["integer", "null"]},
            "sizeClass": {"enum": ["small", "large"]},
            "reason": {"anyOf": [{"type": "null"}, shape({"code": TEXT, "message": TEXT})]},
            "parts": {"type": "array", "items": shape({"name": TEXT, "link": TEXT})},
            "colours": {"type": "array", "items": {"enum": ["RED", "BLUE"]}},
        }
    )
    assert Thing.schema("admin") == shape({"thingId": TEXT, "isActive": {"type": "boolean"}})


def test_an_export_has_the_columns_that_are_marked() -> None:
    assert Thing.columns() == [
        ("fileSize", "Size", "bytes"),
        ("allColours", "Colours", "text"),
        ("parts", "Parts", "text"),
    ]
    assert THING.exported() == {"fileSize": 200, "allColours": ["BLUE", "RED"], "parts": [{"name": "p"}]}
