"""Wrong passwords: a source that guesses waits longer and longer, and the owner elsewhere does not."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from chalicelib.core.errors import NotAuthenticatedError, TooManyRequestsError
from chalicelib.core.http import attempts
from local.machine import Machine
from tests.journeys.gateway import Answer, call, calls_made
from tests.journeys.user import User

NOON = 1_780_315_200.0
THEIRS, OWN = "203.0.113.7", "192.0.2.1"


@pytest.fixture
def clock(function: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock that counts attempts; it starts at noon."""
    made = SimpleNamespace(now=NOON)
    made.time = lambda: made.now
    function.setattr(attempts, "time", made)
    function.setenv("WRONG_PASSWORDS_PER_MINUTE", "5")
    function.setenv("WRONG_PASSWORDS_PER_DAY", "1000")
    return made


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def sign_in(email: str, password: str = "Wrong-One-2026!", source: str = THEIRS) -> Answer:
    return call("POST /auth/signin", {}, {"email": email, "password": password}, source=source)


def test_the_owner_can_sign_in_while_another_source_guesses(clock: SimpleNamespace, ann: User) -> None:
    statuses = [sign_in(ann.email).status for _ in range(12)]
    assert statuses == [401] * 5 + [429] * 7
    assert sign_in(ann.email, ann.password, OWN).status == 200
    assert sign_in(ann.email, ann.password).status == 429, "from that source even the right password is refused"
    for path in ("resend", "forgot-password"):
        assert call(f"POST /auth/{path}", {}, {"email": ann.email}, source=OWN).status == 200
    asked = {"email": ann.email, "code": "123456", "password": "Another-Day-2026!"}
    assert call("POST /auth/reset-password", {}, asked, source=OWN).status == 200


def test_repeated_wrong_passwords_wait_longer_and_longer(clock: SimpleNamespace, ann: User) -> None:
    waits: list[int] = []
    while len(waits) < 8:
        answer = sign_in(ann.email)
        if answer.status == 429:
            assert answer.headers["Retry-After"] == answer.headers["RateLimit-Reset"]
            assert answer.headers["RateLimit-Remaining"] == "0"
            waits.append(int(answer.headers["Retry-After"]))
            clock.now += waits[-1]
    minute, quarter, hour, day = 60, 900, 3600, 86_400
    # Five a minute, ten a quarter of an hour, twenty an hour, forty a day; the day ends twelve hours after noon.
    rest = day // 2 - hour
    first_hour = [minute, quarter - minute, minute, hour - quarter - minute]
    assert waits == [*first_hour, minute, quarter - minute, minute, rest - quarter - minute]
    assert sign_in(ann.email).status == 401, "the next day starts at zero"


def test_a_correct_password_does_not_count_as_an_attempt(clock: SimpleNamespace, ann: User) -> None:
    assert [sign_in(ann.email, ann.password).status for _ in range(8)] == [200] * 8
    assert [sign_in(ann.email).status for _ in range(6)] == [401] * 5 + [429]


def test_of_a_hundred_attempts_at_once_five_are_tried(clock: SimpleNamespace) -> None:
    email = f"none{secrets.token_hex(4)}@example.com"

    def guess(_: int) -> bool:
        try:
            with attempts.password_attempt(email, attempts.AnonymousCaller(THEIRS, {})):
                raise NotAuthenticatedError
        except TooManyRequestsError:
            return False
        except NotAuthenticatedError:
            return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(guess, range(100))) == 5


def test_all_sources_together_have_a_daily_limit(
    clock: SimpleNamespace, function: pytest.MonkeyPatch, ann: User
) -> None:
    function.setenv("WRONG_PASSWORDS_PER_DAY", "7")
    statuses = [sign_in(ann.email, source=f"203.0.113.{n}").status for n in range(9)]
    assert statuses == [401] * 7 + [429] * 2
    refused = sign_in(ann.email, ann.password, OWN)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "43200")
    clock.now += 43_200
    assert sign_in(ann.email, ann.password, OWN).status == 200


def test_waiting_times_do_not_reveal_whether_an_address_exists(clock: SimpleNamespace, ann: User) -> None:
    nobody = f"none{secrets.token_hex(4)}@example.com"
    for email in (ann.email, nobody):
        answers = [sign_in(email) for _ in range(6)]
        assert [answer.status for answer in answers] == [401] * 5 + [429]
    last = [{**sign_in(email).body, "requestId": ""} for email in (ann.email, nobody)]
    assert last[0] == last[1]


def test_a_wrong_reset_code_counts_as_an_attempt(clock: SimpleNamespace, ann: User) -> None:
    asked = {"email": ann.email, "code": "1", "password": "Wrong-One-2026!"}
    statuses = [call("POST /auth/reset-password", {}, asked, source=THEIRS).status for _ in range(6)]
    assert statuses == [400] * 5 + [429]
    assert sign_in(ann.email).status == 429


def test_attempts_are_counted_without_the_address_in_few_writes(
    clock: SimpleNamespace, machine: Machine, ann: User
) -> None:
    made = calls_made()
    assert sign_in(ann.email).status == 401
    assert made.count("UpdateItem") == 3, "request by source, attempt by source and account, attempt by account"
    made.clear()
    while sign_in(ann.email).status != 429:
        made.clear()
    # What is over the limit waits in the trail's inbox until it has ended, and is then left out.
    assert (made.count("UpdateItem"), made.count("PutItem")) == (2, 2), "no entry in the trail, and no usage record"
    stored = json.dumps(machine.client("dynamodb").scan(TableName=machine.environment["LIMITS_TABLE"])["Items"])
    assert ann.email not in stored
    assert THEIRS not in stored
