"""What a request does under its Idempotency-Key: the same deed in each of its tries.

A try may fail although it has done something: its answer was lost, or a later step met an outage. Then the claim of the
key is kept, and the next try goes on with it: it makes what it makes under the same id, and finds what an earlier try
has written down. Without a key each request is a deed of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from chalicelib.core import ids
from chalicelib.core.errors import DarkroomError

_PREFIX = "deed"


@dataclass
class Deed:
    """The deed of the current request. `kept` holds what its tries wrote down, and `keep` writes down more of it.

    `is_resumed`: an earlier try may have done something. `is_open`: so may this one, though it failed.
    """

    id: str = field(default_factory=lambda: ids.new_id(_PREFIX))
    kept: dict[str, str] = field(default_factory=dict)
    is_resumed: bool = False
    is_open: bool = False
    write: Callable[[dict[str, str]], None] = lambda kept: None

    def fail(self, error: Exception) -> None:
        """A try failed. What refuses a request has done nothing, unless an earlier try did."""
        is_refusal = isinstance(error, DarkroomError) and not error.is_transient and error.status < _OUR_FAULT
        self.is_open = self.is_resumed or not is_refusal


_OUR_FAULT = 500
_current: ContextVar[Deed | None] = ContextVar("deed", default=None)


@contextmanager
def begin() -> Iterator[Deed]:
    """The deed of the request that this block handles."""
    deed = Deed()
    before = _current.set(deed)
    try:
        yield deed
    finally:
        _current.reset(before)


def current() -> Deed:
    """The deed of the current request; one that nothing keeps where it has no key."""
    return _current.get() or Deed()


def new_id(prefix: str) -> str:
    """An id for the one thing that the request makes: the same in each try under one Idempotency-Key."""
    return f"{prefix}_{current().id.removeprefix(f'{_PREFIX}_')}"


def kept(name: str) -> str | None:
    """What an earlier try of the request has written down under that name."""
    return current().kept.get(name)


def keep(name: str, value: str) -> None:
    """Writes down, before the request changes anything, on what it depends that it does so only once."""
    deed = current()
    deed.kept = {**deed.kept, name: value}
    deed.write(deed.kept)
