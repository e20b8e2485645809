"""A copy of the project in which commands are run, so that the checkout itself stays as it is."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from chalice.config import Config
from chalice.deploy.packager import DependencyBuilder, LayerDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.deploy import packages
from tests.deploy.aws import ROOT, Aws

# What a deployment reads.
_PARTS = ("app.py", "chalicelib", "infra", ".chalice", "requirements.txt", "pyproject.toml")
_LEFT = ("__pycache__", "deployed", "deployments")

Run = subprocess.CompletedProcess[str]


def copy_project(folder: Path, project: Path = ROOT) -> None:
    """Copies what a deployment reads, and nothing that an earlier one has left."""
    folder.mkdir(parents=True)
    for part in _PARTS:
        source = project / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns(*_LEFT))
        else:
            shutil.copy(source, folder / part)


class Checkout:
    """A copy, and the commands that are run in it against an AWS."""

    def __init__(self, folder: Path, aws: Aws, project: Path = ROOT) -> None:
        self.folder = folder
        self._aws = aws
        copy_project(folder, project)
        self._put_layer()

    def _put_layer(self) -> None:
        """Lays a small layer where Chalice keeps those that it has built.

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
            for service in sorted(packages.SERVICES):
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
        """.chalice/config.json as it stands now."""
        read: dict[str, Any] = json.loads((self.folder / ".chalice" / "config.json").read_text())
        return read

    def environment(self, stage: str) -> dict[str, str]:
        """What Chalice gives all functions of a stage, as config.json stands now."""
        config = self.config
        of_stage = config["stages"][stage]["environment_variables"]
        return {**config["environment_variables"], **of_stage}

    def policy(self, stage: str, function: str) -> dict[str, Any]:
        """A generated policy as it stands now."""
        read: dict[str, Any] = json.loads(
            (self.folder / ".chalice" / "policies" / f"{stage}-{function}.json").read_text()
        )
        return read

    def deployed(self, stage: str) -> dict[str, dict[str, Any]]:
        """By name, what Chalice remembers of what it has deployed; nothing before."""
        memory = self.folder / ".chalice" / "deployed" / f"{stage}.json"
        if not memory.exists():
            return {}
        return {each["name"]: each for each in json.loads(memory.read_text())["resources"]}

    def change_code(self, version: str = "0.1.1") -> None:
        """Lets the functions do something else: call themselves another version."""
        module = self.folder / "chalicelib" / "core" / "config.py"
        before = module.read_text()
        after = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', before, flags=re.MULTILINE)
        assert after != before
        module.write_text(after)
