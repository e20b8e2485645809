"""What is wrong with a file of presets."""

from collections.abc import Sequence


class FaultyFileError(ValueError):
    """A file of presets that cannot be used; `faults` are sentences without a full stop, each with its line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(". ".join(faults))
        self.faults = list(faults)
