"""What the routes of images do: show, delete, reprocess, choose a variant. Users reach only their own images."""

from typing import Any

from chalicelib.core.aws.grants import DynamoDBOperation, SQSOperation, required_env_vars
from chalicelib.core.errors import ConflictError, NotAcceptableError, NotFoundError, raises
from chalicelib.core.http import deeds
from chalicelib.core.http.accept import preferred
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.images import deletion, executions, presets, states
from chalicelib.images.models import Image, ImageNotFoundError, Status, Variant, get, output_link
from chalicelib.images.states import ImageBusyError, OriginalGoneError

# What a request to process an image again writes down: the execution after which the new one comes.
_EXECUTION = "execution"


class VariantNotFoundError(NotFoundError):
    code, message = "VARIANT_NOT_FOUND", "This image has no such variant."
    next_step = "Call get_image for the names of its variants."


class ImageFailedError(ConflictError):
    """The image ended FAILED; the message says why."""

    code = "IMAGE_FAILED"
    next_step = "Send another picture: this one cannot be used."

    def __init__(self, image: Image) -> None:
        super().__init__(f"This image ended FAILED: {image.reason}")


class ImageNotFinishedError(ConflictError):
    """The image has no variants yet."""

    code = "IMAGE_NOT_FINISHED"

    def __init__(self, image: Image) -> None:
        super().__init__(f"This image is {image.status}: it has no variants yet.")
        self.next_step = f'Call wait_for_image with imageId "{image.image_id}", then call again.'


def require_variants(image: Image) -> None:
    """Raises ImageFailedError or ImageNotFinishedError if the image has no variants."""
    if not image.variants:
        raise ImageFailedError(image) if image.status is Status.FAILED else ImageNotFinishedError(image)


@required_env_vars(output_link, {"IMAGES_TABLE": [DynamoDBOperation.GET_ITEM]})
@raises(ImageNotFoundError)
def show_image(user: Caller, image_id: str) -> dict[str, Any]:
    """The user's image, with links to its variants.

    Raises:
        ImageNotFoundError: the user has none of that id.
    """
    return {"image": get(user.id, image_id).shown()}


@required_env_vars(deletion.delete)
def delete_image(user: Caller, image_id: str) -> dict[str, Any]:
    deletion.delete(user.id, image_id)
    return {"message": "The image and its variants are deleted."}


@required_env_vars(
    show_image,
    presets.require,
    {"IMAGES_TABLE": [DynamoDBOperation.UPDATE_ITEM], "SQS_QUEUE_URL": [SQSOperation.SEND_MESSAGE]},
)
@raises(ImageNotFoundError, ImageBusyError, OriginalGoneError)
def reprocess(user: Caller, image_id: str, preset: str | None = None) -> dict[str, Any]:
    """Sends an image through the pipeline again that no execution works on; the answer shows it as PROCESSING.

    Its variants stay until there are new ones. With a `preset`, those that it makes in the same way stay for good;
    without one, all variants of its own preset are made again.

    The message is sent first: if this run is killed after it, the orchestrator alone marks the image.

    Raises:
        ImageNotFoundError, ImageBusyError: there is none, or it is being processed.
        OriginalGoneError: there is no file to make the variants of.
        InvalidRequestError: there is no such preset.
    """
    presets.require(preset)
    image = get(user.id, image_id)
    if deeds.kept(_EXECUTION) not in (None, image.execution):
        # An earlier try of this request has come so far.
        return {"image": image.shown()}
    if image.original_gone:
        raise OriginalGoneError
    if not image.may_run_again:
        raise ImageBusyError
    deeds.keep(_EXECUTION, str(image.execution))
    executions.send_again(image, preset)
    return {"image": states.run_again(image, preset).shown()}


# The payload names the image; the answer shows it as it is by now.
REPROCESS_REPLAY = Replay(stores=only_fields(), rebuild=lambda user, data, _: show_image(user, data["imageId"]))


@required_env_vars(output_link, {"IMAGES_TABLE": [DynamoDBOperation.GET_ITEM]})
@raises(ImageNotFoundError, VariantNotFoundError, NotAcceptableError)
def choose_variant(user: Caller, image_id: str, name: str, accept: str) -> Variant:
    """The variant of that name in the format that the `Accept` header prefers; without a preference the first.

    Raises:
        ImageNotFoundError, VariantNotFoundError: there is none.
        NotAcceptableError: the header accepts none of its formats.
    """
    by_type = {f"image/{each.format}": each for each in get(user.id, image_id).variants if each.name == name}
    if not by_type:
        raise VariantNotFoundError
    return by_type[preferred(accept, list(by_type))]
