"""What is shipped, packed by Chalice itself: the application, and the layer of its dependencies for Lambda's arm64."""

import struct
import subprocess
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

from infra.deploy import packages
from tests.deploy.checkout import copy_project

# Of the 855 KB of November 2026 our modules are 500, the page and the pages at /docs 196 (with their comments), the
# entries in the zip 75, the fonts 72, Chalice 20; of the layer's 57 MB Pillow is 21, cryptography 14, HEIC 4.
LARGEST_PACKAGE = 870_000
LARGEST_LAYER = 60_000_000
# ELF's number for arm64 (elf.h, EM_AARCH64).
ARM64 = 183


def packed(packager: type[BaseLambdaDeploymentPackager], project: Path) -> Path:
    """What a packager of Chalice's makes of the project."""
    os_utils = OSUtils()
    builder = DependencyBuilder(os_utils, architecture="arm64")
    made = packager(os_utils, builder, UI(), "arm64")
    return Path(made.create_deployment_package(str(project), Config().lambda_python_version))


def test_the_application_is_small_and_alone(tmp_path: Path) -> None:
    copy_project(tmp_path / "project")
    package = packed(AppOnlyDeploymentPackager, tmp_path / "project")
    assert package.stat().st_size <= LARGEST_PACKAGE
    with zipfile.ZipFile(package) as packed_files:
        tops = {name.partition("/")[0] for name in packed_files.namelist()}
    assert tops == {"app.py", "chalicelib", "chalice"}, "neither the command line nor this machine is deployed"


# ------------------------------------------------------------ the layer, which takes pip a while


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer, built as in a first deploy."""
    project = tmp_path_factory.mktemp("layer") / "project"
    copy_project(project)
    built = packed(LayerDeploymentPackager, project)
    packages.remove_unused_services(built)
    return built


@pytest.mark.slow
def test_the_layer_contains_all_pinned_packages(layer: Path) -> None:
    # Lambda's machine has glibc 2.26 up to Python 3.11; the wheels of Pillow 13 want 2.27.
    assert packages.missing(layer) == (set() if sys.version_info >= (3, 12) else {"pillow"})


@pytest.mark.slow
def test_the_layer_is_within_lambdas_limits(layer: Path) -> None:
    with zipfile.ZipFile(layer) as package:
        assert sum(each.file_size for each in package.infolist()) <= LARGEST_LAYER


@pytest.mark.slow
def test_the_layer_has_exactly_the_services_that_functions_use(layer: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(layer) as package:
        package.extractall(tmp_path)
    (place,) = tmp_path.glob("python/lib/*/site-packages")
    code = f"""
import boto3, sys
assert boto3.__file__.startswith({str(place)!r})
session = boto3.Session(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
for service in {sorted(packages.SERVICES)!r}:
    assert session.client(service).meta.service_model.operation_names
assert session.resource("dynamodb").meta.client
assert set(session.get_available_services()) == {set(packages.SERVICES)!r}
"""
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(place)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_the_layer_has_lambdas_platform_and_paths(layer: Path) -> None:
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
