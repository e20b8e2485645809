"""Lambda's provisioned concurrency, which moto lacks: by function and alias, ready at once."""

import json
from typing import Any
from urllib.parse import unquote

from local.patching import patch
from tests.deploy import quotas

_PATH = r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/provisioned-concurrency/?$"
_NONE = "ProvisionedConcurrencyConfigNotFoundException"

Answer = tuple[int, dict[str, str], str]


def install() -> None:
    """Adds it to the embedded Lambda."""
    from moto.awslambda import urls
    from moto.awslambda.models import LambdaBackend
    from moto.awslambda.responses import LambdaResponse

    urls.url_paths[_PATH] = LambdaResponse.dispatch
    patch(LambdaResponse, "put_provisioned_concurrency_config", _put)
    patch(LambdaResponse, "get_provisioned_concurrency_config", _get)
    patch(LambdaResponse, "list_provisioned_concurrency_configs", _list)
    patch(LambdaResponse, "delete_provisioned_concurrency_config", _delete)
    delete = LambdaBackend.delete_function

    def delete_function(self: Any, function_name: str, qualifier: str | None = None) -> None:
        for kept in [each for each in _kept(self) if each[0] == function_name.rpartition(":function:")[2]]:
            del _kept(self)[kept]
        delete(self, function_name, qualifier)

    patch(LambdaBackend, "delete_function", delete_function)


def _kept(backend: Any) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = backend.__dict__.setdefault("provisioned", {})
    return found


def _named(response: Any) -> tuple[str, str]:
    name = unquote(response.path.split("/")[3]).rpartition(":function:")[2]
    return name, response._get_param("Qualifier")


def _put(self: Any) -> Answer:
    name, qualifier = _named(self)
    number = json.loads(self.body)["ProvisionedConcurrentExecutions"]
    if qualifier == "$LATEST":
        return _refused("InvalidParameterValueException", 400, "Provisioned Concurrency Configs cannot be $LATEST.")
    # Raises if the version or alias does not exist.
    function = self.backend.get_function(name, qualifier)
    if function.reserved_concurrency is not None and number > int(function.reserved_concurrency):
        return _refused("InvalidParameterValueException", 400, "More than what is reserved for the function.")
    quotas.check(quotas.reserved(self.backend, but=name) + number)
    _kept(self.backend)[name, qualifier] = {
        "RequestedProvisionedConcurrentExecutions": number,
        "AvailableProvisionedConcurrentExecutions": number,
        "AllocatedProvisionedConcurrentExecutions": number,
        "Status": "READY",
        "LastModified": "2026-01-01T00:00:00+0000",
    }
    return 202, {}, json.dumps(_kept(self.backend)[name, qualifier])


def _get(self: Any) -> Answer:
    if self.querystring.get("List") == ["ALL"]:
        return _list(self)
    found = _kept(self.backend).get(_named(self))
    if found is None:
        return _refused(_NONE, 404, "No Provisioned Concurrency Config found for this function")
    return 200, {}, json.dumps(found)


def _list(self: Any) -> Answer:
    name, _ = _named(self)
    arn = self.backend.get_function(name).function_arn
    found = [
        {"FunctionArn": f"{arn}:{qualifier}", **each}
        for (function, qualifier), each in _kept(self.backend).items()
        if function == name
    ]
    return 200, {}, json.dumps({"ProvisionedConcurrencyConfigs": found})


def _delete(self: Any) -> Answer:
    if _kept(self.backend).pop(_named(self), None) is None:
        return _refused(_NONE, 404, "No Provisioned Concurrency Config found for this function")
    return 204, {}, ""


def _refused(code: str, status: int, message: str) -> Answer:
    body = json.dumps({"Type": "User", "Message": message, "message": message})
    return status, {"status": str(status), "x-amzn-ErrorType": code}, body
