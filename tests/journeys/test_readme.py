"""The tours of the README and of docs/agents.md work, and the README names every route."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.machine import Machine
from tests import pictures

README = Path(__file__).parents[2] / "README.md"


def run_tour(document: Path, machine: Machine, tmp_path: Path) -> str:
    """Run the first commands of a document in a folder of their own; what they print."""
    tour = re.findall(r"```bash\n(.*?)```", document.read_text(), re.DOTALL)[0]
    script = tour.replace("http://127.0.0.1:8000", machine.api_url)
    # The packages and modules of a clone.
    (tmp_path / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tour_of_the_readme_ends_with_a_variant(machine: Machine, tmp_path: Path) -> None:
    printed = run_tour(README, machine, tmp_path)
    assert json.loads(printed)["image"]["status"] == "COMPLETED"
    assert pictures.decoded((tmp_path / "medium.jpg").read_bytes()).size == (1200, 900)


@pytest.mark.slow
def test_three_calls_of_an_agent_end_with_a_thumbnail(machine: Machine, tmp_path: Path) -> None:
    printed = run_tour(README.parent / "docs" / "agents.md", machine, tmp_path)
    assert json.loads(printed)["isFinished"] is True
    assert pictures.decoded((tmp_path / "thumbnail.jpg").read_bytes()).size == (800, 600)


@pytest.mark.slow
def test_the_command_line_of_the_readme_ends_with_variants(machine: Machine, tmp_path: Path) -> None:
    commands = re.findall(r"```bash\n(.*?)```", README.read_text(), re.DOTALL)[1]
    # What uvx would install is here already.
    own = commands.replace("uvx --from . darkroom", f"{sys.executable} -m darkroom")
    assert own != commands
    (tmp_path / "photo.jpg").write_bytes(pictures.jpeg(640, 480))
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-O", "expand_aliases", "-euo", "pipefail", "-c", own],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(README.parent),
            "DARKROOM_URL": machine.api_url,
            "DARKROOM_HOME": str(tmp_path / "stored"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 file: 1 sent." in done.stdout
    assert "COMPLETED" in done.stdout
    assert list((tmp_path / "variants").rglob("photo-medium.jpeg"))


def test_every_route_is_in_the_readme(machine: Machine) -> None:
    text = README.read_text()
    for path in machine.description["routes"]:
        assert path in text, f"{path} is not in the README"
