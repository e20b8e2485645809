"""A part of the embedded AWS that is kept."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

# Documents by name; None in a list of changes: it is gone.
Documents = Mapping[str, Any]
# By kind.
Kept = dict[str, dict[str, Any]]


class Part(Protocol):
    """What one service keeps. Its documents' kinds are its own."""

    # The service in whose name changes are marked.
    service: str
    kinds: tuple[str, ...]
    # Whether `changed` answers with all documents of its kinds: one that is missing there is gone.
    is_whole: bool

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put the documents back. What belongs to a resource that no longer exists is left out."""

    def changed(self, names: Collection[Any]) -> Kept:
        """The documents of the marked names, or all of them."""
