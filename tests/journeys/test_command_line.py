"""The command line, run as people run it: a newcomer's session, uploads that go on, and every way in and out."""

import json
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.machine import Machine
from tests import pictures
from tests.journeys.authenticator import enrol
from tests.journeys.exporter import exporter
from tests.journeys.issuing_keys import issue_key
from tests.journeys.terminal import Terminal
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture
def terminal(machine: Machine, tmp_path: Path) -> Terminal:
    return Terminal(machine.api_url, tmp_path)


def folder_of_photos(place: Path, count: int) -> Path:
    place.mkdir()
    for number in range(count):
        (place / f"photo-{number:02}.jpg").write_bytes(pictures.jpeg(64 + number, 48))
    return place


def names(user: User) -> Counter[str]:
    """How often each file name is among the user's images."""
    return Counter(each["fileName"] for each in user.get("/images", limit=100).json()["items"])


# --- a newcomer's session --------------------------------------------------------------------


def test_a_newcomer_sends_a_folder_twice_and_gets_variants(machine: Machine, terminal: Terminal) -> None:
    ann = exporter(machine, "Ann")
    assert terminal.sign_in(ann).stdout == f"Signed in at {machine.api_url} as {ann.email}.\n"
    assert terminal.sessions.stat().st_mode & 0o777 == 0o600
    assert ann.password not in terminal.sessions.read_text()

    photos = folder_of_photos(terminal.home / "photos", 3)
    (photos / "trip").mkdir()
    (photos / "trip" / "copy.jpg").write_bytes((photos / "photo-00.jpg").read_bytes())
    (photos / "notes.txt").write_text("no picture")
    first = terminal.run("upload", photos)
    assert first.stdout == "4 files: 3 sent, 1 with the same content as another.\n"
    assert "1 other file of the folders left out" in first.stderr
    again = terminal.json("upload", photos)
    assert again["counts"] == {"there": 3, "same": 1}
    assert {each["status"] for each in again["files"] if each["outcome"] == "there"} == {"COMPLETED"}
    assert set(names(ann).values()) == {1}

    listed = terminal.json("ls", "--name", "photo-01")["items"]
    assert [each["fileName"] for each in listed] == ["photo-01.jpg"]
    image_id = listed[0]["imageId"]
    got = terminal.json("get", image_id, "--to", "out")["files"]
    (small,) = [each for each in got if each.endswith("-small.jpeg")]
    assert pictures.decoded((terminal.home / small).read_bytes()).size == (65, 48)
    resized = terminal.json("process", "resize", image_id, "--width", "32", "--format", "png", "--to", "out")
    assert pictures.decoded((terminal.home / resized["files"][0]).read_bytes()).size == (32, 24)
    exported = terminal.json("export", "--data", "profile", "--to", "out")
    assert ann.email in (terminal.home / exported["files"][0]).read_text()

    made = terminal.run("keys", "create", "uploader", "--opens", "file_upload")
    secret = made.stdout.strip()
    assert secret.startswith("drk_")
    assert secret not in made.stderr
    with_key = Terminal(machine.api_url, terminal.home, {"DARKROOM_KEY": secret})
    assert with_key.run("ls").stdout.count("COMPLETED") == 3
    assert "requests" in terminal.run("usage").stdout


@pytest.mark.slow
def test_images_and_keys_are_kept_in_order(machine: Machine, terminal: Terminal) -> None:
    hal = User.new(machine.api_url)
    terminal.sign_in(hal)
    photos = folder_of_photos(terminal.home / "photos", 3)
    terminal.run("upload", photos)
    # Sums follow the work by some seconds.
    wait_for(lambda: "3 new, 3 completed" in terminal.run("usage").stdout, "the sums", every=0.5)
    listed = terminal.run("ls", "--status", "completed", "--limit", "2")
    assert (len(listed.stdout.splitlines()), "more than 2" in listed.stderr) == (3, True)
    image_id = listed.stdout.splitlines()[1].split()[0]
    assert len(terminal.json("get", image_id, "--variant", "small")["files"]) == 1
    assert terminal.json("get", image_id)["fetched"] == 5
    assert "brightness" in terminal.run("process", "analyze", image_id).stdout
    queued = terminal.json("process", "convert", image_id, "--format", "webp", "--no-wait")["actions"][0]["actionId"]
    assert len(terminal.json("actions", "get", queued)["files"]) == 1
    assert queued in terminal.run("actions", "list").stdout

    secret = terminal.run("keys", "create", "robot", "--opens", "file_upload", "--requests-per-minute", "50").stdout
    (key,) = terminal.json("keys", "list")["items"]
    assert (key["name"], key["limits"]) == ("robot", {"requestsPerMinute": 50})
    with_key = Terminal(machine.api_url, terminal.home, {"DARKROOM_KEY": secret.strip()})
    assert "PERMISSION_DENIED, request " in with_key.run("keys", "rotate", key["keyId"], code=4).stderr
    other = terminal.json("keys", "rotate", key["keyId"], "--grace-seconds", "0")["key"]
    assert other != secret.strip()
    with_key.run("ls", code=3)
    terminal.run("keys", "revoke", key["keyId"], code=2)
    terminal.run("keys", "revoke", key["keyId"], "--yes")

    assert terminal.json("rm", image_id, "--yes")["deleted"] == [image_id]
    assert terminal.json("rm", image_id, "--yes", code=5)["error"]["code"] == "IMAGE_NOT_FOUND"
    # What was deleted is sent again, as a new image.
    assert terminal.json("upload", photos)["counts"] == {"there": 2, "sent": 1}


