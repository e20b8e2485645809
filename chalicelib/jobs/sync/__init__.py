"""Scheduled syncs: customers of an external API, compared page by page with what is stored, and never twice at once."""

from chalicelib.jobs.sync.models import LIST, PAGE, list_page
from chalicelib.jobs.sync.service import NEEDS, SyncFailedError, run

__all__ = ["LIST", "NEEDS", "PAGE", "SyncFailedError", "list_page", "run"]
