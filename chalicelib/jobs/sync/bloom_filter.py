"""Which records a walk has come across, in a memory of fixed size that a row of DynamoDB can hold.

A Bloom filter (Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970): what was added is always
found; of what was not, six in a million are found too after 100,000 records, and a quarter after a million. Each
walk has a salt of its own, so the next walk confuses others: who is overlooked tonight is noticed another night.
"""

import hashlib
import secrets
from typing import Self

# DynamoDB takes items of 400 KB.
BYTES = 384 * 1024
_BITS = BYTES * 8
_MARKS = 8


class Seen:
    """A set of ids that may take one for another, and never forgets one."""

    def __init__(self, salt: bytes | None = None, bits: bytes | None = None) -> None:
        self.salt = salt or secrets.token_bytes(8)
        self._bits = bytearray(bits) if bits else bytearray(BYTES)

    @classmethod
    def stored(cls, salt: bytes, bits: bytes) -> Self:
        return cls(salt, bits)

    def bits(self) -> bytes:
        return bytes(self._bits)

    def add(self, record_id: str) -> bool:
        """Whether it is new here."""
        is_new = False
        for place, mask in self._places(record_id):
            if not self._bits[place] & mask:
                self._bits[place] |= mask
                is_new = True
        return is_new

    def __contains__(self, record_id: str) -> bool:
        return all(self._bits[place] & mask for place, mask in self._places(record_id))

    def _places(self, record_id: str) -> list[tuple[int, int]]:
        digest = hashlib.blake2b(record_id.encode(), digest_size=4 * _MARKS, key=self.salt).digest()
        bits = (int.from_bytes(digest[start : start + 4], "big") % _BITS for start in range(0, 4 * _MARKS, 4))
        return [(bit >> 3, 1 << (bit & 7)) for bit in bits]
