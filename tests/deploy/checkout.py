"""A copy of the project for commands, so that the checkout itself does not change."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.session import Session
from chalice.config import Config
from chalice.deploy.packager import DependencyBuilder, LayerDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.deploy import packages
from tests.deploy.aws import ROOT, Aws

# The files that a deployment needs.
_PARTS = ("app.py", "chalicelib", "darkroom", "infra", ".chalice", "docs", "requirements.txt", "pyproject.toml")
_LEFT = ("__pycache__", "deployed", "deployments")

Run = subprocess.CompletedProcess[str]


def copy_project(folder: Path, project: Path = ROOT) -> None:
    """Copies the files that a deployment needs, without the results of earlier ones."""
    folder.mkdir(parents=True)
    for part in _PARTS:
        source = project / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns(*_LEFT))
        else:
            shutil.copy(source, folder / part)


class Checkout:
    """A copy, and commands that run in it with an AWS."""

    def __init__(self, folder: Path, aws: Aws, project: Path = ROOT) -> None:
        self.folder = folder
        self._aws = aws
        copy_project(folder, project)
        # Another version may use other services.
        self._put_layer(packages.SERVICES if project == ROOT else Session().get_available_services())

    def _put_layer(self, services: Iterable[str]) -> None:
        """Writes a small layer to the place of Chalice's built layers.

        Building the real one takes minutes and pip's index. Here the functions find the installed dependencies.
        """
        architecture = self.config["lambda_architecture"]
        packager = LayerDeploymentPackager(
            OSUtils(), DependencyBuilder(OSUtils(), architecture=architecture), UI(), architecture
        )
        runtime = Config().lambda_python_version
        name = packager.deployment_package_filename(str(self.folder), runtime)
        Path(name).parent.mkdir(parents=True)
        with zipfile.ZipFile(name, "w") as layer:
            place = f"python/lib/{runtime}/site-packages"
            mark = f"{place}/stands_for_the_dependencies.py"
            layer.writestr(mark, "# The functions of these tests find the installed dependencies instead.\n")
            for package in sorted(packages.pinned()):
                layer.writestr(f"{place}/{package.replace('-', '_')}-0.dist-info/METADATA", "")
            for service in sorted(services):
                layer.writestr(f"{place}/botocore/data/{service}/1/service-2.json.gz", "")

    def run(self, *arguments: str, stage_environment: dict[str, str] | None = None) -> Run:
        """`python …` in the copy; standard input is empty."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self._aws.environment, **(stage_environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )

    @property
    def config(self) -> dict[str, Any]:
        """The current .chalice/config.json."""
        read: dict[str, Any] = json.loads((self.folder / ".chalice" / "config.json").read_text())
        return read

    def environment(self, stage: str) -> dict[str, str]:
        """The environment of all functions of a stage in the current config.json."""
        config = self.config
        of_stage = config["stages"][stage]["environment_variables"]
        return {**config["environment_variables"], **of_stage}

    def policy(self, stage: str, function: str) -> dict[str, Any]:
        """The current generated policy."""
        read: dict[str, Any] = json.loads(
            (self.folder / ".chalice" / "policies" / f"{stage}-{function}.json").read_text()
        )
        return read

    def deployed(self, stage: str) -> dict[str, dict[str, Any]]:
        """Chalice's deployed resources by name; empty before a deploy."""
        memory = self.folder / ".chalice" / "deployed" / f"{stage}.json"
        if not memory.exists():
            return {}
        return {each["name"]: each for each in json.loads(memory.read_text())["resources"]}

    def change_code(self, version: str = "0.1.1") -> None:
        """Changes the functions' code: another version number."""
        module = self.folder / "chalicelib" / "core" / "config.py"
        before = module.read_text()
        after = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', before, flags=re.MULTILINE)
        assert after != before
        module.write_text(after)
