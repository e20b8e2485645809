"""Limits of an account that moto lacks: Lambda's concurrency and SES's sandbox."""

import json
from typing import Any

from local.patching import patch

Answer = tuple[int, dict[str, str], str]

# The account's concurrent executions, and those that cannot be reserved.
LIMIT = 1000
_ALWAYS_UNRESERVED = 100

_ACCOUNT = {"concurrency": LIMIT, "sandbox": False}


def set_account(concurrency: int = LIMIT, sandbox: bool = False) -> None:
    """Sets the limit of concurrent executions, and whether SES is in its sandbox."""
    _ACCOUNT.update(concurrency=concurrency, sandbox=sandbox)


def install() -> None:
    """Adds the limits to the embedded AWS."""
    from moto.awslambda import urls
    from moto.awslambda.models import LambdaBackend
    from moto.awslambda.responses import LambdaResponse
    from moto.sesv2 import urls as ses_urls
    from moto.sesv2.responses import SESV2Response

    urls.url_paths[r"{0}/(?P<api_version>[^/]+)/account-settings/?$"] = LambdaResponse.dispatch
    ses_urls.url_paths = {"{0}/v2/email/account$": SESV2Response.dispatch, **ses_urls.url_paths}
    patch(LambdaResponse, "get_account_settings", _settings)
    patch(SESV2Response, "get_account", _ses)
    stock = LambdaBackend.put_function_concurrency

    def put_function_concurrency(self: Any, function_name: str, reserved_concurrency: str) -> str:
        others = reserved(self, but=function_name)
        check(others + int(reserved_concurrency))
        answer: str = stock(self, function_name, reserved_concurrency)
        return answer

    patch(LambdaBackend, "put_function_concurrency", put_function_concurrency)


def check(number: int) -> None:
    """Raises Lambda's error if too few unreserved executions would be left."""
    from moto.awslambda.exceptions import InvalidParameterValueException

    always = min(_ALWAYS_UNRESERVED, _ACCOUNT["concurrency"])
    if _ACCOUNT["concurrency"] - number < always:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
            f"minimum value of [{always}]."
        )


def reserved(backend: Any, but: str = "") -> int:
    """The executions that functions reserve."""
    functions = backend.list_functions()
    return sum(int(each.reserved_concurrency or 0) for each in functions if each.function_name != but)


def _settings(self: Any) -> Answer:
    total = _ACCOUNT["concurrency"]
    limit = {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": total - reserved(self.backend)}
    return 200, {}, json.dumps({"AccountLimit": limit, "AccountUsage": {}})


def _ses(self: Any) -> str:
    return json.dumps({"ProductionAccessEnabled": not _ACCOUNT["sandbox"], "SendingEnabled": True})
