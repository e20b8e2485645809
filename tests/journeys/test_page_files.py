"""The files of the page and of the pages at /docs: how they are sent, and what holds for all of them."""

import gzip
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from chalicelib import web
from local.machine import Machine
from tests import node

ASSETS = Path(__file__).parents[2] / "chalicelib" / "web" / "assets"
LARGEST_GZIP = 150_000
LARGEST_FIRST_GZIP = 100_000
LARGEST_DOCS_GZIP = 40_000
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SENT = sorted(path for path in ASSETS.glob("*/*") if path.suffix in MEDIA_TYPES)
OURS = [path for path in ASSETS.glob("*/*") if path.parent.name != "vendor"]
NOT_ONE = "0" * 16


def get(machine: Machine, path: str, **headers: str) -> requests.Response:
    return requests.get(machine.api_url + path, headers=headers, timeout=30, allow_redirects=False)


@pytest.fixture(scope="module")
def version(machine: Machine) -> str:
    """The version that the addresses of all files hold."""
    versions = set(re.findall(r'"assets/([^/"]+)/', get(machine, "/").text + get(machine, "/docs").text))
    assert len(versions) == 1, "both pages name the same version"
    return str(versions.pop())


def policy(response: requests.Response) -> dict[str, str]:
    """The rules of its Content-Security-Policy, by name."""
    rules = response.headers["Content-Security-Policy"].split(";")
    return dict(each.strip().partition(" ")[::2] for each in rules)


@pytest.fixture(scope="module")
def sent(machine: Machine, version: str) -> dict[Path, requests.Response]:
    """Every file as a browser gets it."""
    return {path: get(machine, f"/assets/{version}/{path.parent.name}/{path.name}") for path in SENT}


