"""The ids that a crawl has found, in a memory of fixed size that fits into a row of DynamoDB.

A Bloom filter (Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970). An id that was added is
always found. Of other ids, six in a million are found after 100,000 records, and a quarter after a million. Each crawl
has its own salt, so the next crawl confuses other ids: a customer that is overlooked tonight is noticed another night.
"""

import hashlib
import secrets

# A DynamoDB item holds at most 400 KB.
BYTES = 384 * 1024
_BITS = BYTES * 8
_HASHES = 8


class BloomFilter:
    """A set of ids. It may say that it has an id that was not added, never the reverse."""

    def __init__(self, salt: bytes | None = None, bits: bytes | None = None) -> None:
        self.salt = salt or secrets.token_bytes(8)
        self._bits = bytearray(bits) if bits else bytearray(BYTES)

    def bits(self) -> bytes:
        return bytes(self._bits)

    def add(self, record_id: str) -> bool:
        """Adds the id; whether it was new."""
        is_new = False
        for place, mask in self._places(record_id):
            if not self._bits[place] & mask:
                self._bits[place] |= mask
                is_new = True
        return is_new

    def __contains__(self, record_id: str) -> bool:
        return all(self._bits[place] & mask for place, mask in self._places(record_id))

    def _places(self, record_id: str) -> list[tuple[int, int]]:
        digest = hashlib.blake2b(record_id.encode(), digest_size=4 * _HASHES, key=self.salt).digest()
        bits = (int.from_bytes(digest[start : start + 4], "big") % _BITS for start in range(0, 4 * _HASHES, 4))
        return [(bit >> 3, 1 << (bit & 7)) for bit in bits]
