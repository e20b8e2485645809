"""API keys, issued over HTTP as their owners do."""

from typing import Any

from tests.journeys.user import User


def issue_key(owner: User, *access_types: str, **fields: Any) -> tuple[str, User]:
    """A new key's id, and a client that calls with it."""
    answer = owner.post("/keys", name="a key", accessTypes=list(access_types), **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["keyId"], key_holder(owner, answer.json()["key"])


def key_holder(owner: User, secret: str) -> User:
    """A client that sends the key's secret instead of the owner's token."""
    return User(owner.url, email=owner.email, tokens={"accessToken": secret})
