"""botocore's service models, parsed once a process whichever session asks: half of a cold start is that parsing."""

from functools import cache
from typing import Any

from botocore import loaders


@cache
def share_parsed_models() -> None:
    """Let every session and moto, which reads the same files, share what was parsed."""
    read = loaders.JSONFileLoader.load_file
    reader = loaders.JSONFileLoader()

    @cache
    def parsed(path: str) -> Any:
        return read(reader, path)

    patch(loaders.JSONFileLoader, "load_file", lambda self, file_path: parsed(file_path))


def patch(owner: Any, name: str, replacement: Any) -> None:
    """Put something of ours in the place of something in a library."""
    setattr(owner, name, replacement)
