"""The permissions that several resources share: predicates on who calls and with what; only True allows."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.operations import Caller, public

__all__ = ["can_export", "is_admin", "public", "signed_in"]


def signed_in(user: Caller, data: Mapping[str, Any]) -> bool:
    """Any caller who was authenticated. What they own is found by keys that begin with their own id."""
    return bool(user.id)


def is_admin(user: Caller, data: Mapping[str, Any]) -> bool:
    return user.role == "ADMIN"


def can_export(user: Caller, data: Mapping[str, Any]) -> bool:
    """Whoever an administrator has given the right to export what they own."""
    return user.can_export_data
