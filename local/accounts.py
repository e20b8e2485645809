"""Creates the two accounts of a new local machine through the API, as a user would."""

import base64
import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.api_process import DIRECT
from local.errors import MachineError

PASSWORD = "Darkroom-2026!"
USER = "user@example.com"
ADMIN = "admin@example.com"
_TRIES, _PAUSE_SECONDS = 50, 0.1


def make_accounts(api_url: str, dynamodb: Any, table: str) -> None:
    """Create an ordinary user and an administrator; both may export data."""
    with ThreadPoolExecutor(2) as threads:
        user = threads.submit(_make_account, api_url, USER, "User")
        admin = threads.submit(_make_account, api_url, ADMIN, "Administrator")
    grant(dynamodb, table, user.result(), {"canExportData": {"BOOL": True}})
    grant(dynamodb, table, admin.result(), {"canExportData": {"BOOL": True}, "role": {"S": "ADMIN"}})


def _make_account(api_url: str, email: str, name: str) -> str:
    """Sign up, verify and sign in; the user's id."""
    _post(f"{api_url}/auth/signup", {"email": email, "password": PASSWORD, "name": name})
    _post(f"{api_url}/auth/verify", {"email": email, "code": "123456"})
    tokens = _post(f"{api_url}/auth/signin", {"email": email, "password": PASSWORD})
    claims = tokens["accessToken"].split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])


def grant(dynamodb: Any, table: str, user_id: str, attributes: dict[str, Any]) -> None:
    """Set attributes of a user's row, as DynamoDB writes them."""
    update = {
        "TableName": table,
        "Key": {"userId": {"S": user_id}},
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
        "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
        "ExpressionAttributeValues": {f":{name}": value for name, value in attributes.items()},
    }
    # A transaction adds the cost of the sign-in to the same row meanwhile.
    for tries_left in reversed(range(_TRIES)):
        try:
            dynamodb.update_item(**update)
            return
        except dynamodb.exceptions.TransactionConflictException:
            if not tries_left:
                raise
            time.sleep(_PAUSE_SECONDS)


def _post(url: str, body: dict[str, str]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with DIRECT.open(request, timeout=30) as response:
            content: dict[str, Any] = json.load(response)
            return content
    except urllib.error.HTTPError as error:
        raise MachineError(f"{url} answers {error.code}: {error.read(500).decode(errors='replace')}") from None
