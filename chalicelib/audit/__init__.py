"""The append-only audit trail: who did what to what, from where, with what outcome.

A request puts its entry into the inbox, in one write. The inbox's stream appends it to the chain. Entries are numbered
without gaps, and each has the hash of the one before: if an entry is changed, removed or inserted, all later entries
and the head no longer fit.
"""

from chalicelib.audit.chain import append_entries, chain_entries, hash_of
from chalicelib.audit.inbox import operators_entry_write, write_entry
from chalicelib.audit.models import HEAD, INBOX, SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Head
from chalicelib.audit.schemas import LIST, PAGE, VERIFIED, VERIFY
from chalicelib.audit.service import list_entries
from chalicelib.audit.verification import verify_day
