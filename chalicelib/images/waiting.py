"""Waiting until an image is finished, within one request.

A waiting function costs as much as a working one (20 seconds: $0.00013) and holds one of the account's concurrent runs,
so a wait is bounded, its reads get rarer, and one user can only have a few (`limit` in app.py).
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.http.operations import Caller
from chalicelib.images.models import Image, Status, get
from chalicelib.images.schemas import DEFAULT_WAIT_SECONDS
from chalicelib.images.service import show_image

# Of the run, for what comes after the wait.
_RESERVE_SECONDS = 3.0
# In seconds between two reads: 17 reads in the longest wait.
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.25, 1.5, 2.0


@required_env_vars(show_image)
def wait_for_image(user: Caller, data: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The user's image once it is COMPLETED or FAILED, or as it is after `seconds`; and what to do next.

    Raises:
        ImageNotFoundError: the user has none of that id, or it was deleted meanwhile.
    """
    seconds = data.get("seconds", DEFAULT_WAIT_SECONDS)
    image = poll(user.id, data["imageId"], Deadline.within(seconds, context, _RESERVE_SECONDS))
    return {"image": image.shown(), "isFinished": image.is_finished, "nextStep": _next_step(image)}


def poll(user_id: str, image_id: str, deadline: Deadline) -> Image:
    """Reads the image until it is finished or the deadline is over; once at least."""
    pause = _FIRST_PAUSE
    image = get(user_id, image_id)
    while not image.is_finished and not deadline.is_over:
        deadline.sleep(min(pause, deadline.seconds_left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
        image = get(user_id, image_id)
    return image


def _next_step(image: Image) -> str:
    if image.status is Status.COMPLETED:
        return "Call view_image to see it, or follow the links of its variants."
    if image.status is Status.FAILED:
        return "Send another picture: this one cannot be used, for the reason in the image."
    if image.status is Status.PENDING:
        return "Its file has not arrived. Send it, if create_upload gave an uploadUrl; then call wait_for_image again."
    if image.may_run_again:
        return "A fault on our side: it is tried again by itself. Look again in an hour, or call reprocess_image now."
    return "It is not finished yet: call wait_for_image again with the same imageId."
