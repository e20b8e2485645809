"""The journey of an export: all that an account holds of its user, in one file."""

from chalicelib.actions.exporting.build import ExportTooLargeError, run
from chalicelib.actions.exporting.service import (
    EXPORT,
    EXPORTED,
    REPLAY,
    EmailNotAllowedError,
    EmailNotOfferedError,
    export_data,
    may_export,
)

__all__ = [
    "EXPORT",
    "EXPORTED",
    "REPLAY",
    "EmailNotAllowedError",
    "EmailNotOfferedError",
    "ExportTooLargeError",
    "export_data",
    "may_export",
    "run",
]
