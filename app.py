"""The manifest of Darkroom: what fires, what it may touch, who may call it. What happens then is chalicelib's."""

from collections.abc import Mapping
from typing import Any

from chalice.app import Chalice, CORSConfig, LambdaFunctionEvent, Response

from chalicelib import accounts, api_keys, images, operators, pipeline, uploads, usage, webhooks
from chalicelib.core import config, limits
from chalicelib.core.access import APIAccessType, Caller, setup_validated, validated
from chalicelib.core.grants import (
    CognitoOperation,
    DynamoDBOperation,
    S3Operation,
    SNSOperation,
    SQSOperation,
    StepFunctionsOperation,
    required_env_vars,
)
from chalicelib.core.tracking import track_execution
from chalicelib.imaging import ImageRejectedError
from chalicelib.permissions import public, signed_in

Event = Mapping[str, Any]
Payload = Mapping[str, Any]
Answer = dict[str, Any]

# Our own lines go through core.log; the logger that Chalice would set up has the same name and would write them twice.
app = Chalice(app_name="darkroom", configure_logs=False)
setup_validated(app, authenticate=accounts.authenticate)

CORS = CORSConfig(
    allow_origin=config.cors_origin(),
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
    expose_headers=["Retry-After", *limits.HEADERS],
    max_age=3600,
)

# =============================================================================== auth


@app.route("/auth/signup", methods=["POST"], cors=CORS)
@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.SIGN_UP]})
@validated(accounts.SIGN_UP, permission=public, limit=limits.STRANGERS)
def sign_up(data: Payload) -> Answer:
    return accounts.sign_up(data["email"], data["password"], data.get("name"))


@app.route("/auth/verify", methods=["POST"], cors=CORS)
@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.CONFIRM_SIGN_UP]})
@validated(accounts.VERIFY, permission=public, limit=limits.STRANGERS)
def verify(data: Payload) -> Answer:
    return accounts.verify(data["email"], data["code"])


@app.route("/auth/resend", methods=["POST"], cors=CORS)
@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.RESEND_CONFIRMATION_CODE]})
@validated(accounts.EMAIL_ONLY, permission=public, limit=limits.STRANGERS)
def resend(data: Payload) -> Answer:
    return accounts.resend(data["email"])


@app.route("/auth/signin", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.INITIATE_AUTH],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
    }
)
@validated(accounts.SIGN_IN, permission=public, limit=limits.STRANGERS)
def sign_in(data: Payload) -> Answer:
    return accounts.sign_in(data["email"], data["password"])


@app.route("/auth/challenge", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.RESPOND_TO_AUTH_CHALLENGE, CognitoOperation.INITIATE_AUTH],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
    }
)
@validated(accounts.CHALLENGE, permission=public, limit=limits.STRANGERS)
def answer_challenge(data: Payload) -> Answer:
    return accounts.answer_challenge(data["challenge"], data["session"], data["answer"])


@app.route("/auth/refresh", methods=["POST"], cors=CORS)
@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.INITIATE_AUTH]})
@validated(accounts.REFRESH, permission=public, limit=limits.STRANGERS)
def refresh(data: Payload) -> Answer:
    return accounts.refresh(data["refreshToken"])


@app.route("/auth/forgot-password", methods=["POST"], cors=CORS)
@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.FORGOT_PASSWORD]})
@validated(accounts.EMAIL_ONLY, permission=public, limit=limits.STRANGERS)
def forgot_password(data: Payload) -> Answer:
    return accounts.forgot_password(data["email"])


@app.route("/auth/reset-password", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.CONFIRM_FORGOT_PASSWORD],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_GET_USER, CognitoOperation.ADMIN_USER_GLOBAL_SIGN_OUT],
        "USERS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
    }
)
@validated(accounts.RESET_PASSWORD, permission=public, limit=limits.STRANGERS)
def reset_password(data: Payload) -> Answer:
    return accounts.reset_password(data["email"], data["code"], data["password"])


@app.route("/auth/signout", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_USER_GLOBAL_SIGN_OUT],
        "USERS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
    }
)
@validated(permission=signed_in, api_schema=None)
def sign_out(user: Caller) -> Answer:
    return accounts.sign_out(user)


@app.route("/auth/validate", methods=["GET"], cors=CORS)
@validated(permission=signed_in, access=APIAccessType.FULL_ACCESS)
def validate_token(user: Caller) -> Answer:
    return accounts.describe(user)


@app.route("/auth/profile", methods=["GET"], cors=CORS)
@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM]})
@validated(permission=signed_in, api_schema=None)
def get_profile(user: Caller) -> Answer:
    return accounts.profile(user)


