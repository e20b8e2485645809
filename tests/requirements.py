"""What the requirements files pin, and which packages the environment's modules come from."""

from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pins(name: str) -> set[str]:
    """The pins of a file, each as it stands there with its marker."""
    return {line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith((" ", "#"))}


def packages(name: str) -> set[str]:
    """The canonical names of a file's packages."""
    return {canonicalize_name(Requirement(pin).name) for pin in pins(name)}


@cache
def packages_by_module() -> dict[str, set[str]]:
    """The packages that install each top-level module of this environment."""
    found = metadata.packages_distributions()
    return {module: {canonicalize_name(each) for each in distributions} for module, distributions in found.items()}