@pytest.mark.slow
def test_administrators_see_users_syncs_and_the_trail(machine: Machine, terminal: Terminal, admin: User) -> None:
    terminal.sign_in(admin)
    someone = User.new(machine.api_url, "Eve \x1b[31m")
    found = terminal.run("admin", "users", "--email", someone.email).stdout
    assert someone.id in found
    assert "\x1b" not in found, "a name does not steer the terminal"
    assert terminal.json("admin", "syncs")["items"] == admin.get("/admin/syncs").json()["items"]
    assert [each["name"] for each in terminal.json("admin", "health")["jobs"]]
    assert "nightly_sync" in terminal.run("admin", "health").stdout
    entry = wait_for(
        lambda: terminal.json("admin", "audit", "--user", admin.id, "--limit", "1")["items"], "an entry of the trail"
    )[0]
    assert entry["userId"] == admin.id
    report = terminal.json("report", "usage", "--from", "2026-11-01", "--until", "2026-11-02", "--format", "csv")
    assert {Path(each).suffix for each in report["files"]} == {".zip", ".json"}


# --- uploads that go on ----------------------------------------------------------------------


def test_an_upload_by_a_preset_is_known_by_it(machine: Machine, terminal: Terminal) -> None:
    ann = exporter(machine, "Ann")
    terminal.sign_in(ann)
    listed = terminal.run("presets").stdout
    assert "small=800x600 medium=1200x900 large=1920x1080" in listed
    assert "avatar: Square portraits" in listed
    photo = terminal.home / "photo.jpg"
    photo.write_bytes(pictures.jpeg(64, 48))
    assert terminal.run("upload", "--preset", "avatar", photo).stdout == "1 file: 1 sent.\n"
    assert terminal.run("upload", "--preset", "avatar", photo).stdout == "1 file: 1 already there.\n"
    assert terminal.run("upload", photo).stdout == "1 file: 1 already there.\n"
    # By another preset it becomes another image.
    assert terminal.run("upload", "--preset", "proof", photo).stdout == "1 file: 1 sent.\n"
    assert Counter(each["preset"] for each in ann.get("/images").json()["items"]) == {"avatar": 1, "proof": 1}
    refused = terminal.run("upload", "--preset", "nope", photo, code=1)
    assert "must be one of default, web, avatar, proof" in refused.stdout


def test_an_upload_that_is_stopped_goes_on_without_duplicates(machine: Machine, terminal: Terminal) -> None:
    ben = User.new(machine.api_url)
    terminal.sign_in(ben)
    photos = folder_of_photos(terminal.home / "photos", 12)
    process = terminal.start("upload", photos, "--parallel", "2")
    wait_for(lambda: len(names(ben)) >= 3, "the first images")
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert error == "\ndarkroom: stopped. Run the same command again: it goes on from here.\n"

    counts = terminal.json("upload", photos)["counts"]
    assert sum(counts.values()) == 12
    assert counts["sent"] < 12
    assert set(names(ben).values()) == {1}
    assert len(names(ben)) == 12


