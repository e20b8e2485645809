"""The append-only audit trail: who did what to what, from where, with what outcome.

A request puts its entry into the inbox before it does anything, as begun, and its outcome when it ends. The inbox's
stream then appends it to the chain. An entry that stays begun, because its request was cut off, is appended as that.
Entries are numbered without gaps, and each has the hash of the one before: if an entry is changed, removed or inserted,
all later entries and the head no longer fit.
"""

from chalicelib.audit.chain import append_entries, chain_entries, hash_of
from chalicelib.audit.inbox import TRAIL_OF_REQUESTS, begin_entry, end_entry, operators_entry_write
from chalicelib.audit.models import BEGUN, HEAD, INBOX, SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Head
from chalicelib.audit.schemas import LIST, PAGE, VERIFIED, VERIFY
from chalicelib.audit.service import list_entries
from chalicelib.audit.verification import verify_day
from chalicelib.audit.waiting import is_given_up, send_again, waiting_since
