"""The installation of packages as `make demo` runs it, with a stand-in for uv where no package is needed."""

import sys
from pathlib import Path

import pytest

from local import install

REQUIREMENTS = str(Path(__file__).parents[2] / "requirements-local.txt")


def _environment(folder: Path, uv: str) -> Path:
    """A finished environment whose uv is a shell script."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    script = folder / "bin" / "uv"
    script.write_text(f"#!/bin/sh\n{uv}\n")
    script.chmod(0o755)
    return folder


def test_progress_is_shown_without_a_line_for_each_small_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ("Downloading moto (6.9MiB)", "Installed 59 packages in 1.37s", " + moto==5.2.5", " + six==1.17.0")
    folder = _environment(tmp_path / "venv", "\n".join(f"echo '{line}'" for line in said))
    assert install.main([str(folder), REQUIREMENTS]) == 0
    printed = capsys.readouterr().out
    assert "Downloading moto (6.9MiB)" in printed
    assert "Installed 59 packages" in printed
    assert "==" not in printed
    assert [each.name for each in folder.iterdir()] == ["bin"]


def test_a_failed_installation_says_so_and_is_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _environment(tmp_path / "venv", "echo 'error: no route to the index' >&2; exit 2")
    assert install.main([str(folder), REQUIREMENTS]) == 1
    printed = capsys.readouterr()
    assert "no route to the index" in printed.out
    assert "UV_DEFAULT_INDEX" in printed.err
    assert (folder / "unfinished").exists()


def test_a_python_without_its_venv_module_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert install.main([str(tmp_path / "venv"), REQUIREMENTS]) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "apt install python3-venv" in printed
    assert not (tmp_path / "venv").exists()


@pytest.mark.slow
def test_an_unfinished_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _environment(tmp_path / "venv", "exit 0")
    (folder / "unfinished").touch()
    half = folder / "lib" / "half-a-package.py"
    half.parent.mkdir()
    half.touch()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert install.main([str(folder), REQUIREMENTS]) == 1
    assert not half.exists()
    assert not (folder / "bin" / "uv").exists()
    assert (folder / "unfinished").exists()