@pytest.mark.slow
def test_another_machine_of_the_same_day_sends_nothing_twice(machine: Machine, tmp_path: Path) -> None:
    cleo = User.new(machine.api_url)
    photos = folder_of_photos(tmp_path / "photos", 2)
    for name, outcome in (("first", "sent"), ("second", "there")):
        (tmp_path / name).mkdir()
        terminal = Terminal(machine.api_url, tmp_path / name)
        terminal.sign_in(cleo)
        assert terminal.json("upload", photos)["counts"] == {outcome: 2}
    assert set(names(cleo).values()) == {1}


def test_refused_files_are_shown_with_their_reasons(machine: Machine, terminal: Terminal) -> None:
    terminal.sign_in(User.new(machine.api_url))
    photos = folder_of_photos(terminal.home / "photos", 1)
    (photos / "bad.png").write_bytes(b"no picture")
    (terminal.home / "notes.txt").write_text("no picture either")
    done = terminal.run("upload", photos, "notes.txt", code=1)
    assert done.stdout.splitlines() == [
        f"{photos / 'bad.png'}: refused: The file is not a picture of a type that is known here. (not_an_image)",
        "notes.txt: refused: The file must be one of: image/jpeg, image/png, image/gif, image/webp. "
        "(FILE_TYPE_NOT_ALLOWED)",
        "3 files: 1 sent, 2 refused.",
    ]
    again = terminal.json("upload", photos, "notes.txt", code=1)
    assert again["counts"] == {"there": 1, "refused": 2}
    assert "There is no gone.jpg." in terminal.run("upload", "gone.jpg", code=2).stderr


