"""Table records: dataclasses whose fields say once how an attribute is stored, shown in answers, and exported.

    @dataclass(frozen=True, kw_only=True)
    class Image(Record):
        image_id: Annotated[str, SHOWN, Exported("Image")]
        file_size: Annotated[int | None, SHOWN, Exported("Size", "bytes")] = None

The attribute's name is the field's in camel case; the field's type says how it is converted and its JSON Schema.
A row of a former version may lack attributes: a missing one gets the field's default.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Self, TypeVar, Union, get_args, get_origin

from chalicelib.core.schemas import TEXT, Schema, shape

OWNER = "owner"
Conversion = Callable[[Any], Any]
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Stored:
    """How an attribute is stored, where the field's name and type do not say it. `name` None: it is not stored.

    `later`: a new row lacks the attribute, a later write sets it.
    """

    name: str | None = ""
    read: Conversion | None = None
    later: bool = False


@dataclass(frozen=True)
class Shown:
    """The attribute is in answers to `view`, in the order of fields, or after all others (`last`).

    `schema` and `value` replace the JSON Schema and the conversion that follow from the type.
    """

    view: str = OWNER
    schema: Schema | None = None
    value: Conversion | None = None
    last: bool = False


@dataclass(frozen=True)
class Exported:
    """The attribute is a column of exports; `kind` says how documents show its values, `name` replaces its name."""

    title: str = ""
    kind: str = "text"
    name: str = ""


SHOWN, EXPORTED, LATER, UNSTORED = Shown(), Exported(), Stored(later=True), Stored(name=None)


def _reason(stored: str) -> dict[str, str]:
    code, _, message = stored.partition(": ")
    return {"code": code, "message": message}


# For a text "code: sentence", which is shown as an object.
REASON = Shown(schema={"anyOf": [{"type": "null"}, shape({"code": TEXT, "message": TEXT})]}, value=_reason)


def derived(schema: Schema, *marks: Shown | Exported, after: str = "") -> Callable[[Method], Method]:
    """Shows the value of a property, behind the field `after` or at the end. Stands below `@property`."""

    def mark(method: Method) -> Method:
        method.__dict__["derived"] = (_Form(schema), marks or (SHOWN,), after)
        return method

    return mark


@dataclass(frozen=True)
class Record:
    """A row of a table, or a map inside of a row."""

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        values = {}
        for field, name, read in _plan(cls).read:
            value = item.get(name)
            if value is not None:
                values[field] = value if read is None else read(value)
        new: Callable[..., Self] = cls
        return new(**values)

    def to_item(self) -> dict[str, Any]:
        """The row. None is not stored."""
        item = {}
        for field, name, write, missing in _plan(type(self)).written:
            value = getattr(self, field)
            if value is not None and value != missing:
                item[name] = value if write is None else write(value)
        return item

    def shown(self, view: str = OWNER) -> dict[str, Any]:
        """The record in answers to `view`."""
        return self._converted(_plan(type(self)).shown[view])

    def exported(self) -> dict[str, Any]:
        """The record in exports."""
        return self._converted(_plan(type(self)).exported)

    def _converted(self, steps: "list[_Step]") -> dict[str, Any]:
        values = {}
        for field, name, convert in steps:
            value = getattr(self, field)
            values[name] = value if convert is None or value is None else convert(value)
        return values

    @classmethod
    def show_item(cls, item: Mapping[str, Any]) -> dict[str, Any]:
        """The row as its owner sees it."""
        return cls.from_item(item).shown()

    @classmethod
    def schema(cls, view: str = OWNER) -> dict[str, Any]:
        """The JSON Schema of what `shown` gives."""
        return shape(_plan(cls).schemas.get(view, {}))

    @classmethod
    def columns(cls) -> list[tuple[str, str, str]]:
        """The columns of exports: name, title, kind."""
        return _plan(cls).columns

    @classmethod
    def attributes(cls) -> frozenset[str]:
        """The names of all attributes that a row may have."""
        return frozenset(name for _, name, _ in _plan(cls).read)


class _Form(NamedTuple):
    """A type's JSON Schema, and how its values are read, written, shown and exported (None: as they are)."""

    schema: Schema
    read: Conversion | None = None
    write: Conversion | None = None
    show: Conversion | None = None
    export: Conversion | None = None


