"""What Chalice packs for Lambda: the code, and the layer of dependencies for Lambda's machine.

Where Chalice finds no wheel for that machine it leaves the package out, says so, goes on, and keeps the layer for the
next time. So it is built before anything is changed, and looked into each time: it is complete, or there is none.
What botocore knows of services that no function may use is taken out: it is a quarter of all that is in it.
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
_OF_A_SERVICE = re.compile(r"(?:^|/)boto(?:core|3)/data/([^/]+)/")


# ----------------------------------------------------------------------------- code


def digest(target: Target) -> str:
    """Lambda's CodeSha256 of the code as Chalice would pack it: its zip is the same for the same files."""
    drop_bytecode()
    os_utils = OSUtils()
    architecture = target.config["lambda_architecture"]
    packager = AppOnlyDeploymentPackager(os_utils, _builder(architecture), _Silent(), architecture)
    packed = Path(packager.create_deployment_package(str(ROOT), _runtime()))
    return base64.b64encode(hashlib.sha256(packed.read_bytes()).digest()).decode()


def drop_bytecode() -> None:
    """Chalice packs all that lies in chalicelib: bytecode would double it, and make each package another."""
    for folder in (ROOT / "chalicelib").rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------------------- layer


def have_layer(target: Target) -> str:
    """Builds the layer where there is none that is complete; what was done, in words.

    Raises:
        RefusedError: packages cannot be had for Lambda's machine.
    """
    architecture = target.config["lambda_architecture"]
    path = layer(ROOT, architecture)
    if path.exists() and not missing(path) and services(path) >= SERVICES:
        done = "as it was built before"
    else:
        path.unlink(missing_ok=True)
        _build(path, architecture)
        done = f"built for {architecture}"
    lighten(path)
    return f"{done}, {path.stat().st_size / 1e6:.0f} MB"


def _build(path: Path, architecture: str) -> None:
    try:
        _packager(architecture).create_deployment_package(str(ROOT), _runtime())
    except (NoSuchPackageError, PackageDownloadError) as error:
        raise RefusedError(
            f"The layer of dependencies cannot be built: {error} Mend requirements.txt, or the way to PyPI, and run "
            "this again. Nothing was changed."
        ) from None
    if lacking := missing(path):
        path.unlink()
        raise RefusedError(
            f"There is no wheel for Lambda's {_runtime()} on {architecture} of "
            f"{', '.join(sorted(lacking))}. Lambda's machine has glibc 2.26 up to Python 3.11, and 2.34 from 3.12 on: "
            "run this with a newer Python, or pin versions that have such wheels. Nothing was changed."
        )


def layer(project: Path, architecture: str) -> Path:
    """Where Chalice keeps the layer of what a project's requirements.txt says now."""
    return Path(_packager(architecture).deployment_package_filename(str(project), _runtime()))


def pinned() -> set[str]:
    """The packages that requirements.txt wants, by their canonical names."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith((" ", "#", "-"))]
    # Lambda's own answers to markers, wherever this is run.
    there = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    return {canonicalize_name(each.name) for each in wanted if each.marker is None or each.marker.evaluate(there)}


def missing(built: Path) -> set[str]:
    """What requirements.txt wants and a layer lacks."""
    with zipfile.ZipFile(built) as package:
        # python/lib/python3.12/site-packages/pillow-13.0.0.dist-info/METADATA
        folders = {name.split("/")[4] for name in package.namelist() if name.count("/") >= 5}
    return pinned() - {canonicalize_name(each.split("-")[0]) for each in folders if each.endswith(".dist-info")}


def services(built: Path) -> set[str]:
    """The services of AWS that a layer's botocore knows."""
    with zipfile.ZipFile(built) as package:
        found = map(_OF_A_SERVICE.search, package.namelist())
        return {each[1] for each in found if each}


def lighten(built: Path) -> None:
    """Takes out of a layer what it knows of all services but those that functions may use."""
    if services(built) <= SERVICES:
        return
    lighter = built.with_suffix(".lighter")
    with zipfile.ZipFile(built) as package, zipfile.ZipFile(lighter, "w") as kept:
        for each in package.infolist():
            if is_shipped(each.filename):
                kept.writestr(each, package.read(each))
    lighter.replace(built)


def is_shipped(name: str) -> bool:
    """Whether a file of the dependencies is anything to a function."""
    found = _OF_A_SERVICE.search(name)
    return found is None or found[1] in SERVICES


def _packager(architecture: str) -> LayerDeploymentPackager:
    return LayerDeploymentPackager(OSUtils(), _builder(architecture), _Silent(), architecture)


def _builder(architecture: str) -> DependencyBuilder:
    os_utils = OSUtils()
    return DependencyBuilder(os_utils, PipRunner(SubprocessPip(os_utils), os_utils), architecture=architecture)


class _Silent(UI):
    def write(self, msg: str) -> None:
        """Says nothing."""


def _runtime() -> str:
    runtime: str = Config().lambda_python_version
    return runtime
