"""docs/privacy.md names every place that holds data, and each of its figures is that of the template or the code."""

import re
from pathlib import Path
from typing import Any

from chalicelib.core.http import idempotency, limits, password_attempts
from chalicelib.core.settings import Settings
from chalicelib.core.settings.kinds import Whole
from chalicelib.images import deletion
from chalicelib.jobs.sync import models, sync_records
from chalicelib.metering import daily_sums
from infra import template
from infra.options import Options

DOC = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
TEMPLATE = template.load()
HOUR, DAY = 3600, 86_400


def of_type(kind: str) -> dict[str, Any]:
    """The properties of all resources of a type, by logical id."""
    return {name: each["Properties"] for name, each in TEMPLATE["Resources"].items() if each["Type"] == f"AWS::{kind}"}


def the_only(values: list[Any]) -> Any:
    """The value that all of them have."""
    assert all(each == values[0] for each in values), values
    return values[0]


def of_rules(part: str, name: str) -> Any:
    """What all rules of all buckets say."""
    rules = [rule for bucket in of_type("S3::Bucket").values() for rule in bucket["LifecycleConfiguration"]["Rules"]]
    return the_only([rule[part][name] for rule in rules if part in rule])


def longest_link() -> int:
    """The most seconds that the setting takes."""
    kind = Settings.LINK_EXPIRY_SECONDS.kind
    assert isinstance(kind, Whole)
    return kind.at_most or 0


def figures() -> dict[str, float]:
    """The figures in seconds, by the words of the document."""
    recovery = [each["PointInTimeRecoverySpecification"] for each in of_type("DynamoDB::Table").values()]
    assert the_only(recovery)["PointInTimeRecoveryEnabled"]
    older = of_rules("NoncurrentVersionExpiration", "NoncurrentDays")["Ref"]
    client = of_type("Cognito::UserPoolClient")["ApiClient"]
    messages = {name: each["MessageRetentionPeriod"] for name, each in of_type("SQS::Queue").items()}
    assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
    return {
        # DynamoDB's own default.
        "tables can be restored": the_only(recovery).get("RecoveryPeriodInDays", 35) * DAY,
        "older versions": TEMPLATE["Parameters"][older]["Default"] * DAY,
        "unfinished multipart": of_rules("AbortIncompleteMultipartUpload", "DaysAfterInitiation") * DAY,
        "messages in queues": the_only([each for name, each in messages.items() if not name.startswith("Imports")]),
        "messages with the URL": the_only([each for name, each in messages.items() if name.startswith("Imports")]),
        "logs": Options.of("dev").log_retention_days * DAY,
        "logs in `prod`": Options.of("prod").log_retention_days * DAY,
        "usage records": int(Settings.USAGE_KEEP_DAYS.default or 0) * DAY,
        "customers without": int(Settings.KEEP_RECORDS_DAYS.default or 0) * DAY,
        "rejected customers": sync_records._REJECTIONS_KEPT.total_seconds(),
        "skipped syncs": models._SKIPPED_KEPT.total_seconds(),
        "tombstones": deletion._TOMBSTONE_KEPT.total_seconds(),
        "ids of counted": daily_sums._DEDUPE_SECONDS,
        "responses to": idempotency.KEPT_SECONDS,
        "counters of requests": limits._KEPT_SECONDS,
        "counters of wrong": password_attempts._KEPT_SECONDS,
        "links to files": longest_link(),
        "access tokens": client["AccessTokenValidity"] * 60,
        "refresh tokens": client["RefreshTokenValidity"] * DAY,
    }


def said(section: str) -> dict[str, int]:
    """The figures of a section's table in seconds, by the words of their rows."""
    text = DOC.partition(section)[2].partition("\n#")[0]
    rows = re.findall(r"^\| ([^|]+) \| (\d+) (day|hour)s? \|", text, re.MULTILINE)
    return {words: int(number) * {"day": DAY, "hour": HOUR}[unit] for words, number, unit in rows}


def test_each_figure_of_the_document_is_true() -> None:
    true = figures()
    for (words, seconds), (beginning, expected) in zip(said("## The figures").items(), true.items(), strict=True):
        assert words.startswith(beginning)
        assert seconds == expected, words
    left = said("### The erasure of an account")
    assert list(left.values()) == [true["tables can be restored"], true["tombstones"]], left


def test_the_document_names_every_place_that_holds_data() -> None:
    kinds = (
        "DynamoDB::Table",
        "S3::Bucket",
        "SQS::Queue",
        "SNS::Topic",
        "Logs::LogGroup",
        "Cognito::UserPool",
        "SecretsManager::Secret",
    )
    first_column = [line.split("|")[1] for line in DOC.splitlines() if line.startswith("| ")]
    named = {word for cell in first_column for word in re.findall(r"\w+", cell)}
    assert {name for kind in kinds for name in of_type(kind)} <= named
