"""What the sweeper may touch."""

from chalicelib.actions import external
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SNSOperation, SQSOperation
from chalicelib.jobs import rounds

_FILES = [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS]

NEEDS: grants.Grants = grants.merge(
    external.refresh,
    rounds.NEEDS,
    {
        "IMAGES_TABLE": [
            DynamoDBOperation.QUERY_INDEX,
            DynamoDBOperation.SCAN,
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.BATCH_GET_ITEM,
            DynamoDBOperation.PUT_ITEM,
            DynamoDBOperation.UPDATE_ITEM,
        ],
        "ACTIONS_TABLE": [
            DynamoDBOperation.QUERY_INDEX,
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.BATCH_GET_ITEM,
            DynamoDBOperation.UPDATE_ITEM,
        ],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "JOBS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
        "S3_INPUT_BUCKET": _FILES,
        "S3_OUTPUT_BUCKET": [*_FILES, S3Operation.LIST_BUCKET],
        "SQS_QUEUE_URL": [SQSOperation.SEND_MESSAGE, SQSOperation.GET_QUEUE_ATTRIBUTES],
        "SNS_TOPIC_ARN": [SNSOperation.PUBLISH],
        "MAX_FILE_SIZE": [],
    },
)
