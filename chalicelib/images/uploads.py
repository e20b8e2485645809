"""Uploads: a row that awaits its picture, and a presigned request that lets the client send it straight to S3."""

from collections.abc import Mapping
from typing import Any

from chalicelib import images
from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws import objects
from chalicelib.core.errors import ConflictError, InvalidRequestError, TooLargeError, UnsupportedTypeError
from chalicelib.core.http import budgets
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.core.schemas import TEXT, shape
from chalicelib.images import EXTENSIONS, Image, Status
from chalicelib.imaging.probe import normalized

CREATE = shape(
    {
        "fileName": {"type": "string", "minLength": 1, "maxLength": 1024},
        "fileType": {"type": "string", "minLength": 1, "maxLength": 100},
    },
    {
        "fileSize": {"type": "integer", "minimum": 0},
        "method": {"enum": ["PUT", "POST"]},
        "singleUse": {
            "type": "boolean",
            "description": "of a PUT: S3 takes the file once; a 412 after an attempt of one's own means 'sent'",
        },
    },
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


class AlreadyUploadedError(ConflictError):
    code = "ALREADY_UPLOADED"

    def __init__(self, image_id: str) -> None:
        super().__init__(f"The file of this upload has arrived: see GET /images/{image_id}.")


def create(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Announces an upload; the answer holds the presigned request.

    Raises:
        FileTypeNotAllowedError, FileTooLargeError: the platform does not take such a file.
        StorageLimitError: the user keeps as much as they may, or would with this file.
        InvalidRequestError: a form cannot be of single use.
    """
    _check_single_use(data)
    file_type, file_size = normalized(data["fileType"]), data.get("fileSize")
    _check_allowed(file_type, file_size)
    budgets.check_storage(user, file_size or 0)
    image_id = ids.new_id("img")
    image = Image(
        user_id=user.id,
        image_id=image_id,
        file_name=data["fileName"],
        file_type=file_type,
        s3_key=f"uploads/{user.id}/{image_id}.{EXTENSIONS[file_type]}",
        status=Status.PENDING,
        created_at=ids.now(),
        file_size=file_size,
        api_key_id=user.api_key_id,
        correlation_id=log.correlation_id(),
    )
    images.create(image)
    log.info("UPLOAD_CREATED", imageId=image_id, userId=user.id, fileType=file_type, fileSize=file_size)
    return _announced(image, data)


def _announced_again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The same image, with a fresh request to send its file by.

    Raises:
        ImageNotFoundError: it was deleted since, or its file did not come in time.
        AlreadyUploadedError: its file is there; another one would be thrown away.
    """
    image = images.get(user.id, kept["imageId"])
    if image.status is not Status.PENDING:
        raise AlreadyUploadedError(image.image_id)
    return _announced(image, data)


REPLAY = Replay(stores=only_fields("imageId"), rebuild=_announced_again)


def _announced(image: Image, data: Mapping[str, Any]) -> dict[str, Any]:
    method = data.get("method", "PUT")
    is_single_use = data.get("singleUse", False)
    request = _presigned_put(image, is_single_use) if method == "PUT" else _presigned_post(image)
    return {
        "imageId": image.image_id,
        "fileKey": image.s3_key,
        "expiresIn": objects.link_seconds(),
        "method": method,
        **request,
    }


def _check_single_use(data: Mapping[str, Any]) -> None:
    # S3 knows no such condition of a form (Amazon S3, "POST policy").
    if data.get("singleUse") and data.get("method") == "POST":
        raise InvalidRequestError(details=[{"field": "singleUse", "message": "is for the method PUT alone"}])


def _check_allowed(file_type: str, file_size: int | None) -> None:
    allowed = [media_type for media_type in images.allowed_types() if media_type in EXTENSIONS]
    if file_type not in allowed:
        raise FileTypeNotAllowedError(f"The file must be one of: {', '.join(allowed)}.")
    largest = config.integer("MAX_FILE_SIZE")
    if file_size is not None and file_size > largest:
        raise FileTooLargeError(f"The file has {file_size} bytes; at most {largest} are accepted.")


def _presigned_put(image: Image, is_single_use: bool) -> dict[str, Any]:
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
    if is_single_use:
        params["IfNoneMatch"] = headers["If-None-Match"] = "*"
    url = clients.client("s3").generate_presigned_url("put_object", Params=params, ExpiresIn=objects.link_seconds())
    return {"uploadUrl": url, "headers": headers}


def _presigned_post(image: Image) -> dict[str, Any]:
    largest = config.integer("MAX_FILE_SIZE") if image.file_size is None else image.file_size
    smallest = 1 if image.file_size is None else image.file_size
    form = clients.client("s3").generate_presigned_post(
        Bucket=config.get("S3_INPUT_BUCKET"),
        Key=image.s3_key,
        Fields={"Content-Type": image.file_type},
        Conditions=[{"Content-Type": image.file_type}, ["content-length-range", smallest, largest]],
        ExpiresIn=objects.link_seconds(),
    )
    return {"uploadUrl": form["url"], "fields": form["fields"]}
