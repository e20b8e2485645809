"""Uploads: a row that awaits its picture, and a presigned request that lets the client send it straight to S3."""

from collections.abc import Mapping
from typing import Any

from chalicelib import images
from chalicelib.core import aws, config, log, objects, records
from chalicelib.core.errors import TooLargeError, UnsupportedTypeError
from chalicelib.core.operations import Caller
from chalicelib.core.payload import TEXT, shape
from chalicelib.images import EXTENSIONS, Image, Status
from chalicelib.imaging.probe import normalized

CREATE = shape(
    {
        "fileName": {"type": "string", "minLength": 1, "maxLength": 1024},
        "fileType": {"type": "string", "minLength": 1, "maxLength": 100},
    },
    {"fileSize": {"type": "integer", "minimum": 0}, "method": {"enum": ["PUT", "POST"]}},
)
_FIELDS = {"type": "object", "additionalProperties": TEXT}
CREATED = shape(
    {"imageId": TEXT, "fileKey": TEXT, "expiresIn": {"type": "integer"}, "method": TEXT, "uploadUrl": TEXT},
    {"headers": _FIELDS, "fields": _FIELDS},
)


class FileTooLargeError(TooLargeError):
    code = "FILE_TOO_LARGE"


class FileTypeNotAllowedError(UnsupportedTypeError):
    code = "FILE_TYPE_NOT_ALLOWED"


def create(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Announces an upload; the answer holds the presigned request.

    Raises:
        FileTypeNotAllowedError, FileTooLargeError: the platform does not take such a file.
    """
    file_type, file_size = normalized(data["fileType"]), data.get("fileSize")
    _check_allowed(file_type, file_size)
    image_id = records.new_id("img")
    image = Image(
        user_id=user.id,
        image_id=image_id,
        file_name=data["fileName"],
        file_type=file_type,
        s3_key=f"uploads/{user.id}/{image_id}.{EXTENSIONS[file_type]}",
        status=Status.PENDING,
        created_at=records.now(),
        file_size=file_size,
        api_key_id=user.api_key_id,
        correlation_id=log.correlation_id(),
    )
    images.create(image)
    log.info("UPLOAD_CREATED", imageId=image_id, userId=user.id, fileType=file_type, fileSize=file_size)
    method = data.get("method", "PUT")
    request = _presigned_put(image) if method == "PUT" else _presigned_post(image)
    return {
        "imageId": image_id,
        "fileKey": image.s3_key,
        "expiresIn": objects.link_seconds(),
        "method": method,
        **request,
    }


def _check_allowed(file_type: str, file_size: int | None) -> None:
    allowed = [media_type for media_type in images.allowed_types() if media_type in EXTENSIONS]
    if file_type not in allowed:
        raise FileTypeNotAllowedError(f"The file must be one of: {', '.join(allowed)}.")
    largest = config.integer("MAX_FILE_SIZE")
    if file_size is not None and file_size > largest:
        raise FileTooLargeError(f"The file has {file_size} bytes; at most {largest} are accepted.")


def _presigned_put(image: Image) -> dict[str, Any]:
    """S3 holds the client to each header that is signed, so a size that was announced is signed as well."""
    params: dict[str, Any] = {
        "Bucket": config.get("S3_INPUT_BUCKET"),
        "Key": image.s3_key,
        "ContentType": image.file_type,
    }
    headers = {"Content-Type": image.file_type}
    if image.file_size is not None:
        params["ContentLength"] = image.file_size
        headers["Content-Length"] = str(image.file_size)
    url = aws.client("s3").generate_presigned_url("put_object", Params=params, ExpiresIn=objects.link_seconds())
    return {"uploadUrl": url, "headers": headers}


def _presigned_post(image: Image) -> dict[str, Any]:
    largest = config.integer("MAX_FILE_SIZE") if image.file_size is None else image.file_size
    smallest = 1 if image.file_size is None else image.file_size
    form = aws.client("s3").generate_presigned_post(
        Bucket=config.get("S3_INPUT_BUCKET"),
        Key=image.s3_key,
        Fields={"Content-Type": image.file_type},
        Conditions=[{"Content-Type": image.file_type}, ["content-length-range", smallest, largest]],
        ExpiresIn=objects.link_seconds(),
    )
    return {"uploadUrl": form["url"], "fields": form["fields"]}
