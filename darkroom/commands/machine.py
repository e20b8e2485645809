"""up: the whole platform on this machine, which needs the checkout."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import click

from darkroom.errors import ConfigurationError

_NO_CHECKOUT = (
    "Starting Darkroom needs its checkout, and neither this folder nor one above it is one. "
    "Clone the repository, and run `darkroom up` (or `make run`) in there."
)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF MAKE RUN]")
def up(options: tuple[str, ...]) -> int:
    """Start everything on this machine: the embedded AWS, the API, two accounts. Ctrl-C stops it.

    It is `make run` of a checkout: of the one that you are in, or of the one that darkroom was installed from. It takes
    the same options, such as --port 9000; `darkroom up -- --help` lists them.
    """
    root = _checkout()
    make = shutil.which("make")
    if make is None:
        raise ConfigurationError(f"make is missing. Install it, or run: cd {root} && .venv/bin/python -m local run")
    # Make replaces $$ by $.
    arguments = shlex.join(options).replace("$", "$$")
    command = [make, "--no-print-directory", "-C", str(root), "run", f"ARGS={arguments}"]
    sys.stdout.flush()
    if os.name == "posix":
        # Ctrl-C, and whatever ends this process, reaches make itself.
        os.execve(make, command, _environment())  # noqa: S606
    return subprocess.run(command, env=_environment(), check=False).returncode  # noqa: S603


def _checkout() -> Path:
    """The folder of the checkout.

    Raises:
        ConfigurationError: there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, *_installed_from(), Path(__file__).resolve().parents[2]):
        if all((folder / each).exists() for each in ("app.py", "chalicelib", "local", "Makefile")):
            return folder
    raise ConfigurationError(_NO_CHECKOUT)


def _installed_from() -> list[Path]:
    """The folder from which pip or uv installed this package, if it was one (PEP 610)."""
    from importlib import metadata

    try:
        noted = metadata.distribution("darkroom").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return []
    url = urlsplit(json.loads(noted)["url"]) if noted else None
    return [Path(url2pathname(url.path))] if url is not None and url.scheme == "file" else []


def _environment() -> dict[str, str]:
    """The environment without that of a tool runner: its Python must not become the one of the checkout."""
    own = os.path.join(sys.prefix, "bin")
    path = os.pathsep.join(each for each in os.get_exec_path() if each != own)
    left_out = {"VIRTUAL_ENV", "PYTHONHOME"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "PATH": path} if sys.prefix != sys.base_prefix else kept
