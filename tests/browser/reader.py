"""A person who uses the page: what they do, what they see, and what the browser complains of."""

import json
import re
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, expect

from tests import node
from tests.journeys.user import User

# The page's own refusals are no complaint: the browser reports each response of 400 and more.
_ANSWER = re.compile(r"Failed to load resource: the server responded with a status of [45]\d\d")
_LOST = "Failed to load resource: net::ERR_"
_AXE = node.tool("axe-core", "axe.min.js")


class Reader:
    """`complaints` are errors and warnings of the browser's console. `page` is Playwright's."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, view: str = "") -> None:
        """Open the page at a view, like `images?tag=lake`."""
        self.page.goto(f"{self.url}/#/{view}")

    def go(self, view: str, heading: str) -> None:
        """Go to a view of the page that is open; returns when it is shown."""
        self.page.evaluate("view => { location.hash = `#/${view}` }", view)
        self.see_heading(heading)

    def see_heading(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", name=heading, level=1)).to_be_visible()

    def begin_session(self, user: User) -> None:
        """Sign in by the API, and hand the tokens to the page: the form has tests of its own."""
        tokens = {
            "accessToken": user.tokens["accessToken"],
            "refreshToken": user.tokens["refreshToken"],
            "expiresAt": 4_102_444_800_000,
            "email": user.email,
        }
        self.page.goto(f"{self.url}/assets/none")
        self.page.evaluate("tokens => localStorage.setItem('darkroom-session', tokens)", json.dumps(tokens))
        self.complaints.clear()

    def violations(self) -> list[str]:
        """What axe-core finds wrong with what is shown: rule, and the elements."""
        self.page.evaluate(_AXE.read_text())
        found: dict[str, Any] = self.page.evaluate("async () => await axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node_['html'][:200]} {node_['failureSummary']}"
            for each in found["violations"]
            for node_ in each["nodes"]
        ]

    def is_wider_than_the_screen(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def _note(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type in ("error", "warning") and not _ANSWER.match(text) and not text.startswith(_LOST):
            self.complaints.append(text)