class Network:
    """A way to the API that can be cut."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (str(parts.hostname), int(parts.port or 80))
        self._open: list[socket.socket] = []
        self.is_up = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.is_up = False
        for each in self._open:
            with contextless(each):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        with contextless(self._listening):
            while True:
                here, _ = self._listening.accept()
                if not self.is_up:
                    here.close()
                    continue
                there = socket.create_connection(self._server)
                self._open += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextless(one):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@contextmanager
def contextless(_: socket.socket) -> Iterator[None]:
    """What ends with an error of a socket that was closed meanwhile ends quietly."""
    try:
        yield
    except OSError:
        return


@pytest.mark.slow
def test_a_loss_of_the_network_is_waited_for(machine: Machine, terminal: Terminal) -> None:
    dan = User.new(machine.api_url)
    photos = folder_of_photos(terminal.home / "photos", 10)
    with closing(Network(machine.api_url)) as network:
        terminal.url = network.url
        terminal.sign_in(dan)
        process = terminal.start("upload", photos, "--parallel", "2", "--json")
        wait_for(lambda: len(names(dan)) >= 3, "the first images")
        network.cut()
        # It is found to be away before it comes back.
        with pytest.raises(AssertionError, match="in vain"):
            wait_for(lambda: process.poll() is not None, "the end", within=1)
        network.is_up = True
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert sum(json.loads(out)["counts"].values()) == 10
    assert set(names(dan).values()) == {1}
    assert len(names(dan)) == 10


# --- ways in, and ends of sessions -----------------------------------------------------------


def test_each_way_to_fail_is_one_line_with_its_exit_code(machine: Machine, terminal: Terminal, ann: User) -> None:
    wrong = terminal.run("login", "--email", ann.email, lines="Wrong-Password-1!", code=3)
    assert wrong.stderr.startswith("darkroom: The address or the password is wrong. (NOT_AUTHENTICATED, request ")
    assert "Wrong-Password-1!" not in wrong.stderr
    assert "You are not signed in" in terminal.run("ls", code=3).stderr
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    elsewhere = Terminal(closed, terminal.home, {"DARKROOM_KEY": "drk_x"})
    assert elsewhere.run("ls", code=7).stderr == f"darkroom: {closed} gave no answer: nothing is running there.\n"
    assert "is not a day" in terminal.run("usage", "--from", "yesterday", code=2).stderr


@pytest.mark.slow
def test_further_ways_to_fail(machine: Machine, terminal: Terminal, ann: User) -> None:
    assert "stdin has no such line" in terminal.run("login", "--email", ann.email, code=3).stderr
    terminal.sign_in(ann)
    assert "Only administrators" in terminal.run("admin", "users", code=4).stderr
    assert terminal.json("process", "analyze", "img_unknown", code=5)["error"]["code"] == "IMAGE_NOT_FOUND"
    assert "start: is no day" in terminal.run("usage", "--from", "2026-02-30", code=1).stderr
    assert machine.aws_url
    other = Terminal(machine.aws_url, terminal.home, {"DARKROOM_KEY": "drk_x"}).run("ls", code=7)
    assert other.stderr.startswith(f"darkroom: {machine.aws_url} answered ")
    in_the_open = Terminal("http://api.example.com", terminal.home)
    assert "not encrypted" in in_the_open.run("login", "--email", ann.email, lines=ann.password, code=2).stderr
    assert terminal.json("nonsense", code=2)["error"]["code"] == "USAGE"


def test_tokens_are_renewed_until_the_session_ends(machine: Machine, terminal: Terminal) -> None:
    fay = User.new(machine.api_url)
    terminal.sign_in(fay)
    stored = json.loads(terminal.sessions.read_text())
    session = stored["stages"][machine.api_url]
    before = session["access_token"]
    session["expires_at"] = 0
    terminal.sessions.write_text(json.dumps(stored))
    terminal.run("ls")
    after = json.loads(terminal.sessions.read_text())["stages"][machine.api_url]["access_token"]
    assert after != before

    fay.post("/auth/signout")
    ended = terminal.run("ls", code=3)
    assert ended.stderr == "darkroom: The session has ended. Run: darkroom login\n"
    assert "Signed out" in terminal.run("logout").stdout
    assert after not in terminal.sessions.read_text()


@pytest.mark.slow
def test_stored_sessions_stay_private_and_whole(machine: Machine, terminal: Terminal, ann: User) -> None:
    terminal.sign_in(ann)
    terminal.sessions.chmod(0o644)
    terminal.run("ls")
    assert terminal.sessions.stat().st_mode & 0o777 == 0o600
    terminal.sessions.write_text("{")
    assert "is damaged" in terminal.run("ls", code=1).stderr


@pytest.mark.slow
def test_login_answers_challenges_and_names_stages(machine: Machine, terminal: Terminal) -> None:
    gus = User.new(machine.api_url)
    authenticator = enrol(machine, gus)
    wrong = f"{gus.password}\n{authenticator.wrong_code()}\n"
    assert "WRONG_CODE" in terminal.run("login", "--email", gus.email, lines=wrong, code=4).stderr
    right = f"{gus.password}\n{authenticator.code()}\n"
    url = ("--url", machine.api_url, "--stage", "here")
    assert terminal.json("login", "--email", gus.email, *url, lines=right)["stage"] == "here"

    terminal.url = ""
    terminal.run("ls", "--stage", "here")
    assert "There is no stage 'prod' here" in terminal.run("ls", "--stage", "prod", code=2).stderr
    secret = str(issue_key(gus, "file_upload")[1].tokens["accessToken"])
    terminal.run("login", "--api-key", "--stage", "here", lines=secret)
    terminal.run("ls")
    assert secret not in terminal.run("ls").stdout
    assert "NOT_AUTHENTICATED" in terminal.run("login", "--api-key", lines="drk_wrong", code=3).stderr


@pytest.mark.slow
def test_a_temporary_password_is_replaced(machine: Machine, terminal: Terminal) -> None:
    invited = User(machine.api_url)
    machine.client("cognito-idp").admin_create_user(
        UserPoolId=machine.resources["UserPool"].ref,
        Username=invited.email,
        TemporaryPassword="Temporary-2026!",
        UserAttributes=[{"Name": "email", "Value": invited.email}],
    )
    terminal.run("login", "--email", invited.email, lines=f"Temporary-2026!\n{invited.password}\n")
    terminal.run("ls")
    invited.sign_in()


# --- the machine ------------------------------------------------------------------------------


def test_up_is_make_run_of_the_checkout(tmp_path: Path) -> None:
    terminal = Terminal("", tmp_path)
    for name in ("app.py", "chalicelib", "local"):
        (tmp_path / name).touch()
    (tmp_path / "Makefile").write_text('run:\n\t@for each in $(ARGS); do echo "<$$each>"; done\n')
    done = terminal.run("up", "--port", "9000", "--state", "my $HOME's folder")
    assert done.stdout.splitlines() == ["<--port>", "<9000>", "<--state>", "<my $HOME's folder>"]


def test_shells_complete_commands_and_values(tmp_path: Path) -> None:
    completing = {"_DARKROOM_COMPLETE": "bash_complete", "COMP_WORDS": "darkroom ls --status ", "COMP_CWORD": "3"}
    offered = Terminal("", tmp_path, completing).run().stdout
    assert {"plain,completed", "plain,failed"} <= set(offered.split())
    assert "_darkroom_completion" in Terminal("", tmp_path).run("completion", "bash").stdout
