"""Exports: all that an account holds of its user, in one file."""

from chalicelib.actions.exporting.build import ExportTooLargeError, run
from chalicelib.actions.exporting.service import KIND, may_export
