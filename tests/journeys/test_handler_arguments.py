"""The arguments that a handler gets by name, from a route and from a tool."""

from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib import accounts
from chalicelib.accounts.permissions import public, signed_in
from chalicelib.core.http import access, call
from local.machine import Machine
from tests.journeys.user import User
from tests.proxy_event import proxy_event


@pytest.mark.usefixtures("function")
def test_handlers_get_the_users_name_and_the_operations_name(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Chalice("tiny", configure_logs=False)
    monkeypatch.setattr(call, "setup", call.Setup())
    access.setup_validated(app, authenticate=accounts.authenticate)
    seen: list[Any] = []

    @app.route("/known")
    @access.validated(permission=signed_in, api_schema=None)
    def known(name: str, operation: str) -> None:
        seen.append((name, operation))

    @app.route("/anyone")
    @access.validated(permission=public)
    def anyone(name: str, operation: str) -> None:
        seen.append((name, operation))

    zoe = User.new(machine.api_url, name="Zoë")
    for path in ("/known", "/anyone"):
        assert app(proxy_event("GET", path, headers=zoe.headers), None)["statusCode"] == 200
    assert seen == [("Zoë", "known"), ("", "anyone")]
