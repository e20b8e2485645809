"""The journey of an export: all that an account holds of its user, in one file."""

from chalicelib.actions.exporting.run import ExportTooLargeError, run
from chalicelib.actions.exporting.service import (
    EXPORT,
    EXPORTED,
    REPEAT,
    EmailNotAllowedError,
    EmailNotOfferedError,
    export_data,
    may_export,
)

__all__ = [
    "EXPORT",
    "EXPORTED",
    "REPEAT",
    "EmailNotAllowedError",
    "EmailNotOfferedError",
    "ExportTooLargeError",
    "export_data",
    "may_export",
    "run",
]
