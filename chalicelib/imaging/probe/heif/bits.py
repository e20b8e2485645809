"""Numbers of a few bits each, as HEVC and AV1 write them."""

from chalicelib.imaging.probe.header import corrupt

# A number of more bits than this is in no header that is read here.
_MAX_ZEROS = 32


class Bits:
    """Reads bits from the first one on. Raises ImageRejectedError behind the last one."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def uint(self, size: int) -> int:
        self._left -= size
        if self._left < 0:
            raise corrupt("the parameters of its pixel data end early")
        return self._value >> self._left & ((1 << size) - 1)

    def flag(self) -> bool:
        return self.uint(1) == 1

    def exp_golomb(self) -> int:
        """An Exp-Golomb code: ue(v) of H.265, 9.2, and uvlc() of AV1, 4.10.3."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > _MAX_ZEROS:
                raise corrupt("the parameters of its pixel data hold a number that is too long")
        return (1 << zeros) - 1 + self.uint(zeros)
