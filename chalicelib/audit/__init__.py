"""The append-only audit trail: who did what to what, from where, with what outcome."""

from chalicelib.audit.service import (
    DEFAULT_PAGE,
    DIGITS,
    HEAD,
    INBOX,
    LIST,
    MAX_PAGE,
    NOTHING,
    PAGE,
    TRAIL,
    Head,
    append,
    chained,
    hash_of,
    list_page,
    note,
    operators_entry_write,
)

__all__ = [
    "DEFAULT_PAGE",
    "DIGITS",
    "HEAD",
    "INBOX",
    "LIST",
    "MAX_PAGE",
    "NOTHING",
    "PAGE",
    "TRAIL",
    "Head",
    "append",
    "chained",
    "hash_of",
    "list_page",
    "note",
    "operators_entry_write",
]
