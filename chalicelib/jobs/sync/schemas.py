"""JSON Schemas of the list of syncs."""

from chalicelib.core.schemas import list_of, page_of
from chalicelib.jobs.sync.models import DailySync, Status

LIST = list_of(100, status={"enum": [str(status) for status in Status]})
PAGE = page_of(DailySync.schema())
