"""What the texts of settings stand for, and what is said about those that stand for nothing."""

from typing import Any

import pytest

from chalicelib.core.errors import InvalidSettingError, MissingConfigError
from chalicelib.core.image_values import Size
from chalicelib.core.settings import ALL, Setting, Settings, check, faults, similar_setting


@pytest.mark.parametrize("name", ALL)
def test_every_default_is_a_value_of_its_setting(name: str) -> None:
    setting = ALL[name]
    assert setting.name == name
    assert setting.does.endswith(".")
    if setting.default is not None:
        setting.parse(setting.default)


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (Settings.QUALITY_SETTING, " 95 ", 95),
        (Settings.WATERMARK_OPACITY, "1e-1", 0.1),
        (Settings.DOLLARS_PER_DAY, "inf", float("inf")),
        (Settings.CHECK_ANSWERS, "Yes", True),
        (Settings.CHECK_ANSWERS, "", False),
        (Settings.WATERMARK_FONT, " liberation sans", "Liberation Sans"),
        (Settings.WATERMARK_COLOR, "#abc", "#abc"),
        (Settings.WATERMARK_TEXT, "", ""),
        (Settings.OUTPUT_FORMATS, "webp, JPEG,,webp", ("webp", "jpeg")),
        (Settings.ALLOWED_TYPES, "image/jpg,image/jpeg,image/PNG", ("image/jpeg", "image/png")),
        (Settings.EXPORT_EMAIL_DOMAINS, " ", ()),
        (Settings.RESIZE_DIMENSIONS, "800x600,1200x900", (Size("small", 800, 600), Size("medium", 1200, 900))),
        (Settings.RESIZE_DIMENSIONS, "thumb=150x150, b=9x1", (Size("thumb", 150, 150), Size("b", 9, 1))),
    ],
)
def test_texts_stand_for_typed_values(setting: Setting[Any], text: str, value: object) -> None:
    assert setting.parse(text) == value


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        (Settings.QUALITY_SETTING, "abc", "QUALITY_SETTING must be 1 to 95, not 'abc'"),
        (Settings.QUALITY_SETTING, "96", "QUALITY_SETTING must be 1 to 95, not '96'"),
        (Settings.QUALITY_SETTING, "85.5", "QUALITY_SETTING must be a whole number, not '85.5'"),
        (Settings.LINK_EXPIRY_SECONDS, "3601", "LINK_EXPIRY_SECONDS must be 1 to 3,600, not '3601'"),
        (Settings.DOLLARS_PER_DAY, "nan", "DOLLARS_PER_DAY must be a number, 0 or more, not 'nan'"),
        (Settings.CHECK_ANSWERS, "maybe", "CHECK_ANSWERS must be true or false, not 'maybe'"),
        (Settings.OUTPUT_FORMATS, "", "OUTPUT_FORMATS must be a list with commas, each one of jpeg, png, webp, avif,"),
        (Settings.WATERMARK_COLOR, "red", "WATERMARK_COLOR must be a color, #RGB or #RRGGBB, not 'red'"),
        (Settings.SENDER_EMAIL, "us", "SENDER_EMAIL must be an e-mail address like photos@example.com, not 'us'"),
        (Settings.USERS_TABLE, "", "USERS_TABLE must be the name of a resource, not ''"),
        *(
            (Settings.RESIZE_DIMENSIONS, text, "RESIZE_DIMENSIONS must be sizes like small=800x600")
            for text in ("", "800", "a=b", "800x600,,", "1x1,2x2,3x3,4x4", "small=0x5", "../x=1x1", "a=1x1,a=2x2")
        ),
    ],
)
def test_a_text_that_is_no_value_is_named_with_what_it_must_be(setting: Setting[Any], text: str, message: str) -> None:
    with pytest.raises(InvalidSettingError) as invalid:
        setting.parse(text)
    assert str(invalid.value).startswith(message)


def test_secrets_are_in_no_message() -> None:
    found = [*faults({"COGNITO_CLIENT_SECRET": " ", "SCAN_COMMAND_URL": "ftp://ann:secret1@example.com/?key=secret2"})]
    assert [each.partition(" ")[0] for each in found] == ["COGNITO_CLIENT_SECRET", "SCAN_COMMAND_URL"]
    assert "secret" not in "".join(found).replace("value is secret", "").lower().replace("client_secret", "")


def test_a_function_that_starts_learns_of_all_faults_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"QUALITY_SETTING": "abc", "OUTPUT_FORMATS": "tiff", "BATCH_SIZE": "many", "LOG_LEVEL": "loud"}
    for name, text in wrong.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(InvalidSettingError) as invalid:
        check(["QUALITY_SETTING", "OUTPUT_FORMATS"])
    named = {each.partition(" ")[0] for each in invalid.value.faults}
    assert named == {"QUALITY_SETTING", "OUTPUT_FORMATS", "LOG_LEVEL"}, "and of no setting that it does not read"
    assert "QUALITY" not in invalid.value.message, "names are not shown to callers"


def test_missing_and_invalid_settings_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.core.config.in_parameter_store", lambda *_: {})
    monkeypatch.delenv("USERS_TABLE", raising=False)
    monkeypatch.setenv("QUALITY_SETTING", "abc")
    with pytest.raises(MissingConfigError) as missing:
        check(["QUALITY_SETTING", "USERS_TABLE"])
    assert "the environment variable USERS_TABLE" in str(missing.value)
    assert "QUALITY_SETTING must be 1 to 95" in str(missing.value)


def test_a_misspelt_name_leads_to_the_setting_that_was_meant() -> None:
    assert similar_setting("QUALTY_SETTING") == "QUALITY_SETTING"
    assert similar_setting("OUTPUT_FORMAT") == "OUTPUT_FORMATS"
    assert similar_setting("NUMBER_OF_MOONS") is None
