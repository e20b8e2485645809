"""What a document says to type in a shell works, and docs/api.md names every route."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import ROOT
from local.machine import Machine
from tests import pictures

TOUR = ROOT / "docs" / "tour.md"
AGENTS = ROOT / "docs" / "agents.md"
EXAMPLES = ROOT / "examples" / "README.md"
# All of its blocks are run by tests/machine/test_extending.py.
EXTENDING = ROOT / "docs" / "extending.md"
# How many blocks of a document are run here.
RUN = {TOUR: 2, AGENTS: 1, EXAMPLES: 2}


def blocks(document: Path) -> list[str]:
    """The commands of a document, in the form in which tests run them."""
    return re.findall(r"```bash\n(.*?)```", document.read_text(), re.DOTALL)


def run(script: str, folder: Path, **environment: str) -> str:
    """Run commands in a folder of their own; what they print."""
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-O", "expand_aliases", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def at(machine: Machine, commands: str) -> str:
    """The commands for this machine's address."""
    return commands.replace("http://127.0.0.1:8000", machine.api_url)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the packages of a clone."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def test_the_tour_ends_with_a_variant(machine: Machine, clone: Path) -> None:
    printed = run(at(machine, blocks(TOUR)[0]), clone)
    assert json.loads(printed)["image"]["status"] == "COMPLETED"
    assert pictures.decoded((clone / "medium.jpg").read_bytes()).size == (1200, 900)


@pytest.mark.slow
def test_the_tour_of_the_command_line_ends_with_variants(machine: Machine, clone: Path) -> None:
    commands = blocks(TOUR)[1]
    # What uvx would install is here already.
    own = commands.replace("uvx --from . darkroom", f"{sys.executable} -m darkroom")
    assert own != commands
    (clone / "photo.jpg").write_bytes(pictures.jpeg(640, 480))
    printed = run(own, clone, DARKROOM_URL=machine.api_url, DARKROOM_HOME=str(clone / "stored"))
    assert "1 file: 1 sent." in printed
    assert "COMPLETED" in printed
    assert list((clone / "variants").rglob("photo-medium.jpeg"))


@pytest.mark.slow
def test_three_calls_of_an_agent_end_with_a_thumbnail(machine: Machine, clone: Path) -> None:
    printed = run(at(machine, blocks(AGENTS)[0]), clone)
    assert json.loads(printed)["isFinished"] is True
    assert pictures.decoded((clone / "thumbnail.jpg").read_bytes()).size == (800, 600)


def test_the_examples_get_their_key_and_their_secret(machine: Machine, clone: Path) -> None:
    key, secret = blocks(EXAMPLES)
    # The accounts are shared by all tests: their webhooks are left as they were.
    restored = r"""curl -sf -X PATCH $api/auth/profile -H "Authorization: Bearer $token" -H "$json" \
  -d '{"preferences": {"webhook": null}}' > /dev/null"""
    script = "\n".join((at(machine, key), 'echo "$DARKROOM_KEY"', secret, restored))
    printed_key, printed_secret = run(script, clone).split()
    assert printed_key.startswith("drk_")
    assert len(printed_secret) >= 32


def test_every_command_in_bash_is_run_by_a_test() -> None:
    documents = {ROOT / "README.md", ROOT / "ARCHITECTURE.md", EXAMPLES, *(ROOT / "docs").glob("*.md")} - {EXTENDING}
    assert {each: len(blocks(each)) for each in documents if blocks(each)} == RUN


def test_every_route_is_in_the_document_of_the_api(machine: Machine) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for path in machine.description["routes"]:
        assert path in text, f"{path} is not in docs/api.md"
