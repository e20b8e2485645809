"""The permissions that several wings share: predicates on the caller and the payload. Only True allows."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.http.operations import Caller, public, refusal_message

__all__ = ["can_export", "can_report", "is_admin", "public", "signed_in"]


def signed_in(user: Caller, data: Mapping[str, Any]) -> bool:
    """Any authenticated caller. They reach only their own rows: the keys of these begin with the caller's id."""
    return bool(user.id)


@refusal_message("Only administrators may do this")
def is_admin(user: Caller, data: Mapping[str, Any]) -> bool:
    return user.role == "ADMIN"


@refusal_message("Insufficient permissions for report generation")
def can_report(user: Caller, data: Mapping[str, Any]) -> bool:
    return user.role == "ADMIN"


@refusal_message("Data export not enabled for this user")
def can_export(user: Caller, data: Mapping[str, Any]) -> bool:
    """Only users to whom an administrator gave the right to export their data."""
    return user.can_export_data