class _Attribute(NamedTuple):
    """A field, or a property that is `derived`. A new row lacks the attribute where its value is `missing`."""

    field: str
    name: str
    form: _Form
    marks: tuple[Any, ...]
    missing: Any = None


_Step = tuple[str, str, Conversion | None]


class _Plan:
    """What follows from a record's fields: the field, the attribute and the conversion of each step."""

    def __init__(self, cls: type[Record]) -> None:
        stored = [each for each in map(_attribute, dataclasses.fields(cls)) if UNSTORED not in each.marks]
        self.read: list[_Step] = [(each.field, each.name, each.form.read) for each in stored]
        self.written = [(each.field, each.name, each.form.write, each.missing) for each in stored]
        self.shown: dict[str, list[_Step]] = {}
        self.schemas: dict[str, dict[str, Schema]] = {}
        self.exported: list[_Step] = []
        self.columns: list[tuple[str, str, str]] = []
        marked = [(mark, each) for each in _with_derived(cls, stored) for mark in each.marks]
        for mark, each in sorted(marked, key=lambda pair: isinstance(pair[0], Shown) and pair[0].last):
            if isinstance(mark, Shown):
                self.shown.setdefault(mark.view, []).append((each.field, each.name, mark.value or each.form.show))
                self.schemas.setdefault(mark.view, {})[each.name] = mark.schema or each.form.schema
            elif isinstance(mark, Exported):
                self.exported.append((each.field, mark.name or each.name, each.form.export))
                self.columns.append((mark.name or each.name, mark.title, mark.kind))


_plans: dict[type[Record], _Plan] = {}


def _plan(cls: type[Record]) -> _Plan:
    return _plans.get(cls) or _plans.setdefault(cls, _Plan(cls))


def _attribute(field: "dataclasses.Field[Any]") -> _Attribute:
    form, marks = _form(field.type), getattr(field.type, "__metadata__", ())
    stored = next((mark for mark in marks if isinstance(mark, Stored)), Stored())
    form = form._replace(read=stored.read or form.read)
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    missing = default if stored.later else None
    return _Attribute(field.name, stored.name or _camel_case(field.name), form, marks, missing)


def _with_derived(cls: type[Record], stored: list[_Attribute]) -> list[_Attribute]:
    attributes = list(stored)
    for name, member in vars(cls).items():
        method: Any = getattr(member, "fget", getattr(member, "func", None))
        if hasattr(method, "derived"):
            form, marks, after = method.derived
            place = next((i for i, each in enumerate(attributes, 1) if each.field == after), len(attributes))
            attributes.insert(place, _Attribute(name, _camel_case(name), form, marks))
    return attributes


def _camel_case(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


_FORMS = {
    str: _Form(TEXT),
    int: _Form({"type": "integer"}, int),
    float: _Form({"type": "number"}, float),
    bool: _Form({"type": "boolean"}, lambda value: value is True),
}


def _form(hint: Any) -> _Form:
    """How values of a type are treated. A mapping, and what is not known, is an object that stays as it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _form(arguments[0])
    if origin in (Union, UnionType):
        form = _form(next(each for each in arguments if each is not NoneType))
        return form._replace(schema={**form.schema, "type": [form.schema.get("type"), "null"]})
    if origin in (tuple, frozenset):
        schema, read, *others = _form(arguments[0])
        make = list if origin is tuple else sorted
        return _Form({"type": "array", "items": schema}, _of_each(origin, read), *(_of_each(make, c) for c in others))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Form({"enum": [str(each) for each in hint]}, hint, str)
    if isinstance(hint, type) and issubclass(hint, Record):
        return _Form(hint.schema(), hint.from_item, hint.to_item, hint.shown, hint.exported)
    return _FORMS.get(hint, _Form({"type": "object"}))


def _of_each(collect: Conversion, convert: Conversion | None) -> Conversion:
    return collect if convert is None else lambda values: collect(map(convert, values))
