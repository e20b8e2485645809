"""The JSON Schemas of the list of audit entries."""

from chalicelib.audit.models import Entry
from chalicelib.core.schemas import DATE, list_of, page_of

MAX_PAGE = 200

LIST = list_of(MAX_PAGE, day=DATE, userId={"type": "string", "minLength": 1, "maxLength": 100})
PAGE = page_of(Entry.schema())
