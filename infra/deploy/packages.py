"""Chalice's packages for Lambda: the code, and the layer with the dependencies.

If Chalice finds no wheel of a package for Lambda's platform, it only prints a warning, and uses the incomplete layer
again the next time. So the layer is built before anything changes, and checked each time. botocore's data about
services that no function uses is removed from the layer: it is a quarter of the size.
"""

import base64
import hashlib
import re
import shutil
import zipfile
from pathlib import Path

from chalice.config import Config
from chalice.deploy.packager import (
    AppOnlyDeploymentPackager,
    DependencyBuilder,
    LayerDeploymentPackager,
    NoSuchPackageError,
    PackageDownloadError,
    PipRunner,
    SubprocessPip,
)
from chalice.utils import UI, OSUtils
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chalicelib.core.aws import grants
from infra.deploy.errors import RefusedError
from infra.deploy.target import Target
from infra.settings import CONFIG

ROOT = CONFIG.parents[1]

SERVICES = frozenset(grants.SERVICES.values())
# python/lib/python3.12/site-packages/botocore/data/sqs/2012-11-05/service-2.json.gz
_SERVICE_DATA = re.compile(r"(?:^|/)boto(?:core|3)/data/([^/]+)/")


# ----------------------------------------------------------------------------- code


def digest(target: Target) -> str:
    """Lambda's CodeSha256 for the current code. Chalice's zip is the same for the same files."""
    drop_bytecode()
    os_utils = OSUtils()
    architecture = target.config["lambda_architecture"]
    packager = AppOnlyDeploymentPackager(os_utils, _builder(architecture), _Silent(), architecture)
    packed = Path(packager.create_deployment_package(str(ROOT), _runtime()))
    return base64.b64encode(hashlib.sha256(packed.read_bytes()).digest()).decode()


def drop_bytecode() -> None:
    """Chalice packs all files in chalicelib. Bytecode would double the size and change the digest."""
    for folder in (ROOT / "chalicelib").rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------------------- layer


def ensure_layer(target: Target) -> str:
    """Builds the layer if it is missing or incomplete; returns a sentence about it.

    Raises:
        RefusedError: a package has no wheel for Lambda's platform.
    """
    architecture = target.config["lambda_architecture"]
    path = layer(ROOT, architecture)
    if path.exists() and not missing(path) and services(path) >= SERVICES:
        done = "as it was built before"
    else:
        path.unlink(missing_ok=True)
        _build(path, architecture)
        done = f"built for {architecture}"
    remove_unused_services(path)
    return f"{done}, {path.stat().st_size / 1e6:.0f} MB"


def _build(path: Path, architecture: str) -> None:
    try:
        _packager(architecture).create_deployment_package(str(ROOT), _runtime())
    except (NoSuchPackageError, PackageDownloadError) as error:
        raise RefusedError(
            f"The layer of dependencies cannot be built: {error} Fix requirements.txt, or the access to PyPI, and "
            "run this again. Nothing was changed."
        ) from None
    if lacking := missing(path):
        path.unlink()
        raise RefusedError(
            f"There is no wheel for Lambda's {_runtime()} on {architecture} of "
            f"{', '.join(sorted(lacking))}. Lambda has glibc 2.26 up to Python 3.11, and 2.34 from 3.12 on: "
            "run this with a newer Python, or pin versions that have such wheels. Nothing was changed."
        )


def layer(project: Path, architecture: str) -> Path:
    """The path of Chalice's layer for the current requirements.txt."""
    return Path(_packager(architecture).deployment_package_filename(str(project), _runtime()))


def pinned() -> set[str]:
    """The canonical names of the packages in requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line.strip() and not line.startswith((" ", "#", "-"))]
    # Lambda's values of environment markers.
    markers = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    return {
        canonicalize_name(each.name) for each in requirements if each.marker is None or each.marker.evaluate(markers)
    }


def missing(built: Path) -> set[str]:
    """The packages of requirements.txt that are missing in a layer."""
    with zipfile.ZipFile(built) as package:
        # python/lib/python3.12/site-packages/pillow-13.0.0.dist-info/METADATA
        folders = {name.split("/")[4] for name in package.namelist() if name.count("/") >= 5}
    return pinned() - {canonicalize_name(each.split("-")[0]) for each in folders if each.endswith(".dist-info")}


def services(built: Path) -> set[str]:
    """The AWS services in the botocore of a layer."""
    with zipfile.ZipFile(built) as package:
        matches = map(_SERVICE_DATA.search, package.namelist())
        return {each[1] for each in matches if each}


def remove_unused_services(built: Path) -> None:
    """Removes botocore's data about services that no function uses."""
    if services(built) <= SERVICES:
        return
    smaller = built.with_suffix(".smaller")
    with zipfile.ZipFile(built) as package, zipfile.ZipFile(smaller, "w") as kept:
        for each in package.infolist():
            if is_shipped(each.filename):
                kept.writestr(each, package.read(each))
    smaller.replace(built)


def is_shipped(name: str) -> bool:
    """Whether functions need this file of the dependencies."""
    match = _SERVICE_DATA.search(name)
    return match is None or match[1] in SERVICES


def _packager(architecture: str) -> LayerDeploymentPackager:
    return LayerDeploymentPackager(OSUtils(), _builder(architecture), _Silent(), architecture)


def _builder(architecture: str) -> DependencyBuilder:
    os_utils = OSUtils()
    return DependencyBuilder(os_utils, PipRunner(SubprocessPip(os_utils), os_utils), architecture=architecture)


class _Silent(UI):
    def write(self, msg: str) -> None:
        """Prints nothing."""


def _runtime() -> str:
    runtime: str = Config().lambda_python_version
    return runtime
