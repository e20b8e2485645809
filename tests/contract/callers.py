"""Who calls in a run of schemathesis: an administrator, an API key, or nobody.

A request that ends its caller gets a caller of its own, and so does one whose operation has a limit of its own.
"""

import threading
from typing import Any, Protocol

import boto3
import requests

import app as manifest
from chalicelib.core.http.limits import Limit
from chalicelib.core.http.operations import Operation
from infra import triggers
from infra.function_grants import API
from infra.settings import LOCAL_STAGE, environment_of, with_stage
from local.accounts import grant
from tests.contract.running import Running
from tests.journeys.user import User

OPERATIONS: dict[str, Operation] = {
    f"{method} {path}".replace("TOOL", "POST"): view.operation
    for method, path, view in triggers.routes_and_tools(manifest.app)
}


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
    """An administrator with an access token. An operation gets another one when its own limit is near."""

    # Operations after which their caller cannot call again.
    ends_its_caller = frozenset({"sign_out", "erase_account"})

    def __init__(self, there: Running) -> None:
        self._url, self._lock = there.url, threading.Lock()
        self._environment = environment_of(with_stage(LOCAL_STAGE), LOCAL_STAGE, API)
        self._dynamodb = boto3.client(
            "dynamodb",
            endpoint_url=there.aws_url,
            region_name=self._environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self._environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._environment["AWS_SECRET_ACCESS_KEY"],
        )
        self._shared = self._new_token()
        # By operation: whose turn it is, and for how many requests.
        self._turns: dict[str, tuple[str, int]] = {}

    def get(self, case: Any, context: Any) -> str | None:
        """The token of a caller who may call this operation now."""
        operation = OPERATIONS[case.operation.label]
        if operation.name in self.ends_its_caller:
            return self._new_token()
        # A check may send a request two more times: with another token, and without one.
        most = max(1, operation.limit.number // 3) if isinstance(operation.limit, Limit) else 10**9
        with self._lock:
            token, left = self._turns.get(operation.name, (self._shared, most))
            if not left:
                token, left = self._new_token(), most
            self._turns[operation.name] = token, left - 1
        return token

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

    def _new_token(self) -> str:
        return str(self._new_user().tokens["accessToken"])

    def _new_user(self) -> User:
        user = User.new(self._url)
        # Not through the API: what schemathesis sends may have demoted whoever could do it there.
        rights = {"role": {"S": "ADMIN"}, "canExportData": {"BOOL": True}}
        grant(self._dynamodb, self._environment["USERS_TABLE"], user.id, rights)
        return user


class WithKey(SignedIn):
    """The same with an API key that opens everything."""

    ends_its_caller: frozenset[str] = frozenset()

    def _new_token(self) -> str:
        issued = self._new_user().post("/keys", name="all", accessTypes=["full_access", "admin"])
        assert issued.status_code == 200, issued.text
        return str(issued.json()["key"])


def fetch_contract(url: str) -> dict[str, Any]:
    """The contract that the running API serves."""
    contract: dict[str, Any] = requests.get(f"{url}/openapi.json", timeout=30).json()
    return contract
