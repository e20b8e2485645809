"""Fixtures of several journeys: users, an external service, and this process as a function."""

from collections.abc import Iterator

import pytest

from local.accounts import ADMIN
from local.accounts import PASSWORD as LOCAL_PASSWORD
from local.fake_api import FakeApi
from local.machine import Machine
from tests.journeys import container
from tests.journeys.external_services import SECRET_ID
from tests.journeys.issuing_keys import issue_key
from tests.journeys.sweeping import empty
from tests.journeys.user import User


@pytest.fixture
def function(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This process plays one of the machine's functions; the monkeypatch can change its environment."""
    container.play(machine.environment, monkeypatch)
    yield monkeypatch
    container.forget()


@pytest.fixture(scope="module")
def emptied(machine: Machine) -> None:
    """Files, images and actions of other journeys are gone."""
    empty(machine)


@pytest.fixture(scope="module")
def ann(machine: Machine) -> User:
    """A signed-in user for all tests of a module. Modules that need a new one for each test override this."""
    return User.new(machine.api_url, name="Ann")


@pytest.fixture(scope="module")
def robot(ann: User) -> User:
    """A client with an API key of Ann's that may upload and read images."""
    return issue_key(ann, "file_upload")[1]


@pytest.fixture(scope="module")
def admin(machine: Machine) -> User:
    """The local machine's administrator, signed in."""
    user = User(machine.api_url, ADMIN, LOCAL_PASSWORD)
    user.sign_in()
    return user


@pytest.fixture
def fake_api(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An external service that this process, as the API's function, hands actions to."""
    with FakeApi() as started:
        secrets = machine.client("secretsmanager")
        secrets.put_secret_value(SecretId=SECRET_ID, SecretString=started.secret)
        function.setenv("CUSTOM_ACTION_TYPES", "TRANSLATE,SCAN")
        function.setenv("API_BASE_URL", "https://api.example.com")
        yield started
        secrets.put_secret_value(SecretId=SECRET_ID, SecretString="{}")