def test_a_file_is_sent_with_its_type_and_kept_for_good(sent: dict[Path, requests.Response]) -> None:
    for path, answer in sent.items():
        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"] == MEDIA_TYPES[path.suffix]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_file_is_sent_as_it_is_but_for_its_comments(sent: dict[Path, requests.Response], tmp_path: Path) -> None:
    for path, answer in sent.items():
        if path.suffix == ".css" and path.parent.name != "vendor":
            assert answer.text.split() == re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL).split()
        elif path.suffix == ".svg" or path.parent.name == "vendor":
            assert answer.content == path.read_bytes()
        else:
            place = tmp_path / path.parent.name / path.name
            place.parent.mkdir(exist_ok=True)
            place.write_text(answer.text)
            assert len(answer.text.splitlines()) == len(path.read_text().splitlines()), "errors name the right line"
    folders = sorted(tmp_path.iterdir())
    assert [node.run("same_script.js", ASSETS / folder.name, folder) for folder in folders] == [""] * len(folders)


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_page_is_sent_again_only_when_it_has_changed(machine: Machine, page: str) -> None:
    first = get(machine, page)
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"
    assert first.headers["Cache-Control"] == "no-cache"
    tag = first.headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"another", {tag}', "*"):
        again = get(machine, page, **{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert get(machine, page, **{"If-None-Match": 'W/"another"'}).status_code == 200


def test_the_policy_lets_nothing_in_but_our_files_and_the_two_buckets(machine: Machine) -> None:
    rules, docs = policy(get(machine, "/")), policy(get(machine, "/docs"))
    for each in (rules, docs):
        assert {each[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")} == {"'none'"}
        assert {each[name] for name in ("script-src", "style-src")} == {"'self'"}
        assert each["require-trusted-types-for"] == "'script'"
    assert {docs[name] for name in ("img-src", "connect-src")} == {"'self'"}
    assert rules["connect-src"].split() == ["'self'", machine.aws_url]
    assert rules["img-src"].split() == ["'self'", "blob:", "data:", machine.aws_url]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("{version}/docs/index.html", "NOT_FOUND"),
        ("{version}/vendor/uqr.d.ts", "INVALID_REQUEST"),
        ("{version}/app/unknown.js", "NOT_FOUND"),
        ("{version}/docs/start.js", "NOT_FOUND"),
        (f"{NOT_ONE}/app/start.js", "NOT_FOUND"),
        ("{version}/app/..%2F..%2Fservice.py", "INVALID_REQUEST"),
        ("{version}/%2e%2e/service.py", "INVALID_REQUEST"),
        ("{version}/app/start.js%00", "INVALID_REQUEST"),
    ],
)
def test_nothing_else_is_sent(machine: Machine, version: str, place: str, code: str) -> None:
    assert get(machine, f"/assets/{place.format(version=version)}").json()["error"]["code"] == code


def test_a_page_has_one_address_because_its_own_addresses_are_relative(machine: Machine) -> None:
    other = get(machine, "/docs/")
    assert (other.status_code, other.headers["Location"]) == (308, "../docs")
    for path in ("/", "/docs"):
        page = get(machine, path).text
        addresses = re.findall(r'(?:href|src)="([^"#]+)"', page)
        assert addresses
        assert not [each for each in addresses if each.startswith(("/", "http"))]
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page), "nothing is inline"


def test_the_name_of_a_stage_without_a_slash_leads_to_the_page() -> None:
    """The embedded API has no stage's name in its paths."""
    redirect = web.send_page("/prod", {})
    assert (redirect.status_code, urljoin("https://example.com/prod", str(redirect.headers["Location"]))) == (
        308,
        "https://example.com/prod/",
    )


def test_a_page_is_shown_to_readers_without_javascript_too(machine: Machine) -> None:
    for path, link in (("/", "docs"), ("/docs", "openapi.json")):
        without = get(machine, path).text.partition("<noscript>")[2].partition("</noscript>")[0]
        assert f'<a href="{link}">' in without


def imported(path: Path, found: set[Path]) -> set[Path]:
    """A script with all scripts that it needs before it runs."""
    if path not in found:
        found.add(path)
        for name in re.findall(r'(?:from|^import) "(\.[^"]+)"', path.read_text(), re.MULTILINE):
            imported((path.parent / name).resolve(), found)
    return found


def test_all_files_together_are_small_and_the_first_view_is_smaller(sent: dict[Path, requests.Response]) -> None:
    sizes = {path: len(gzip.compress(answer.content)) for path, answer in sent.items()}
    sizes |= {path: len(gzip.compress(path.read_bytes())) for path in ASSETS.glob("*/*.html")}
    docs = {path for path in sizes if path.parent.name == "docs"}
    assert sum(sizes[path] for path in docs | set(ASSETS.glob("base/*"))) < LARGEST_DOCS_GZIP
    assert sum(sizes[path] for path in sizes.keys() - docs) < LARGEST_GZIP, sizes
    page = ASSETS / "app" / "index.html"
    linked = {ASSETS / name for name in re.findall(r'(?:src|href)="assets/([^"]+)"', page.read_text())}
    for view in ("welcome", "gallery"):
        first = {page, *linked}
        for script in (*linked, ASSETS / "views" / f"{view}.js"):
            first |= imported(script, set()) if script.suffix == ".js" else {script}
        assert sum(map(sizes.__getitem__, first)) < LARGEST_FIRST_GZIP, view


def test_every_file_can_be_read_at_a_glance() -> None:
    for path in OURS:
        lines = path.read_text().splitlines()
        # The catalogue of texts is one file, so that another language is one file too.
        assert len(lines) <= 300 or path.name == "english.js", path.name
        assert max(map(len, lines)) <= 120, path.name


def test_a_style_of_one_view_reaches_into_no_other() -> None:
    """A rule begins with a class that no other view's style names; the design system's classes are for all."""
    named: dict[str, set[str]] = {}
    begun: dict[str, set[str]] = {}
    for path in ASSETS.glob("*/*.css"):
        text = re.sub(r"/\*.*?\*/|\([^)]*\)", "", path.read_text(), flags=re.DOTALL)
        for selector in [each.strip() for group in re.findall(r"([^{}]+)\{", text) for each in group.split(",")]:
            if path.parent.name == "docs" or selector.startswith("@"):
                continue
            for name in re.findall(r"\.([a-z][\w-]*)", selector):
                named.setdefault(name, set()).add(path.name)
            first = re.findall(r"\.([a-z][\w-]*)", re.split(r"[ >+~]", selector)[0])
            if len(first) == 1:
                begun.setdefault(first[0], set()).add(path.name)
    shared = {name for name, files in begun.items() if "design.css" in files}
    assert {name: files for name, files in begun.items() if name in shared and len(files) > 1} == {}
    assert {name: named[name] for name in begun.keys() - shared if len(named[name]) > 1} == {}


def test_the_types_that_scripts_name_agree_and_nothing_is_unused() -> None:
    node.run(node.tool("typescript", "bin/tsc"), "-p", "tsconfig.page.json")


def test_the_libraries_are_the_published_ones() -> None:
    published = {
        "idb.js": (node.tool("idb", "build/umd.js"), "\nexport const { openDB } = globalThis.idb;\n"),
        "uqr.js": (node.tool("uqr", "dist/index.mjs"), ""),
    }
    vendored = {path.name: path.read_text() for path in (ASSETS / "vendor").iterdir() if path.suffix in MEDIA_TYPES}
    assert vendored == {name: path.read_text() + more for name, (path, more) in published.items()}


def test_every_text_of_the_catalogue_is_used() -> None:
    catalogue = (ASSETS / "app" / "english.js").read_text()
    scripts = "\n".join(path.read_text() for path in OURS if path.suffix == ".js" and path.name != "english.js")
    keys = re.findall(r'^  "([\w.]+)":', catalogue, re.MULTILINE)
    assert len(keys) == len(set(keys))
    # Of some only the beginning stands in the code: the end is a code that the API sends.
    found = set(re.findall(r'textOf\("(\w+)"', scripts))
    unused = [key for key in keys if f'"{key}"' not in scripts and key.partition(".")[0] not in found]
    assert not unused
