"""Exports: all that an account holds of its user, in one file."""

from chalicelib.actions.exporting.build import ExportTooLargeError, run
from chalicelib.actions.exporting.service import KIND, EmailNotAllowedError, EmailNotOfferedError, may_export

__all__ = ["KIND", "EmailNotAllowedError", "EmailNotOfferedError", "ExportTooLargeError", "may_export", "run"]
