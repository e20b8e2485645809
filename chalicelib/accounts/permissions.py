"""The permissions that several resources share: predicates on who calls and with what; only True allows."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.http.operations import Caller, public, refusal_message

__all__ = ["can_export", "can_report", "is_admin", "public", "signed_in"]


def signed_in(user: Caller, data: Mapping[str, Any]) -> bool:
    """Any caller who was authenticated. What they own is found by keys that begin with their own id."""
    return bool(user.id)


@refusal_message("Only administrators may do this")
def is_admin(user: Caller, data: Mapping[str, Any]) -> bool:
    return user.role == "ADMIN"


@refusal_message("Insufficient permissions for report generation")
def can_report(user: Caller, data: Mapping[str, Any]) -> bool:
    return user.role == "ADMIN"


@refusal_message("Data export not enabled for this user")
def can_export(user: Caller, data: Mapping[str, Any]) -> bool:
    """Whoever an administrator has given the right to export what they own."""
    return user.can_export_data
