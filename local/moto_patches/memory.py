"""moto forgets what is deleted. It would keep everything that it ever made, for a page that nobody opens here."""

from typing import Any

from local.patching import patch


def forget_deleted_things() -> None:
    """Keep no list of all objects, rows and messages."""
    from moto.core.common_models import BaseModel

    def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)

    patch(BaseModel, "__new__", make)
