"""The journey of an export: all that an account holds of its user, in one file."""

from chalicelib.exporting.asking import (
    EXPORT,
    EXPORTED,
    REPEAT,
    EmailNotAllowedError,
    EmailNotOfferedError,
    export_data,
    may_export,
)
from chalicelib.exporting.running import ExportTooLargeError, run

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
