"""The browser of these tests, and readers of the page in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from local.accounts import ADMIN
from local.accounts import PASSWORD as LOCAL_PASSWORD
from local.machine import Machine
from tests.browser import chromium
from tests.browser.reader import Reader
from tests.journeys.user import User

_FOLDER = Path(__file__).parent
# How long a slow machine may take until what a test waits for is seen.
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Left to `make test-browser`."""
    for item in items:
        if item.path.is_relative_to(_FOLDER):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = chromium.find()
    if program is None:
        pytest.skip(chromium.HOW_TO_GET_IT)
    with sync_playwright() as playwright:
        # The sandbox needs a user other than root; --no-proxy-server: the machine under test is this one.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never seen the page."""
    made = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    made.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def reader(machine: Machine, page: Page) -> Iterator[Reader]:
    """Somebody before the page, who is not signed in. Fails the test if the browser complained of anything."""
    made = Reader(page, machine.api_url)
    yield made
    assert made.complaints == []


@pytest.fixture
def sign_in(reader: Reader) -> Callable[[User], Reader]:
    """Opens the page as a user who is signed in already."""

    def signed_in(user: User) -> Reader:
        reader.begin_session(user)
        return reader

    return signed_in


@pytest.fixture
def user(machine: Machine) -> User:
    """A new user, with nothing yet."""
    return User.new(machine.api_url, name="Ann")


@pytest.fixture(scope="session")
def admin(machine: Machine) -> User:
    """The local machine's administrator, signed in."""
    made = User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    made.sign_in()
    return made
