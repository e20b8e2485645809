"""Scheduled syncs: the customers of an external API are compared with what is stored, page by page."""

from chalicelib.jobs.sync.run import BUSINESS_HOURS, NIGHTLY, SyncFailedError, sync
from chalicelib.jobs.sync.schemas import LIST, PAGE
from chalicelib.jobs.sync.service import list_syncs
