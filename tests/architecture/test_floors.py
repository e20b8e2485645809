"""The drawing in ARCHITECTURE.md holds: imports point down only, and each library is imported in one place."""

import ast
from pathlib import Path

import pytest

from tests.architecture.imports import imports_of

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]

# From the bottom up. A module may import from its own wing and from those on lower floors; within core, from its own
# shelf and from those before it.
FLOORS = {
    "chalicelib.core.aws": 1,
    "chalicelib.core.observing": 2,
    "chalicelib.core.http": 3,
    "chalicelib.core.agents": 4,
    "chalicelib.core": 0,
    "chalicelib.external": 10,
    "chalicelib.imaging": 10,
    "chalicelib.documents": 10,
    "chalicelib.accounts": 20,
    "chalicelib.audit": 20,
    "chalicelib.metering": 21,
    "chalicelib.notify": 21,
    "chalicelib.images": 30,
    "chalicelib.actions": 31,
    "chalicelib.jobs": 40,
    "chalicelib.erasure": 40,
    "chalicelib.web": 45,
    "app": 50,
}

# The only places that may import each library.
DOORS = {
    "boto3": {"chalicelib/core/clients.py"},
    "botocore": {"chalicelib/core/clients.py"},
    "chalice": {
        "app.py",
        *(f"chalicelib/core/http/{name}.py" for name in ("access", "call", "responses")),
        "chalicelib/core/http/openapi/__init__.py",
        "chalicelib/core/http/openapi/writer.py",
        "chalicelib/web/contract.py",
    },
    "PIL": "chalicelib/imaging/",
    "requests": {"chalicelib/external/transport.py"},
    "urllib3": {"chalicelib/external/transport.py"},
    "certifi": {"chalicelib/external/transport.py"},
    "click": set(),
    "darkroom": set(),
    "local": set(),
    "infra": set(),
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def place_of(module: str) -> str | None:
    return next((place for place in FLOORS if module == place or module.startswith(f"{place}.")), None)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_point_down_only(path: Path) -> None:
    here = place_of(module_of(path))
    if module_of(path) == "chalicelib":
        return
    assert here is not None, f"{path} stands on no floor of the drawing"
    for imported in imports_of(path):
        there = place_of(imported)
        if there is not None:
            is_below = there == here or FLOORS[there] < FLOORS[here]
            assert is_below, f"{path} imports {imported}, which does not stand below it"


def test_modules_do_not_import_in_a_circle() -> None:
    modules = {module_of(path): path for path in SOURCES}
    needs = {
        name: {imported if imported in modules else imported.rpartition(".")[0] for imported in imports_of(path)}
        & set(modules) - {name}
        for name, path in modules.items()
    }

    visited: set[str] = set()

    def visit(name: str, behind: tuple[str, ...]) -> None:
        assert name not in behind, f"a circle: {' → '.join([*behind, name])}"
        if name in visited:
            return
        visited.add(name)
        for needed in needs[name]:
            visit(needed, (*behind, name))

    for name in needs:
        visit(name, ())


@pytest.mark.parametrize("library", DOORS)
def test_each_outside_library_has_one_door(library: str) -> None:
    allowed = DOORS[library]
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if any(imported.partition(".")[0] == library for imported in imports_of(path)):
            assert name.startswith(allowed) if isinstance(allowed, str) else name in allowed, (
                f"{name} imports {library}"
            )


def test_only_config_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
    }
    assert readers == {"chalicelib/core/config.py"}


def test_no_module_has_more_than_300_lines() -> None:
    # The manifest is one flat table, read by its section lines: it grows with the routes.
    modules = [
        path for folder in ("chalicelib", "darkroom", "infra", "local") for path in (ROOT / folder).rglob("*.py")
    ]
    assert not {str(p.relative_to(ROOT)): n for p in modules if (n := len(p.read_text().splitlines())) > 300}