@app.route("/auth/profile", methods=["PATCH"], cors=CORS)
@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM]})
@validated(accounts.CHANGE_PROFILE, permission=signed_in, api_schema=None)
def change_profile(user: Caller, data: Payload) -> Answer:
    return accounts.change_profile(user, data)


@app.route("/auth/profile", methods=["DELETE"], cors=CORS)
@required_env_vars(
    {
        "USERS_TABLE": [DynamoDBOperation.DELETE_ITEM],
        "API_KEYS_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.GET_ITEM, DynamoDBOperation.DELETE_ITEM],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_DELETE_USER],
        "IMAGES_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.UPDATE_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
        "S3_OUTPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
    }
)
@validated(permission=signed_in, api_schema=None)
def erase_account(user: Caller) -> Answer:
    return accounts.erase(user)


# ============================================================================ uploads


@app.route("/upload", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.PUT_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.PUT_OBJECT],
        "ALLOWED_TYPES": [],
        "MAX_FILE_SIZE": [],
        "LINK_EXPIRY_SECONDS": [],
    }
)
@validated(uploads.CREATE, permission=signed_in, access=APIAccessType.FILE_UPLOAD)
def create_upload(user: Caller, data: Payload) -> Answer:
    return uploads.create(user, data)


# ============================================================================= images


@app.route("/images", methods=["GET"], cors=CORS)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.QUERY],
        "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT],
        "LINK_EXPIRY_SECONDS": [],
    }
)
@validated(images.LIST, permission=signed_in, access=APIAccessType.FILE_UPLOAD)
def list_images(user: Caller, data: Payload) -> Answer:
    return images.listed(user.id, data)


@app.route("/images/{imageId}", methods=["GET"], cors=CORS)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM],
        "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT],
        "LINK_EXPIRY_SECONDS": [],
    }
)
@validated(images.GET, permission=signed_in, access=APIAccessType.FILE_UPLOAD)
def get_image(user: Caller, data: Payload) -> Answer:
    return {"image": images.get(user.id, data["imageId"]).shown()}


@app.route("/images/{imageId}", methods=["DELETE"], cors=CORS)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
        "S3_OUTPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
    }
)
@validated(images.DELETE, permission=signed_in, access=APIAccessType.FULL_ACCESS)
def delete_image(user: Caller, data: Payload) -> Answer:
    images.delete(user.id, data["imageId"])
    return {"message": "The image and its variants are deleted."}


@app.route("/images/{imageId}/reprocess", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "SQS_QUEUE_URL": [SQSOperation.SEND_MESSAGE],
        "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT],
        "LINK_EXPIRY_SECONDS": [],
    }
)
@validated(
    images.REPROCESS,
    permission=signed_in,
    access=APIAccessType.FILE_UPLOAD,
    limit=limits.Limit(60, limits.Window.MINUTE),
)
def reprocess_image(user: Caller, data: Payload) -> Answer:
    return pipeline.reprocess(user, data["imageId"])


@app.route("/images/{imageId}/variants/{name}", methods=["GET"], cors=CORS)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM],
        "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT],
        "LINK_EXPIRY_SECONDS": [],
    }
)
@validated(images.GET_VARIANT, permission=signed_in, access=APIAccessType.FILE_UPLOAD)
def get_variant(user: Caller, data: Payload, headers: Mapping[str, str]) -> Response:
    found = images.variant(user.id, data["imageId"], data["name"], headers.get("accept", "*/*"))
    return Response(status_code=302, body="", headers={"Location": images.link_to(found), "Vary": "Accept"})


# =============================================================================== keys


