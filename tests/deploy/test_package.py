"""What is shipped, packed by Chalice itself: the application, and the layer of its dependencies for Lambda's arm64."""

import struct
import sys
import zipfile
from pathlib import Path

import pytest
from chalice.config import Config
from chalice.deploy.packager import (
    AppOnlyDeploymentPackager,
    BaseLambdaDeploymentPackager,
    DependencyBuilder,
    LayerDeploymentPackager,
)
from chalice.utils import UI, OSUtils
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.aws import ROOT
from tests.deploy.checkout import copy_project

LARGEST_PACKAGE = 200_000
LARGEST_LAYER = 60_000_000
# ELF's number for arm64 (elf.h, EM_AARCH64).
ARM64 = 183


def packed(packager: type[BaseLambdaDeploymentPackager], project: Path) -> Path:
    """What a packager of Chalice's makes of the project."""
    os_utils = OSUtils()
    builder = DependencyBuilder(os_utils, architecture="arm64")
    made = packager(os_utils, builder, UI(), "arm64")
    return Path(made.create_deployment_package(str(project), Config().lambda_python_version))


@pytest.mark.xfail(reason="the watermark's font alone is 211 KB of it, the sources 290 KB", strict=True)
def test_the_application_is_small(tmp_path: Path) -> None:
    copy_project(tmp_path / "project")
    assert packed(AppOnlyDeploymentPackager, tmp_path / "project").stat().st_size <= LARGEST_PACKAGE


# ------------------------------------------------------------ the layer, which takes pip a while


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer, built as in a first deploy."""
    project = tmp_path_factory.mktemp("layer") / "project"
    copy_project(project)
    return packed(LayerDeploymentPackager, project)


def missing(layer: Path) -> set[str]:
    """What requirements.txt pins and the layer lacks: Chalice leaves out what it does not find, and goes on."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith((" ", "#"))]
    wanted: set[str] = {
        canonicalize_name(each.name) for each in pinned if each.marker is None or each.marker.evaluate()
    }
    with zipfile.ZipFile(layer) as package:
        folders = {name.split("/")[4] for name in package.namelist()}
    return wanted - {canonicalize_name(name.split("-")[0]) for name in folders if name.endswith(".dist-info")}


@pytest.mark.slow
@pytest.mark.xdist_group("layer")
@pytest.mark.xfail(
    sys.version_info < (3, 12),
    reason="Lambda's Python 3.11 has glibc 2.26; the wheels of Pillow 13 want 2.27",
    strict=True,
)
def test_the_layer_holds_all_that_is_pinned(layer: Path) -> None:
    assert missing(layer) == set()


@pytest.mark.slow
@pytest.mark.xdist_group("layer")
@pytest.mark.xfail(reason="with Pillow it is 69 MB: botocore 21, Pillow 21, cryptography 14", strict=True)
def test_the_whole_layer_is_within_its_bounds(layer: Path) -> None:
    assert missing(layer) == set()
    with zipfile.ZipFile(layer) as package:
        assert sum(each.file_size for each in package.infolist()) <= LARGEST_LAYER


@pytest.mark.slow
@pytest.mark.xdist_group("layer")
def test_the_layer_is_for_lambdas_machine_and_where_lambda_looks(layer: Path) -> None:
    with zipfile.ZipFile(layer) as package:
        names = package.namelist()
        machines = {name: machine(package.read(name)) for name in names if ".so" in Path(name).name}
    assert {name.rpartition("/site-packages/")[0] for name in names} == {f"python/lib/{Config().lambda_python_version}"}
    assert machines
    assert set(machines.values()) == {ARM64}


def machine(library: bytes) -> int:
    """For which machine a shared library is: bytes 18 and 19 of an ELF header."""
    assert library[:4] == b"\x7fELF"
    (found,) = struct.unpack_from("<H", library, 18)
    return int(found)
