"""What a module imports, read from its source."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path


@functools.cache
def imports_of(path: Path) -> tuple[str, ...]:
    """The full names of the modules and of what is taken from them, also inside functions."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from (f"{node.module}.{name.name}" for name in node.names)
