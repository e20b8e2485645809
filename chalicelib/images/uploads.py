"""Uploads: a PENDING image, and a presigned request by which the client sends its file to S3, or an import."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import clients, log
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, required_env_vars
from chalicelib.core.errors import ConflictError, InvalidRequestError, raises
from chalicelib.core.http import budgets
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.core.image_values import normalize_media_type
from chalicelib.core.settings import Settings
from chalicelib.images import acceptance, imports, presets, states
from chalicelib.images.models import Image, ImageNotFoundError, Status, get


class AlreadyUploadedError(ConflictError):
    """The file of this upload has arrived."""

    code = "ALREADY_UPLOADED"
    next_step = "Call wait_for_image with the imageId."

    def __init__(self, image_id: str) -> None:
        message = f"The file of this upload has arrived: see GET /images/{image_id}."
        # Whoever goes on after a break may have lost the answer that named it.
        super().__init__(message, details=[{"field": "imageId", "message": image_id}])


@required_env_vars(
    budgets.check_storage,
    imports.import_image,
    presets.require,
    {
        "IMAGES_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.GET_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.PUT_OBJECT],
        "ALLOWED_TYPES": [],
        "MAX_FILE_SIZE": [],
        "LINK_EXPIRY_SECONDS": [],
    },
)
@raises(acceptance.FileTypeNotAllowedError, acceptance.FileTooLargeError)
def create_upload(user: Caller, data: Mapping[str, Any], rate: dict[str, str]) -> dict[str, Any]:
    """Announces an upload; the answer holds the presigned request. With a `sourceUrl`, imports that picture.

    Raises:
        FileTypeNotAllowedError, FileTooLargeError: the platform does not take such a file.
        StorageLimitError: with this file the user would store more than their limit.
        InvalidRequestError: `singleUse` with the method POST, or no such preset.
        DarkroomError: as `imports.import_image` does.
    """
    if imports.FIELD in data:
        return imports.import_image(user, data, rate)
    _check_single_use(data)
    presets.require(data.get(presets.FIELD))
    file_type, file_size = normalize_media_type(data["fileType"]), data.get("fileSize")
    acceptance.check_type(file_type)
    acceptance.check_size(file_size or 0)
    budgets.check_storage(user, file_size or 0)
    image = states.announce(user, data["fileName"], file_type, file_size, preset=data.get(presets.FIELD))
    log.info("UPLOAD_CREATED", imageId=image.image_id, userId=user.id, fileType=file_type, fileSize=file_size)
    return _announcement(image, data)


@raises(ImageNotFoundError, AlreadyUploadedError)
def _announce_again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The same image, with a new presigned request; an import as it is by now.

    Raises:
        ImageNotFoundError: it was deleted since, or its file did not come in time.
        AlreadyUploadedError: its file has come; S3 would keep another one for nothing.
    """
    if imports.FIELD in data:
        return imports.answer_again(user, kept)
    image = get(user.id, kept["imageId"])
    if image.status is not Status.PENDING:
        raise AlreadyUploadedError(image.image_id)
    return _announcement(image, data)


REPLAY = Replay(stores=only_fields("imageId"), rebuild=_announce_again)


def _announcement(image: Image, data: Mapping[str, Any]) -> dict[str, Any]:
    method = data.get("method", "PUT")
    is_single_use = data.get("singleUse", False)
    request = _presigned_put(image, is_single_use) if method == "PUT" else _presigned_post(image)
    return {
        "imageId": image.image_id,
        "fileKey": image.s3_key,
        "expiresIn": Settings.LINK_EXPIRY_SECONDS.get(),
        "method": method,
        **request,
    }


def _check_single_use(data: Mapping[str, Any]) -> None:
    # A POST policy of S3 has no such condition.
    if data.get("singleUse") and data.get("method") == "POST":
        raise InvalidRequestError(details=[{"field": "singleUse", "message": "is for the method PUT alone"}])


def _presigned_put(image: Image, is_single_use: bool) -> dict[str, Any]:
    """S3 checks each header that is signed, so an announced size is signed too.

    It is not in `headers`: every HTTP client sends it, and in browsers a script must not set it.
    """
    params: dict[str, Any] = {
        "Bucket": Settings.S3_INPUT_BUCKET.get(),
        "Key": image.s3_key,
        "ContentType": image.file_type,
    }
    headers = {"Content-Type": image.file_type}
    if image.file_size is not None:
        params["ContentLength"] = image.file_size
    if is_single_use:
        params["IfNoneMatch"] = headers["If-None-Match"] = "*"
    url = clients.client("s3").generate_presigned_url(
        "put_object", Params=params, ExpiresIn=Settings.LINK_EXPIRY_SECONDS.get()
    )
    return {"uploadUrl": url, "headers": headers}


def _presigned_post(image: Image) -> dict[str, Any]:
    largest = Settings.MAX_FILE_SIZE.get() if image.file_size is None else image.file_size
    smallest = 1 if image.file_size is None else image.file_size
    form = clients.client("s3").generate_presigned_post(
        Bucket=Settings.S3_INPUT_BUCKET.get(),
        Key=image.s3_key,
        Fields={"Content-Type": image.file_type},
        Conditions=[{"Content-Type": image.file_type}, ["content-length-range", smallest, largest]],
        ExpiresIn=Settings.LINK_EXPIRY_SECONDS.get(),
    )
    return {"uploadUrl": form["url"], "fields": form["fields"]}
