"""Reading an `Accept` header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import NotAcceptableError
from chalicelib.core.http.accept import preferred

OFFERED = ["image/jpeg", "image/webp", "image/avif"]


@pytest.mark.parametrize(
    ("accept", "given_"),
    [
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/webp", "image/webp"),
        ("IMAGE/WEBP", "image/webp"),
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "image/jpeg"),
        ("image/avif,image/webp;q=0.9,*/*;q=0.5", "image/avif"),
        ("image/webp;q=0.5,image/avif;q=0.9", "image/avif"),
        ("image/webp ; q=0.5 , image/avif ; Q=0.9", "image/avif"),
        ("image/jpeg;q=0.1,image/webp;q=0.100", "image/jpeg"),
        # The more specific range decides, in any order.
        ("image/*,image/jpeg;q=0", "image/webp"),
        ("image/jpeg;q=0,image/*", "image/webp"),
        ("*/*,image/*;q=0.1,image/avif;q=0.2", "image/avif"),
        ("image/jpeg;q=0.0,image/webp;q=0.000,*/*;q=0.1", "image/avif"),
        ("image/jpeg;q=0", "image/webp"),
        # None of the ranges matches our types.
        ("application/json", "image/jpeg"),
        ("image/png,image/jpeg;q=0", "image/webp"),
        # A parameter that none of our types has.
        ("image/webp;level=1", "image/jpeg"),
        ("image/webp;q=1;level=1", "image/webp"),
        # Partly or completely invalid headers.
        (";", "image/jpeg"),
        ("image/webp;q=2", "image/jpeg"),
        ("image/webp;q=-1,image/avif", "image/avif"),
        ("image/webp;q=,;;q=0,,/,image,*/webp,image/avif;q=0.1", "image/avif"),
        ('text/plain;a="x,image/avif",image/webp', "image/webp"),
        ('text/plain;a="x,image/avif', "image/jpeg"),
    ],
)
def test_the_preferred_media_type_is_chosen(accept: str, given_: str) -> None:
    assert preferred(accept, OFFERED) == given_


@pytest.mark.parametrize("accept", ["*/*;q=0", "image/*;q=0.00", "image/jpeg;q=0,image/webp;q=0,image/avif;q=0"])
def test_a_refused_media_type_is_not_chosen(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="image/jpeg, image/webp, image/avif"):
        preferred(accept, OFFERED)


@given(st.text() | st.text('image/webp*;q=0.1,"\\ '))
def test_any_accept_header_is_read_without_an_error(accept: str) -> None:
    try:
        assert preferred(accept, OFFERED) in OFFERED
    except NotAcceptableError:
        assert "q" in accept.lower()
