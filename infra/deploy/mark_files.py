"""The pictures and fonts in the output bucket that watermarks are made of, read before a deploy changes anything.

A step that cannot read one fails every picture, so a deploy that names one must find it. It draws nothing.
"""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from chalicelib import imaging
from chalicelib.core.image_values import is_font_file
from chalicelib.core.settings import Settings
from chalicelib.imaging import Mark
from infra.deploy.errors import RefusedError, code_of
from infra.deploy.target import Target
from infra.settings_check import StageSettings

# The function that makes marks.
_READER = "watermark"
_NOT_THERE = ("NoSuchKey", "404")
_NO_BUCKET = ("NoSuchBucket",)


def check(target: Target, settings: StageSettings) -> list[str]:
    """Remarks about files that could not be looked at.

    Raises:
        RefusedError: a file is missing, or it is no picture or no font.
    """
    bucket = target.settings(_READER)[Settings.S3_OUTPUT_BUCKET.name]
    remarks: list[str] = []
    problems: list[str] = []
    for key, where in dict(_keys(settings)).items():
        try:
            data = target.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if code_of(error) in _NOT_THERE:
                problems.append(f"{where} names {key}, which is not in {bucket}")
            elif code_of(error) in _NO_BUCKET:
                remarks.append(f"{where} names {key}: put it into {bucket} before pictures come.")
            else:
                # Whoever deploys may not be allowed to read the bucket.
                remarks.append(f"{where} names {key}, which could not be read ({code_of(error)}).")
            continue
        try:
            imaging.check_mark(Mark("x", font=key, font_file=data) if is_font_file(key) else Mark(image=data))
        except ValueError as error:
            problems.append(f"{where} names {key}: {error}")
    if problems:
        lines = "\n".join(f"  {each}" for each in problems)
        raise RefusedError(f"{target.stage} has watermarks that cannot be drawn:\n{lines}")
    return remarks


def _keys(settings: StageSettings) -> Iterator[tuple[str, str]]:
    """Each key, and what names it."""
    for setting in (Settings.WATERMARK_IMAGE_KEY, Settings.WATERMARK_FONT):
        value = setting.parse(settings.text(_READER, setting.name))
        if value and (setting is Settings.WATERMARK_IMAGE_KEY or is_font_file(value)):
            yield value, setting.name
    presets_file = settings.text(_READER, Settings.PRESETS_FILE.name)
    for preset in Settings.PRESETS_FILE.parse(presets_file).values():
        for mark in preset.marks:
            for key in (mark.get("image", ""), mark.get("font", "")):
                if key and (key == mark.get("image") or is_font_file(key)):
                    yield key, f"{presets_file}, {preset.name},"
