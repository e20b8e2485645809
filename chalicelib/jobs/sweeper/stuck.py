"""Images and actions that are stuck: tried again where that can help, then failed with a reason."""

from chalicelib import actions, images
from chalicelib.actions import Action, external_service
from chalicelib.core import clients
from chalicelib.core.settings import Setting, Settings
from chalicelib.images import Image, Status
from chalicelib.jobs.rounds import Round

_IMAGE_MINUTES = images.EXECUTION_MINUTES
# Twice the time that the queue retries a message: five times, six minutes apart (infra/resources.yaml).
_MESSAGE_MINUTES = 60
# Longer than the imports' queue retries a message: five times, nine minutes apart (infra/resources.yaml).
_IMPORT_MINUTES = 60
# Then no message is left: the imports' queues keep none for longer.
_IMPORT_HOURS = 25
# As long as the actions' queue retries a message: five times, half an hour apart.
_ACTION_HOURS = 3
# As long as an external service may take.
_EXTERNAL_HOURS = 24

STUCK = "stuck: The picture was not processed in time because of a fault on our side; it can be run again."
_STUCK_FOR_NOW = (
    "stuck: The picture was not processed in time because of a fault on our side; it is tried again by itself."
)
_ACTION_STUCK = "ACTION_STUCK", "This was not done in time because of a fault on our side; it can be asked for again."
_SERVICE_SILENT = "EXTERNAL_SERVICE_SILENT", "The external service did not say in time how this ended."


def sweep_images(a_round: Round) -> None:
    """Tries images again that are stuck or wait for their next try; fails those that were tried often enough."""
    for status in (Status.PROCESSING, Status.UPLOADED):
        for image in a_round.until_deadline(
            images.unfinished_since(status, a_round.since, a_round.before(minutes=_IMAGE_MINUTES))
        ):
            _sweep_stuck(a_round, image)
    for retries, minutes in enumerate(images.RETRY_PAUSES):
        place = str(images.waits_in(retries))
        for image in a_round.until_deadline(
            images.unfinished_since(place, a_round.since, a_round.before(minutes=minutes))
        ):
            _send_on(a_round, image)


def _sweep_stuck(a_round: Round, image: Image) -> None:
    is_queued = image.retries > 0 and image.status is Status.UPLOADED and _may_be_queued(a_round, image)
    if is_queued or not _is_due(a_round, image):
        a_round.count("imagesWaiting")
        if image.status is Status.PROCESSING:
            a_round.change(lambda: images.wait_for_retry(image, _STUCK_FOR_NOW, a_round.now) is not None)
    elif image.retries < len(images.RETRY_PAUSES):
        _send_on(a_round, image)
    elif a_round.change(lambda: fail_image(image, STUCK, a_round.now)):
        a_round.report("imagesFailed", imageId=image.image_id, userId=image.user_id)


def _is_due(a_round: Round, image: Image) -> bool:
    """Whether the pause after the image's last try is over; after the last of all there is none."""
    pause = dict(enumerate(images.RETRY_PAUSES)).get(image.retries, 0)
    return (image.unfinished_since or image.created_at) <= a_round.before(minutes=pause)


def _send_on(a_round: Round, image: Image) -> None:
    if a_round.change(lambda: _retry(image, a_round.now)):
        a_round.report("imagesLedOn", imageId=image.image_id, userId=image.user_id)


def _retry(image: Image, now: str) -> bool:
    # A round that is killed between the two sends the message again, which is claimed once.
    images.send_on(image)
    images.mark_sent_on(image, now)
    return True


def fail_image(image: Image, reason: str, now: str, *, original_gone: bool = False, files_gone: bool = False) -> bool:
    """`images.fail`; False if the image changed meanwhile."""
    return images.fail(image, reason, now, original_gone=original_gone, files_gone=files_gone) is not None


def _may_be_queued(a_round: Round, image: Image) -> bool:
    """Whether the image's message may still wait in the queue: it is not old, or messages wait before it."""
    since = image.unfinished_since or image.created_at
    return since > a_round.before(minutes=_MESSAGE_MINUTES) or _messages_waiting(Settings.SQS_QUEUE_URL) > 0


def _messages_waiting(queue_url: Setting[str]) -> int:
    answer = clients.client("sqs").get_queue_attributes(
        QueueUrl=queue_url.get(), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def sweep_imports(a_round: Round) -> None:
    """Fails images whose import was lost; takes files whose S3 event was lost."""
    for image in a_round.until_deadline(
        images.unfinished_since(images.IMPORTING, a_round.since, a_round.before(minutes=_IMPORT_MINUTES))
    ):
        _sweep_import(a_round, image)


def _sweep_import(a_round: Round, image: Image) -> None:
    stored = images.find_stored(image)
    since = image.unfinished_since or image.created_at
    if stored is not None:
        if a_round.change(lambda: images.take_upload(stored.key, stored.size, stored.version)):
            a_round.report("uploadsTaken", key=stored.key, version=stored.version)
    elif since > a_round.before(hours=_IMPORT_HOURS) and _messages_waiting(Settings.IMPORTS_QUEUE_URL) > 0:
        a_round.count("importsWaiting")
    elif a_round.change(lambda: fail_image(image, images.IMPORT_FAILED, a_round.now, original_gone=True)):
        a_round.report("imagesFailed", imageId=image.image_id, userId=image.user_id)


def sweep_actions(a_round: Round) -> None:
    """Fails actions that have been PENDING for too long; asks the external service first about those it took over."""
    for action in a_round.until_deadline(actions.pending_since(a_round.since, a_round.before(hours=_ACTION_HOURS))):
        if action.external_id is None:
            _fail(a_round, action, _ACTION_STUCK)
        else:
            _sweep_external(a_round, action)


def _sweep_external(a_round: Round, action: Action) -> None:
    a_round.count("actionsAsked")
    if a_round.is_dry:
        return
    pending: list[Action] = []

    def settle() -> bool:
        now = external_service.refresh(action)
        if now.status is actions.Status.PENDING:
            pending.append(now)
        return not pending

    if a_round.change(settle):
        a_round.count("actionsSettled")
    elif pending and action.created_at <= a_round.before(hours=_EXTERNAL_HOURS):
        _fail(a_round, action, _SERVICE_SILENT)


def _fail(a_round: Round, action: Action, reason: tuple[str, str]) -> None:
    def fail() -> bool:
        try:
            actions.fail(action, *reason)
        except actions.ActionFinishedError:
            return False
        return True

    if a_round.change(fail):
        a_round.report("actionsFailed", actionId=action.action_id, userId=action.user_id)
