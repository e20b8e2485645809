"""The command line stands alone: it knows the API and no code of ours, and what is generated for it is up to date."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from darkroom import manual
from infra import command_line, command_line_contract, openapi_document, triggers
from infra.settings import ROOT
from tests.architecture.imports import imports_of
from tests.requirements import packages

SOURCES = sorted((ROOT / "darkroom").rglob("*.py"))
# What `uvx --from .` and `pipx run` install with it.
LIBRARIES = {"click", "requests"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_imports_itself_and_its_libraries_alone(path: Path) -> None:
    imported = {name.partition(".")[0] for name in imports_of(path)}
    assert imported <= LIBRARIES | {"darkroom"} | sys.stdlib_module_names


def test_only_the_manual_is_made_from_it() -> None:
    others = [path for folder in ("chalicelib", "infra", "local", "bench") for path in (ROOT / folder).rglob("*.py")]
    importing = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app.py", *others)
        if any(name.partition(".")[0] == "darkroom" for name in imports_of(path))
    }
    assert importing == {"infra/command_line.py"}


def test_its_contract_is_that_of_the_api() -> None:
    contract = json.loads(openapi_document.text(triggers.application()))
    assert command_line_contract.DOCUMENT.read_text() == command_line_contract.text(contract), "make policies"


def test_its_manual_is_up_to_date() -> None:
    assert command_line.MANUAL.read_text() == manual.text(), "make policies"


def test_functions_are_shipped_without_its_libraries() -> None:
    assert "click" not in packages("requirements.txt")


def test_the_package_holds_all_that_the_command_needs(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    build: list[str | Path] = [uv, "build", "--wheel", "--offline", "--out-dir", tmp_path, ROOT]
    built = subprocess.run(build, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as package:
        package.extractall(tmp_path / "installed")
    tops = {path.name for path in (tmp_path / "installed").iterdir()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"darkroom"}
    (entry,) = (tmp_path / "installed").glob("*.dist-info/entry_points.txt")
    assert "darkroom = darkroom.__main__:main" in entry.read_text()

    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); from darkroom.__main__ import main; main()"
    )
    for arguments, words in ((["report", "--help"], "analytics"), (["--version"], "darkroom 0."), (["up"], "checkout")):
        ran = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert words in ran.stdout + ran.stderr
