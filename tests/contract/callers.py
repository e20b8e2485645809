"""Who calls in a run of schemathesis: an administrator, an API key, or nobody.

A request that ends its caller gets a caller of its own, and so does one whose operation has a limit of its own.
"""

import threading
from typing import Any, Protocol

import requests

import app as manifest
from infra import triggers
from local.accounts import ADMIN, PASSWORD
from tests.journeys.user import User

OPERATIONS = {f"{method} {path}": view.operation for method, path, view in triggers.routes(manifest.app)}
# Operations after which their caller cannot call again.
_ENDS_ITS_CALLER = frozenset({"sign_out", "erase_account"})


class Caller(Protocol):
    """Who calls, as schemathesis asks for it."""

    def get(self, case: Any, context: Any) -> str | None: ...

    def set(self, case: Any, data: str, context: Any) -> None: ...


class Nobody:
    """No token at all."""

    def get(self, case: Any, context: Any) -> str | None:
        return None

    def set(self, case: Any, data: str, context: Any) -> None:
        return None


class SignedIn:
    """An administrator with an access token; another one for each operation, and whenever its own limit is near."""

    def __init__(self, url: str) -> None:
        self._url, self._lock = url, threading.Lock()
        self._first = User(url, ADMIN, PASSWORD)
        self._first.sign_in()
        self._tokens: dict[str, tuple[str, int]] = {}

    def get(self, case: Any, context: Any) -> str | None:
        """The token of a caller who may call this operation now."""
        operation = OPERATIONS[case.operation.label]
        most = 1 if operation.name in _ENDS_ITS_CALLER else getattr(operation.limit, "number", None)
        # Callers without a limit to reach are the same for all operations.
        place = "" if most is None else operation.name
        with self._lock:
            token, left = self._tokens.get(place, ("", 0))
            if not left:
                # A check may send a request two more times: with another token, and without one.
                token, left = self._new_token(), max(1, (most or 3000) // 3)
            self._tokens[place] = token, left - 1
        return token

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

    def _new_token(self) -> str:
        return str(self._new_user().tokens["accessToken"])

    def _new_user(self) -> User:
        user = User.new(self._url)
        rights = {"role": "ADMIN", "canExportData": True}
        changed = self._first.request("PATCH", f"/admin/users/{user.id}", json=rights)
        assert changed.status_code == 200, changed.text
        return user


class WithKey(SignedIn):
    """The same with an API key that opens everything."""

    def _new_token(self) -> str:
        issued = self._new_user().post("/keys", name="all", accessTypes=["full_access", "admin"])
        assert issued.status_code == 200, issued.text
        return str(issued.json()["key"])


def fetch_contract(url: str) -> dict[str, Any]:
    """The contract that the running API serves."""
    contract: dict[str, Any] = requests.get(f"{url}/openapi.json", timeout=30).json()
    return contract
