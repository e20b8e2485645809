"""Scheduled syncs: customers of an external API, compared page by page with what is stored, and never twice at once."""

from chalicelib.jobs.sync.models import LIST, PAGE, list_page
from chalicelib.jobs.sync.service import BUSINESS_HOURS, NIGHTLY, SyncFailedError, sync

__all__ = ["BUSINESS_HOURS", "LIST", "NIGHTLY", "PAGE", "SyncFailedError", "list_page", "sync"]
