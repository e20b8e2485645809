"""Where settings come from, and two settings that lead to other hosts: the scanner and private addresses."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import external
from chalicelib.core import clients
from chalicelib.core.errors import InvalidSettingError, MissingConfigError
from chalicelib.core.settings import Settings, check
from chalicelib.images import steps
from chalicelib.imaging import ImageRejectedError
from local.machine import Machine
from tests import pictures
from tests.journeys.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def test_the_environment_takes_precedence_over_parameter_store(machine: Machine, function: pytest.MonkeyPatch) -> None:
    assert Settings.COGNITO_USER_POOL_ID.get().startswith("us-east-1_"), "only Parameter Store holds it"
    function.setenv("COGNITO_USER_POOL_ID", "from-the-environment")
    assert Settings.COGNITO_USER_POOL_ID.get() == "from-the-environment"


def test_an_encrypted_parameter_is_decrypted(machine: Machine, function: pytest.MonkeyPatch) -> None:
    assert Settings.JWKS_URL.get().startswith(machine.aws_url)


def test_a_missing_setting_has_its_default_or_an_error_that_names_both_places(function: pytest.MonkeyPatch) -> None:
    assert Settings.WATERMARK_OPACITY.get() == 0.5
    function.delenv("USERS_TABLE")
    function.delenv("JOBS_TABLE")
    with pytest.raises(MissingConfigError) as missing:
        check(["IMAGES_TABLE", "USERS_TABLE", "JOBS_TABLE"])
    for place in ("USERS_TABLE", "/darkroom/local/darkroom/USERS_TABLE", "/darkroom/local/darkroom/JOBS_TABLE"):
        assert place in str(missing.value)
    assert "USERS_TABLE" not in missing.value.message, "names are not shown to callers"


def test_missing_settings_are_read_together_and_only_once(function: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    clients.client("ssm").meta.events.register("before-call.ssm.GetParameters", lambda **about: asked.append(about))
    names = ["COGNITO_USER_POOL_ID", "COGNITO_CLIENT_ID", "JWKS_URL", "WATERMARK_COLOR", "IMAGES_TABLE"]
    check(names)
    check(names)
    assert Settings.JWKS_URL.get().endswith("/jwks.json")
    assert len(asked) == 1


NOTHING_TO_MARK = {"resizedImages": [], "written": [], "imageMetadata": {}, "placeholder": ""}


@pytest.mark.parametrize(
    ("setting", "value", "known"),
    [
        ("WATERMARK_FONT", "Comic Sans MS", "Arial, Arimo, Liberation Sans"),
        ("WATERMARK_POSITION", "middle", "bottom-right"),
        ("WATERMARK_OPACITY", "half", "0 to 1"),
    ],
)
def test_an_invalid_value_is_named_before_any_work(
    function: pytest.MonkeyPatch, setting: str, value: str, known: str
) -> None:
    function.setenv(setting, value)
    with pytest.raises(InvalidSettingError) as invalid:
        steps.watermark(NOTHING_TO_MARK)
    assert all(said in str(invalid.value) for said in (setting, value, known))
    assert setting not in invalid.value.message, "names are not shown to callers"


def test_fonts_are_found_in_any_case(function: pytest.MonkeyPatch) -> None:
    recipes = []
    for font in ("Arial", " arial"):
        function.setenv("WATERMARK_FONT", font)
        recipes.append(steps.watermark(NOTHING_TO_MARK)["record"]["recipe"])
    assert recipes[0] == recipes[1]


def test_characters_that_the_font_lacks_are_logged_once(
    function: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    function.setenv("WATERMARK_TEXT", "© 写真 ann 写")
    for _ in range(2):
        steps.watermark(NOTHING_TO_MARK)
    warnings = [record for record in caplog.records if record.getMessage() == "WATERMARK_TEXT_UNDRAWABLE"]
    named = [(record.levelname, vars(record)["metadata"]["characters"]) for record in warnings]
    assert named == [("WARNING", ["U+5199", "U+771F"])]


def step(machine: Machine, data: bytes) -> dict[str, Any]:
    """The input of the validation step for a file that is in S3."""
    key = "uploads-aside/picture.jpg"
    answer = machine.client("s3").put_object(Bucket=machine.environment["S3_INPUT_BUCKET"], Key=key, Body=data)
    return {"s3Key": key, "objectVersion": answer["VersionId"], "fileType": "image/jpeg"}


def test_damage_is_found_by_the_resizing_where_the_validation_leaves_it(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    damaged = step(machine, pictures.jpeg(320, 240)[:3000])
    with pytest.raises(ImageRejectedError, match="truncated"):
        steps.validate(damaged)
    function.setenv("VALIDATE_PIXELS", "false")
    validated = steps.validate(damaged)
    assert validated["imageMetadata"]["width"] == 320
    with pytest.raises(ImageRejectedError, match="truncated"):
        steps.resize({**validated, "userId": "ann", "imageId": "damaged"})


def test_a_scanner_sees_the_bytes_before_they_are_decoded(
    machine: Machine, function: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    function.setenv("SCAN_COMMAND_URL", receiver.url)
    # The scanner belongs to the operator, so it may have a private address.
    function.setenv("ALLOW_PRIVATE_ADDRESSES", "false")
    data = pictures.jpeg(320, 240)
    receiver.reply = b'{"clean": true}'
    assert steps.validate(step(machine, data))["validationResult"] == "valid"
    assert receiver.received[0].body == data

    receiver.reply = b'{"clean": false}'
    with pytest.raises(ImageRejectedError) as rejected:
        steps.validate(step(machine, b"not even a picture"))
    assert rejected.value.reason == "infected"


@pytest.mark.parametrize(
    ("status", "reply"), [(500, b'{"clean": true}'), (200, b"junk"), (200, b'{"clean": "yes"}'), (200, b"[]")]
)
def test_without_a_verdict_of_the_scanner_nothing_passes(
    machine: Machine, function: pytest.MonkeyPatch, receiver: Receiver, status: int, reply: bytes
) -> None:
    function.setenv("SCAN_COMMAND_URL", receiver.url)
    receiver.answers, receiver.reply = [status], reply
    with pytest.raises(external.ExternalServiceError):
        steps.validate(step(machine, pictures.jpeg(320, 240)))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0.0.0.0:{port}/",
        "http://2130706433:{port}/",
        "http://someone@127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[bad",
        "http://h:99999/",
        "http://a..b/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http:///nowhere",
    ],
)
def test_urls_of_users_do_not_reach_the_private_network(
    function: pytest.MonkeyPatch, receiver: Receiver, url: str
) -> None:
    function.setenv("ALLOW_PRIVATE_ADDRESSES", "false")
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    with pytest.raises(external.AddressNotAllowedError):
        external.post(url.format(port=port), b"{}", {})
    assert receiver.received == []


def test_an_oversized_answer_is_not_read_to_its_end(function: pytest.MonkeyPatch, receiver: Receiver) -> None:
    receiver.reply = b"x" * 1_100_000
    with pytest.raises(external.ExternalServiceError, match="too large"):
        external.post(receiver.url, b"{}", {})


def test_redirects_are_not_followed(function: pytest.MonkeyPatch, receiver: Receiver) -> None:
    receiver.answers = [302]
    assert external.post(receiver.url, b"{}", {}).status == 302
    assert len(receiver.received) == 1
