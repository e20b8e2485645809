"""What moto looks up again for every request: its own folder, the service of an address, a service's methods."""

import functools
from typing import Any

from local.patching import patch


def patch_request_lookup() -> None:
    """Keep the results, so that each is looked up once."""
    from moto import backends
    from moto.core import responses, utils
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    modules = tuple(backends.list_of_moto_modules())
    patch(backends, "list_of_moto_modules", lambda: modules)
    patch(responses, "method_names_from_class", functools.cache(utils.method_names_from_class))
    find = DomainDispatcherApplication.get_backend_for_host
    by_host: dict[str | None, Any] = {}

    def get_backend_for_host(self: Any, host: str | None) -> Any:
        if host not in by_host:
            by_host[host] = find(self, host)
        return by_host[host]

    patch(DomainDispatcherApplication, "get_backend_for_host", get_backend_for_host)
