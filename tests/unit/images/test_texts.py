"""The forms of texts: once a text is in its form, it stays the same."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.http import json_schema
from chalicelib.images.schemas import CHANGE
from chalicelib.images.texts import to_caseless, to_line, to_tag
from tests.breadth import examples

# Characters whose other case or composed form has another length, and spaces of all kinds.
ODD = "ßİıſŉΣσςǅﬁé\u0301\u0130\u0958\ufb2c\u0344\u2000\u3000\u00a0 aA"
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.characters()), max_size=12)


@examples(400)
@given(TEXTS)
def test_a_text_in_its_form_keeps_it(text: str) -> None:
    for form in (to_line, to_tag, to_caseless):
        assert form(form(text)) == form(text)
    assert to_tag(to_line(text)) == to_tag(text)


@examples(400)
@given(TEXTS)
def test_what_the_schema_takes_has_something_to_read(text: str) -> None:
    if not json_schema.faults(CHANGE, {"imageId": "img_1", "title": text}):
        assert to_line(text)
        assert to_tag(text)
    elif "\n" not in text and text.isprintable():
        assert not text.strip()


@given(st.text(st.characters(codec="ascii"), max_size=12))
def test_ascii_is_the_same_in_every_case(text: str) -> None:
    assert to_caseless(text) == to_caseless(text.upper()) == to_caseless(text.swapcase())