@app.route("/keys", methods=["POST"], cors=CORS)
@required_env_vars({"API_KEYS_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.QUERY]})
@validated(api_keys.CREATE, permission=signed_in, api_schema=None)
def create_key(user: Caller, data: Payload) -> Answer:
    return api_keys.create(user, data)


@app.route("/keys", methods=["GET"], cors=CORS)
@required_env_vars({"API_KEYS_TABLE": [DynamoDBOperation.QUERY]})
@validated(permission=signed_in, api_schema=None)
def list_keys(user: Caller) -> Answer:
    return api_keys.listed(user)


@app.route("/keys/{keyId}/rotate", methods=["POST"], cors=CORS)
@required_env_vars(
    {
        "API_KEYS_TABLE": [
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.PUT_ITEM,
            DynamoDBOperation.UPDATE_ITEM,
            DynamoDBOperation.DELETE_ITEM,
        ]
    }
)
@validated(api_keys.ROTATE, permission=signed_in, api_schema=None)
def rotate_key(user: Caller, data: Payload) -> Answer:
    return api_keys.rotate(user, data)


@app.route("/keys/{keyId}", methods=["DELETE"], cors=CORS)
@required_env_vars({"API_KEYS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.DELETE_ITEM]})
@validated(api_keys.ONE, permission=signed_in, api_schema=None)
def revoke_key(user: Caller, data: Payload) -> Answer:
    return api_keys.revoke(user, data["keyId"])


# ================================================================================ web


@app.route("/health", methods=["GET"], cors=CORS)
@validated(permission=public)
def health() -> Answer:
    return {"status": "ok", "version": config.VERSION, "stage": config.stage()}


# =========================================================================== pipeline


def owner(event: Event) -> str | None:
    """Whose picture a step works on: the account that its cost is written down for."""
    return event.get("userId")


@app.on_s3_event(
    bucket=config.trigger_name("S3_INPUT_BUCKET"), events=["s3:ObjectCreated:*"], prefix="uploads/", name="s3_event"
)
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "SQS_QUEUE_URL": [SQSOperation.SEND_MESSAGE],
        "S3_INPUT_BUCKET": [S3Operation.DELETE_OBJECTS],
    }
)
@track_execution
def s3_event(event: Event, context: Any) -> None:
    pipeline.enqueue_uploads(event)


# When the trigger is made, S3 sends a test event that has no records; Chalice's S3Event cannot be built from it.
s3_event.event_class = LambdaFunctionEvent


@app.on_sqs_message(queue=config.trigger_name("SQS_QUEUE_URL"), batch_size=10, name="orchestrator")
@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "STEP_FUNCTIONS_ARN": [StepFunctionsOperation.START_EXECUTION],
        "SQS_QUEUE_URL": [SQSOperation.DELETE_MESSAGE_BATCH],
    }
)
@track_execution
def orchestrator(event: Event, context: Any) -> None:
    pipeline.start_executions(event)


@app.lambda_function(name="validation")
@required_env_vars(
    {
        "S3_INPUT_BUCKET": [S3Operation.GET_OBJECT],
        "MAX_FILE_SIZE": [],
        "MAX_PIXELS": [],
        "ALLOWED_TYPES": [],
        "SCAN_COMMAND_URL": [],
    }
)
@track_execution(account=owner, refusals=(ImageRejectedError,))
def validation(event: Event, context: Any) -> Answer:
    return pipeline.validate(event)


@app.lambda_function(name="resize")
@required_env_vars(
    {
        "S3_INPUT_BUCKET": [S3Operation.GET_OBJECT],
        "S3_OUTPUT_BUCKET": [S3Operation.PUT_OBJECT, S3Operation.DELETE_OBJECTS],
        "MAX_FILE_SIZE": [],
        "MAX_PIXELS": [],
        "ALLOWED_TYPES": [],
        "RESIZE_DIMENSIONS": [],
        "QUALITY_SETTING": [],
        "OUTPUT_FORMATS": [],
    }
)
@track_execution(account=owner, refusals=(ImageRejectedError,))
def resize(event: Event, context: Any) -> Answer:
    return pipeline.resize(event)


@app.lambda_function(name="watermark")
@required_env_vars(
    {
        "S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT, S3Operation.PUT_OBJECT, S3Operation.DELETE_OBJECTS],
        "RESIZE_DIMENSIONS": [],
        "QUALITY_SETTING": [],
        "OUTPUT_FORMATS": [],
        "WATERMARK_TEXT": [],
        "WATERMARK_FONT": [],
        "WATERMARK_COLOR": [],
        "WATERMARK_POSITION": [],
        "WATERMARK_OPACITY": [],
        "WATERMARK_IMAGE_KEY": [],
    }
)
@track_execution(account=owner, refusals=(ImageRejectedError,))
def watermark(event: Event, context: Any) -> Answer:
    return pipeline.watermark(event)


# ========================================================= streams, topics and alerts


@app.on_dynamodb_record(
    stream_arn=config.trigger_name("IMAGES_STREAM_ARN"),
    batch_size=25,
    starting_position="TRIM_HORIZON",
    name="image_changes",
)
@required_env_vars({"DAILY_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM]})
@track_execution
def image_changes(event: Event, context: Any) -> None:
    usage.count_changes(event)


@app.on_sns_message(topic=config.trigger_name("SNS_TOPIC_ARN"), name="notifications")
@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM], "ALLOW_PRIVATE_ADDRESSES": []})
@track_execution
def notifications(event: Event, context: Any) -> None:
    webhooks.deliver(event)


@app.on_sqs_message(queue=config.trigger_name("CRITICAL_ERRORS_SQS_QUEUE_NAME"), batch_size=10, name="critical_errors")
@required_env_vars({"OPERATORS_TOPIC_ARN": [SNSOperation.PUBLISH]})
@track_execution
def critical_errors(event: Event, context: Any) -> None:
    operators.notify_of_errors(event)
