"""What Chalice uploads: the zip of the code, by its own packager, and the wheels of the layer."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from chalice.deploy.packager import AppOnlyDeploymentPackager, DependencyBuilder
from chalice.utils import UI, OSUtils

from infra.deploy import packages
from infra.settings import ROOT

# Pillow's wheels need glibc 2.27. Lambda has 2.34 since Python 3.12, and 2.26 before (Chalice's own table).
_PYTHON = max(sys.version_info[:2], (3, 12))
_PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 35)))


def build_code_zip(folder: Path) -> Path:
    """The zip of app.py and chalicelib, without bytecode."""
    project = folder / "project"
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", project)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = OSUtils()
    packager = AppOnlyDeploymentPackager(system, DependencyBuilder(system), _Silent())
    return Path(packager.create_deployment_package(str(project), version))


class _Silent(UI):
    def write(self, msg: str) -> None:
        """Prints nothing."""


def download_wheels(folder: Path) -> list[Path] | None:
    """The wheels of requirements.txt for arm64; None without a package index."""
    target = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    binaries = ["--only-binary=:all:", "--python-version={}.{}".format(*_PYTHON)]
    platforms = [*(f"--platform={each}" for each in _PLATFORMS), f"--dest={target}"]
    requirement = f"--requirement={ROOT / 'requirements.txt'}"
    finished = subprocess.run([*command, *binaries, *platforms, requirement], capture_output=True, check=False)
    return sorted(target.glob("*.whl")) if finished.returncode == 0 else None


def unpacked_size(wheel: Path) -> int:
    """Bytes of a wheel's files that a deploy ships."""
    with zipfile.ZipFile(wheel) as archive:
        return sum(each.file_size for each in archive.infolist() if packages.is_shipped(each.filename))
