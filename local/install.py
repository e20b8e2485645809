"""Install a file of pinned packages into a virtual environment, with Python alone: `install.py .venv requirements.txt`.

pip fetches uv, and uv the rest: for the same packages it takes a third of pip's CPU time.
"""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

# What uv prints for every package, small ones too.
_DETAILS = (" + ", " - ", " ~ ", " Downloaded ", "Using Python ")
_NO_VENV = (
    f"{sys.executable} cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv. "
    "Or name another Python: make PYTHON=python3.12 …"
)
_NO_PACKAGES = (
    "The packages could not be installed; the next make continues. If a mirror of PyPI is set in pip's configuration, "
    "set UV_DEFAULT_INDEX to its address too."
)


class InstallError(Exception):
    """The message is a sentence for the user's terminal."""


def main(argv: list[str]) -> int:
    """Install; the exit status."""
    folder, requirements = Path(argv[0]), Path(argv[1])
    started = time.monotonic()
    print(f"Installing what {requirements} lists into {folder} …", flush=True)
    try:
        unfinished = _make_environment(folder)
        _install(folder / "bin" / "python", requirements)
        unfinished.unlink()
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next make continues.", file=sys.stderr)
        return 130
    print(f"Installed in {time.monotonic() - started:.0f} s.", flush=True)
    return 0


def _make_environment(folder: Path) -> Path:
    """Make the virtual environment if it is missing; the file that marks it as unfinished.

    An environment with that mark may hold half a package: it is made anew, from the packages in uv's cache.
    """
    if importlib.util.find_spec("ensurepip") is None:
        raise InstallError(_NO_VENV)
    mark = folder / "unfinished"
    was_stopped = mark.exists()
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    if was_stopped or not (folder / "bin" / "python").exists():
        print("  making the environment", flush=True)
        clear = ["--clear"] if was_stopped else []
        if subprocess.run([sys.executable, "-m", "venv", *clear, str(folder)], check=False).returncode:
            raise InstallError(_NO_VENV)
        mark.touch()
    return mark


def _install(python: Path, requirements: Path) -> None:
    uv = python.with_name("uv")
    if not uv.exists():
        print("  fetching uv, the installer (17 MB)", flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "--constraint", str(requirements), "uv"], check=False).returncode:
            raise InstallError(_NO_PACKAGES)
    command = [str(uv), "pip", "install", "--python", str(python), "--requirement", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith(_DETAILS):
                print(f"  {line.rstrip()}", flush=True)
    if process.returncode:
        raise InstallError(_NO_PACKAGES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
