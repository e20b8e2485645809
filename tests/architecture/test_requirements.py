"""What is installed for what: Lambda's packages, those of a first `make demo`, and those of tests and checks."""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.imports import imports_of
from tests.requirements import ROOT, packages, packages_by_module, pins

SHIPPED, LOCAL, ALL = "requirements.txt", "requirements-local.txt", "requirements-dev.txt"
# It made the fonts that are committed; nothing runs it.
FONT_MAKER = ROOT / "local" / "fonts" / "make.py"
OWN = {"app", "chalicelib", "darkroom", "infra", "local"}
# Each is large, or brings large packages, and is for tests, checks and deploys alone.
HEAVY = {"cfn-lint", "docker", "hypothesis", "mcp", "mypy", "ol-parliament", "openapi-spec-validator", "pydantic"}
HEAVY |= {"pypdfium2", "pytest", "ruff", "sympy"}


@pytest.mark.parametrize(("smaller", "larger"), [(SHIPPED, LOCAL), (LOCAL, ALL)])
def test_a_larger_file_holds_all_pins_of_the_smaller_one(smaller: str, larger: str) -> None:
    assert pins(smaller) < pins(larger), "make requirements"


def test_a_first_demo_installs_no_tool_of_tests_and_checks() -> None:
    assert packages(ALL) >= HEAVY
    assert not packages(LOCAL) & HEAVY


def test_the_local_machine_imports_only_what_its_file_pins() -> None:
    imported = {name.partition(".")[0] for name in _imports_reached_from("app.py", "chalicelib", "local")}
    outside = imported - OWN - sys.stdlib_module_names
    assert {"boto3", "chalice", "moto", "rich", "yaml"} <= outside
    pinned = packages(LOCAL)
    assert not {module for module in outside if not packages_by_module()[module] & pinned}


def test_packages_are_installed_by_the_standard_library_alone() -> None:
    assert {name.partition(".")[0] for name in imports_of(ROOT / "local" / "install.py")} <= sys.stdlib_module_names


def _imports_reached_from(*roots: str) -> set[str]:
    """The imports of these modules and folders, and of the modules of ours that these import."""
    open_paths = {path for root in roots for path in ((ROOT / root).rglob("*.py") if root in OWN else [ROOT / root])}
    seen, imports = {FONT_MAKER}, set[str]()
    while open_paths - seen:
        path = (open_paths - seen).pop()
        seen.add(path)
        found = set(imports_of(path))
        imports |= found
        open_paths |= set(_modules(found))
    return imports


def _modules(imports: Iterable[str]) -> Iterable[Path]:
    for name in imports:
        parts = name.split(".")
        for path in (ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1) if parts[0] in OWN):
            yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())
