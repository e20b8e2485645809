"""Replace parts of libraries; share botocore's parsed service models, whose parsing is half of a cold start."""

from functools import cache
from typing import Any

from botocore import loaders


@cache
def share_parsed_models() -> None:
    """Parse each model file once a process, for all botocore sessions and for moto, which reads the same files."""
    read = loaders.JSONFileLoader.load_file
    reader = loaders.JSONFileLoader()

    @cache
    def parsed(path: str) -> Any:
        return read(reader, path)

    patch(loaders.JSONFileLoader, "load_file", lambda self, file_path: parsed(file_path))


def patch(owner: Any, name: str, replacement: Any) -> None:
    """Replace an attribute of a library's class or module."""
    setattr(owner, name, replacement)
