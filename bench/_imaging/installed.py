"""The libraries that we are compared with: sharp and pyvips, in a folder of the user's cache."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests import node

# The versions that were compared last; a change of one is a change of this line.
_SHARP, _PYVIPS = "sharp@0.35", ("pyvips==3.2.*", "pyvips-binary")


def install() -> Path:
    """Installs what is missing, and returns the folder. Needs npm's and PyPI's registries the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "darkroom-bench"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "sharp").is_dir():
        (folder / "package.json").write_text("{}")
        node.install_packages(folder, _SHARP)
    if not python(folder).exists():
        _uv("venv", "--quiet", "--clear", str(folder / "python"))
        _uv("pip", "install", "--quiet", "--python", str(python(folder)), *_PYVIPS)
    return folder


def python(folder: Path) -> Path:
    return folder / "python" / "bin" / "python"


def commands(folder: Path, job: Path) -> dict[str, Sequence[str | Path]]:
    """What starts each contender, by its name."""
    here = Path(__file__).parent
    ours: list[str | Path] = [sys.executable, "-m", "bench._imaging.ours", job]
    return {
        "ours, in process": [*ours, "render"],
        "ours, three steps": [*ours, "steps"],
        "sharp": [node.NODE, here / "sharp.mjs", job],
        "pyvips": [python(folder), here / "vips.py", job],
    }


def _uv(*arguments: str) -> None:
    subprocess.run([Path(sys.executable).parent / "uv", *arguments], check=True)
