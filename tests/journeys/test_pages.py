"""A page of a list fits into an answer of Lambda, however large its items are."""

import json

import pytest

from chalicelib.core import ids
from chalicelib.core.aws.tables import Page, Table
from chalicelib.core.settings import Settings
from local.machine import Machine

ACTIONS = Table(Settings.ACTIONS_TABLE, "userId", "actionId")
# Lambda answers with at most 6 MB; a page may have a third of that.
LARGEST = 2_000_000


def test_large_items_make_shorter_pages_and_none_is_lost(machine: Machine, function: pytest.MonkeyPatch) -> None:
    user = ids.new_id("pages")
    made = [ids.new_id("act") for _ in range(9)]
    for each in made:
        ACTIONS.put({"userId": user, "actionId": each, "metadata": {"text": "x" * 390_000}})
    pages: list[Page] = []
    after: str | None = None
    while not pages or after is not None:
        pages.append(ACTIONS.page(user, limit=100, after=after))
        after = pages[-1].next_after
    assert [item["actionId"] for page in pages for item in page.items] == sorted(made, reverse=True)
    assert all(len(json.dumps(page.items)) <= LARGEST for page in pages)
    for each in made:
        ACTIONS.delete(user, each)
