"""A server that is away, for a part of the API, as the page sees it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import expect

from tests.browser.reader import Reader


@contextmanager
def away(reader: Reader, path: str) -> Iterator[None]:
    """Requests to this path of the API get no answer."""
    # Not the page's own files, which lie beside it: reports/parts.js.
    pattern = re.compile(rf"{re.escape(reader.url)}/{path}(\?|$)")
    reader.page.route(pattern, lambda route: route.abort())
    yield
    reader.page.unroute(pattern)


def see_that_it_recovers(reader: Reader, view: str, heading: str, path: str) -> None:
    """The view says that the server is away; "Try again" shows what it has once the server is back."""
    with away(reader, path):
        reader.go(view, heading)
        failure = reader.page.get_by_role("alert").filter(has_text="does not answer")
        expect(failure).to_be_visible()
        assert reader.violations() == [], view
    failure.get_by_role("button", name="Try again").click()
    expect(failure).to_be_hidden()
