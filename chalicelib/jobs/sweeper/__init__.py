"""The sweeper: retries or fails what is stuck, and removes files without rows, rows without files and old letters."""

from typing import Any

from chalicelib import actions, images
from chalicelib.actions import external_service
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SQSOperation, required_env_vars
from chalicelib.jobs import rounds
from chalicelib.jobs.runner import Job, Run, payload
from chalicelib.jobs.sweeper.dead_letters import sweep_dead_letters
from chalicelib.jobs.sweeper.orphans import sweep_files, sweep_images_without_files, sweep_results, sweep_uploads
from chalicelib.jobs.sweeper.stuck import sweep_actions, sweep_images, sweep_imports


@required_env_vars(
    images.take_upload,
    actions.pending_since,
    external_service.refresh,
    sweep_dead_letters,
    {
        "IMAGES_TABLE": [DynamoDBOperation.QUERY_INDEX, DynamoDBOperation.SCAN, DynamoDBOperation.BATCH_GET_ITEM],
        "ACTIONS_TABLE": [DynamoDBOperation.BATCH_GET_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
        "JOBS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS],
        "S3_OUTPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS, S3Operation.LIST_BUCKET],
        "SQS_QUEUE_URL": [SQSOperation.GET_QUEUE_ATTRIBUTES],
        "IMPORTS_QUEUE_URL": [SQSOperation.GET_QUEUE_ATTRIBUTES],
    },
)
def sweep(run: Run) -> dict[str, Any]:
    """One round (`rounds.go_through`). A pass over all files and rows takes several rounds, and begins anew each day.

    What users wait for comes first; what takes long comes last and gets the time that is left.
    """
    return rounds.go_through(
        run,
        sweep_images,
        sweep_imports,
        sweep_actions,
        sweep_dead_letters,
        sweep_uploads,
        sweep_files,
        sweep_results,
        sweep_images_without_files,
    )


SWEEPER = Job("sweeper", sweep, payload("sweep"), lease="sweeper")
