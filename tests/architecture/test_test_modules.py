"""The layout of the tests: what several test modules share has a module of its own."""

from pathlib import Path

from tests.architecture.imports import imports_of

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent


def test_no_test_module_is_imported_by_another() -> None:
    test_modules = {path.stem for path in TESTS.rglob("test_*.py")}
    wrong = {
        f"{path.relative_to(TESTS)}: {imported}"
        for path in TESTS.rglob("*.py")
        for imported in imports_of(path)
        if imported.startswith("tests.") and test_modules & set(imported.split("."))
    }
    assert not wrong


def test_unit_tests_mirror_the_wings() -> None:
    wings = {path.name for path in (ROOT / "chalicelib").iterdir() if path.is_dir()}
    folders = {path.name for path in (TESTS / "unit").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - wings == {"infra"}
