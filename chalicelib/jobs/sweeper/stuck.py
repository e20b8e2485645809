"""Images and actions that do not get on: led on once where that can help, then ended with a reason."""

from chalicelib import actions, images
from chalicelib.actions import Action, external
from chalicelib.core import clients, config
from chalicelib.images import Image, Status, pipeline
from chalicelib.jobs.rounds import Round

# An execution lasts less than that, whatever its functions' timeouts are (infra/timing.py), a message some seconds.
_IMAGE_MINUTES = 20
# The queue hides a message for six minutes and hands it out five times (infra/resources.yaml), twice over.
_MESSAGE_MINUTES = 60
# The actions' queue: half an hour, and five times.
_ACTION_HOURS = 3
# What an external service has taken over is its own affair for as long.
_EXTERNAL_HOURS = 24

STUCK = "stuck: The picture was not processed in time because of a fault on our side; it can be run again."
_ACTION_STUCK = "ACTION_STUCK", "This was not done in time because of a fault on our side; it can be asked for again."
_SERVICE_SILENT = "EXTERNAL_SERVICE_SILENT", "The external service did not say in time how this ended."


def sweep_images(a_round: Round) -> None:
    """Sends on what has been UPLOADED or PROCESSING for too long; ends what was sent on before and still stands."""
    for status in (Status.PROCESSING, Status.UPLOADED):
        for image in a_round.each(images.unfinished_since(status, a_round.since, a_round.ago(minutes=_IMAGE_MINUTES))):
            _sweep_image(a_round, image)


def _sweep_image(a_round: Round, image: Image) -> None:
    if not image.redriven:
        if a_round.change(lambda: _lead_on(image, a_round.at())):
            a_round.find("imagesLedOn", imageId=image.image_id, userId=image.user_id)
    elif image.status is Status.UPLOADED and _may_come_yet(a_round, image):
        a_round.count("imagesWaiting")
    elif a_round.change(lambda: end(image, STUCK, a_round.at())):
        a_round.find("imagesFailed", imageId=image.image_id, userId=image.user_id)


def _lead_on(image: Image, now: str) -> bool:
    led = images.lead_on(image, now)
    if led is not None:
        pipeline.send_on(led)
    return led is not None


def end(image: Image, reason: str, now: str) -> bool:
    """Ends the image as FAILED and tells those who listen; False where it got on meanwhile."""
    failed = images.give_up(image, reason, now)
    if failed is not None:
        pipeline.announce_failure(failed)
    return failed is not None


def _may_come_yet(a_round: Round, image: Image) -> bool:
    """Whether the image's message may only be waiting: it is not long since, or the queue has others before it."""
    since = image.unfinished_since or image.created_at
    return since > a_round.ago(minutes=_MESSAGE_MINUTES) or _messages_waiting() > 0


def _messages_waiting() -> int:
    answer = clients.client("sqs").get_queue_attributes(
        QueueUrl=config.get("SQS_QUEUE_URL"), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def sweep_actions(a_round: Round) -> None:
    """Ends actions that have been PENDING for longer than the queue tries; of others' it asks those first."""
    for action in a_round.each(actions.pending_since(a_round.since, a_round.ago(hours=_ACTION_HOURS))):
        if action.external_id is None:
            _fail(a_round, action, _ACTION_STUCK)
        else:
            _sweep_external(a_round, action)


def _sweep_external(a_round: Round, action: Action) -> None:
    a_round.count("actionsAsked")
    if a_round.dry:
        return
    pending: list[Action] = []

    def settled() -> bool:
        now = external.refresh(action)
        if now.status is actions.Status.PENDING:
            pending.append(now)
        return not pending

    if a_round.change(settled):
        a_round.count("actionsSettled")
    elif pending and action.created_at <= a_round.ago(hours=_EXTERNAL_HOURS):
        _fail(a_round, action, _SERVICE_SILENT)


def _fail(a_round: Round, action: Action, reason: tuple[str, str]) -> None:
    def fail() -> bool:
        try:
            actions.fail(action, *reason)
        except actions.ActionFinishedError:
            return False
        return True

    if a_round.change(fail):
        a_round.find("actionsFailed", actionId=action.action_id, userId=action.user_id)
