"""The documents name only what is there: their links, their commands, and the options of these.

Commands that can run on this machine are also run: tests/journeys/test_documents.py, tests/machine/test_extending.py.
Those for AWS cannot, so each is compared with AWS's own description of the operation that it calls.
"""

import importlib.util
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import ServiceModel

import infra.__main__
import local.__main__
from infra.settings import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "examples" / "README.md"]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PARSERS = {"infra": infra.__main__._parser, "local": local.__main__._parser}
# What documents call TIME.
_TIME = "2026-11-28T10:00Z"
# Options of the AWS CLI itself.
_OF_THE_CLI = {"output", "query", "cli-binary-format"}
# Commands that are the AWS CLI's own, and its other names of services.
_CLI_ALONE = {("configure", "set"), ("sso", "login"), ("logs", "tail"), ("s3", "cp")}
_SERVICES = {"s3api": "s3"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def fenced(text: str) -> list[tuple[str, str]]:
    """The language and the lines of each block of code that stands by itself."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def code(document: Path) -> Iterator[str]:
    """All lines of code: of blocks with commands, and in sentences. A line that goes on in the next one is joined."""
    text = document.read_text()
    for language, block in fenced(text):
        if language in ("", "sh", "bash"):
            yield from block.replace("\\\n", " ").splitlines()
    for inline in re.findall(
        r"(?<!`)`([^`]+)`(?!`)", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    ):
        yield " ".join(inline.split())


@each_document
def test_every_link_leads_to_a_file(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if not _exists(document, *link.partition("#")[::2])]
    assert not missing


def test_the_readme_leads_to_every_document() -> None:
    linked = set(re.findall(r"\]\(docs/([a-z-]+\.md)", (ROOT / "README.md").read_text()))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")}


def _exists(document: Path, path: str, anchor: str) -> bool:
    target = document.parent / path if path else document
    return target.exists() and (not anchor or anchor in _anchors(target))


@cache
def _anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_every_target_of_make_is_there(document: Path) -> None:
    named = {
        target
        for line in code(document)
        for target in re.findall(r"(?:^|[ ;])make(?: [A-Z]+=\S+)* ([a-z][a-z-]*)", line)
    }
    assert named <= TARGETS


@each_document
def test_every_command_of_this_project_is_understood(document: Path) -> None:
    for line in code(document):
        for module, rest in re.findall(r"python3? -m (infra|local)((?: [^`]+)?)$", line):
            words = shlex.split(re.split(r" [|;&>] ", rest.replace(" TIME", f" {_TIME}"))[0], comments=True)
            if not words or words[0] == "demo":
                continue
            # A command without options is only named in a sentence.
            words += [] if any(word.startswith("-") for word in words) else ["--help"]
            assert _is_understood(module, words), line


def _is_understood(module: str, words: list[str]) -> bool:
    try:
        PARSERS[module]().parse_args(words)
    except SystemExit as stopped:
        # --help ends with 0.
        return not stopped.code
    return True


@each_document
def test_every_module_that_is_run_is_there(document: Path) -> None:
    modules = {name for line in code(document) for name in re.findall(r"python3? -m ([\w.]+)", line)}
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@each_document
def test_every_block_of_commands_is_correct_shell(document: Path) -> None:
    for language, block in fenced(document.read_text()):
        if language in ("sh", "bash"):
            check = [shutil.which("bash") or "bash", "-n"]
            done = subprocess.run(check, input=block, capture_output=True, text=True, timeout=10, check=False)
            assert done.returncode == 0, f"{done.stderr}{block}"


@each_document
def test_every_command_for_aws_calls_an_operation_with_its_parameters(document: Path) -> None:
    wrong = [
        f"aws {service} {operation}: {problem}"
        for line in code(document)
        for service, operation, options in _aws_calls(line)
        for problem in _problems(service, operation, options)
    ]
    assert not wrong


def _aws_calls(line: str) -> Iterator[tuple[str, str, set[str]]]:
    """Service, operation and long options of each call in a line. Calls may stand in one another."""
    for call in re.split(r"\baws (?=[a-z0-9-]+ [a-z0-9-]+)", line)[1:]:
        service, operation, *_ = re.split(r"[ )]", call)
        if (service, operation) not in _CLI_ALONE:
            yield _SERVICES.get(service, service), operation, set(re.findall(r" --([a-z-]+)", call)) - _OF_THE_CLI


def _problems(service: str, operation: str, options: set[str]) -> Iterator[str]:
    operations = {xform_name(name, "-"): name for name in _model(service).operation_names}
    if operation not in operations:
        yield "no such operation"
        return
    shape = _model(service).operation_model(operations[operation]).input_shape
    parameters = {xform_name(name, "-") for name in shape.members} if shape else set()
    required = {xform_name(name, "-") for name in shape.required_members} if shape else set()
    yield from (f"no option --{option}" for option in sorted(options - parameters))
    yield from (f"--{option} is missing" for option in sorted(required - options) if options)


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
