"""The journey of an export: all that an account holds of its user, in one file."""

from chalicelib.exporting.asking import EXPORT, EXPORTED, REPEAT, EmailNotOfferedError, export_data
from chalicelib.exporting.running import ExportTooLargeError, run

__all__ = ["EXPORT", "EXPORTED", "REPEAT", "EmailNotOfferedError", "ExportTooLargeError", "export_data", "run"]
