"""Scheduled syncs: customers of an external API, compared page by page with what is stored, and never twice at once."""

from chalicelib.sync.journey import NEEDS, SyncFailedError, run
from chalicelib.sync.runs import LIST, PAGE, list_page

__all__ = ["LIST", "NEEDS", "PAGE", "SyncFailedError", "list_page", "run"]
