"""When an image is tried again that failed by a fault of ours: its picture may be good.

The row counts the tries after the first one (`retries`), and waits for the next one in a partition of the index of
unfinished images that is named for this number: so the sweeper reads only what is due.
"""

# In minutes, before the second try, the third, …: an outage of minutes costs minutes, and one of a day is outlasted.
RETRY_PAUSES = (15, 60, 4 * 60, 24 * 60)

_WAITS = "RETRY-"


def waits_in(retries: int) -> str | None:
    """Where in that index an image waits that failed after `retries` retries; None: it is not tried again."""
    return f"{_WAITS}{retries}" if retries < len(RETRY_PAUSES) else None


def is_waiting(unfinished: str | None) -> bool:
    """Whether this is a place in that index where images wait for their next try."""
    return unfinished is not None and unfinished.startswith(_WAITS)
