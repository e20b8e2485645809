"""The manifest of Darkroom: every trigger, what it may touch, and who may call it. The work is in chalicelib."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalice.app import Chalice, CORSConfig, LambdaFunctionEvent, Response

from chalicelib import accounts, actions, audit, erasure, images, metering, web
from chalicelib.accounts import api_keys, schemas
from chalicelib.accounts.permissions import can_report, is_admin, public, signed_in
from chalicelib.actions import custom, exporting, external_service, processing, reporting, worker
from chalicelib.core import log
from chalicelib.core.agents import explaining, tools
from chalicelib.core.agents import mcp as mcp_protocol
from chalicelib.core.agents import schemas as agent_schemas
from chalicelib.core.agents.tools import api_tool
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.errors import raises
from chalicelib.core.http import idempotency, limits, responses, signatures
from chalicelib.core.http.access import setup_validated, validated
from chalicelib.core.http.attempts import AnonymousCaller
from chalicelib.core.http.operations import ANY_ACCESS, APIAccessType, Caller
from chalicelib.core.http.payload import MOST_BODY_BYTES, parse_body
from chalicelib.core.http.tokens import setup_tokens
from chalicelib.core.observing.tracking import Account, Execution, track_execution
from chalicelib.core.schemas import MESSAGE
from chalicelib.core.settings import Settings, trigger_name
from chalicelib.external import fetch
from chalicelib.imaging import ImageRejectedError
from chalicelib.jobs import health, retention, runner, schedules, sync
from chalicelib.jobs.monthly_report import MONTHLY_REPORT
from chalicelib.jobs.reconciler import RECONCILER
from chalicelib.jobs.sweeper import SWEEPER
from chalicelib.notify import operators, webhooks

Event = Mapping[str, Any]
Headers = Mapping[str, str]
Payload = Mapping[str, Any]
Answer = dict[str, Any]

# core.log writes our lines; the logger that Chalice would set up has the same name and would write them twice.
app = Chalice(app_name="darkroom", configure_logs=False)
setup_validated(app, authenticate=accounts.authenticate, audit=audit.TRAIL_OF_REQUESTS)
setup_tokens(fetch)

CORS = CORSConfig(
    allow_origin=Settings.CORS_ORIGIN.get(),
    allow_headers=[
        "Authorization",
        "Content-Type",
        idempotency.HEADER,
        log.CORRELATION_HEADER,
        "Mcp-Protocol-Version",
        "Mcp-Method",
        "Mcp-Name",
    ],
    expose_headers=["Retry-After", idempotency.REPLAYED, log.CORRELATION_HEADER, *limits.HEADERS],
    max_age=3600,
)

# =============================================================================== auth


CHALLENGES = replace(limits.CODES, field="session", account=accounts.user_of_session)


@app.route("/auth/signup", methods=["POST"], cors=CORS)
@required_env_vars(accounts.sign_up)
@validated(schemas.SIGN_UP, permission=public, limit=limits.EMAILS, returns=schemas.SIGNED_UP)
def sign_up(data: Payload) -> Answer:
    """Begin an account with an e-mail address and a password. A code goes to the address; `verify` takes it."""
    return accounts.sign_up(data["email"], data["password"], data.get("name"))


@app.route("/auth/verify", methods=["POST"], cors=CORS)
@required_env_vars(accounts.verify_address)
@validated(schemas.VERIFY, permission=public, limit=limits.CODES, returns=MESSAGE)
def verify(data: Payload) -> Answer:
    """Confirm the address of a new account with the code that was sent to it."""
    return accounts.verify_address(data["email"], data["code"])


@app.route("/auth/resend", methods=["POST"], cors=CORS)
@required_env_vars(accounts.resend_code)
@validated(schemas.EMAIL_ONLY, permission=public, limit=limits.EMAILS, returns=MESSAGE)
def resend(data: Payload) -> Answer:
    """Send the code of a new account again. The answer is the same whether or not there is such an account."""
    return accounts.resend_code(data["email"])


@app.route("/auth/signin", methods=["POST"], cors=CORS)
@required_env_vars(accounts.sign_in)
@validated(
    schemas.SIGN_IN, permission=public, limit=limits.ANONYMOUS, returns=schemas.TOKENS_OR_CHALLENGE, audited=True
)
def sign_in(data: Payload, anonymous: AnonymousCaller, execution: Execution) -> Answer:
    """Sign in with e-mail address and password. The answer holds tokens, or a challenge to answer first."""
    return accounts.sign_in(data["email"], data["password"], anonymous, execution.set_caller)


@app.route("/auth/challenge", methods=["POST"], cors=CORS)
@required_env_vars(accounts.answer_challenge)
@validated(schemas.CHALLENGE, permission=public, limit=CHALLENGES, returns=schemas.TOKENS_OR_CHALLENGE, audited=True)
def answer_challenge(data: Payload, anonymous: AnonymousCaller, execution: Execution) -> Answer:
    """Answer a challenge of signing in: a new password, or an authenticator's code."""
    challenge, session, answer = data["challenge"], data["session"], data["answer"]
    return accounts.answer_challenge(challenge, session, answer, anonymous, execution.set_caller)


@app.route("/auth/refresh", methods=["POST"], cors=CORS)
@required_env_vars(accounts.refresh_tokens)
@validated(schemas.REFRESH, permission=public, limit=limits.ANONYMOUS, returns=schemas.ISSUED)
def refresh(data: Payload) -> Answer:
    """Get new tokens for a refresh token."""
    return accounts.refresh_tokens(data["refreshToken"])


@app.route("/auth/forgot-password", methods=["POST"], cors=CORS)
@required_env_vars(accounts.forgot_password)
@validated(schemas.EMAIL_ONLY, permission=public, limit=limits.EMAILS, returns=MESSAGE)
def forgot_password(data: Payload) -> Answer:
    """Send a code for setting a new password. The answer is the same whether or not there is such an account."""
    return accounts.forgot_password(data["email"])


@app.route("/auth/reset-password", methods=["POST"], cors=CORS)
@required_env_vars(accounts.reset_password)
@validated(schemas.RESET_PASSWORD, permission=public, limit=limits.CODES, returns=MESSAGE, audited=True)
def reset_password(data: Payload, anonymous: AnonymousCaller, execution: Execution) -> Answer:
    """Set a new password with the code that was sent. Every session of the account ends."""
    return accounts.reset_password(data["email"], data["code"], data["password"], anonymous, execution.set_caller)


@app.route("/auth/signout", methods=["POST"], cors=CORS)
@required_env_vars(accounts.sign_out)
@validated(permission=signed_in, api_schema=None, returns=MESSAGE, audited=True, allow_over_budget=True)
def sign_out(user: Caller) -> Answer:
    """End all sessions of your account."""
    return accounts.sign_out(user)


@app.route("/auth/validate", methods=["GET"], cors=CORS)
@validated(permission=signed_in, access=APIAccessType.FULL_ACCESS, returns=schemas.CALLER)
def validate_token(user: Caller) -> Answer:
    """What your token or API key says about you."""
    return accounts.describe_caller(user)


# Each of them may try a code, or change what a code is checked against.
MFA_LIMIT = limits.Limit(10, limits.Window.MINUTE)


@app.route("/auth/mfa/enrol", methods=["POST"], cors=CORS)
@required_env_vars(accounts.enrol_mfa)
@validated(permission=signed_in, api_schema=None, limit=MFA_LIMIT, returns=schemas.ENROLLED, audited=True)
def enrol_mfa(user: Caller, token: str) -> Answer:
    """Get a secret for an authenticator app. It takes effect when `confirm_mfa` gets the app's first code."""
    return accounts.enrol_mfa(user, token)


@app.route("/auth/mfa/confirm", methods=["POST"], cors=CORS)
@required_env_vars(accounts.confirm_mfa)
@validated(schemas.CONFIRM_MFA, permission=signed_in, api_schema=None, limit=MFA_LIMIT, returns=MESSAGE, audited=True)
def confirm_mfa(token: str, data: Payload) -> Answer:
    """Turn the second factor on with the authenticator's first code. From then on signing in asks for a code."""
    return accounts.confirm_mfa(token, data["code"])


@app.route("/auth/mfa", methods=["DELETE"], cors=CORS)
@required_env_vars(accounts.turn_off_mfa)
@validated(schemas.TURN_OFF_MFA, permission=signed_in, api_schema=None, limit=MFA_LIMIT, returns=MESSAGE, audited=True)
def turn_off_mfa(user: Caller, token: str, data: Payload, anonymous: AnonymousCaller) -> Answer:
    """Turn the second factor off. It takes the password and a code, so that a stolen token is not enough."""
    return accounts.turn_off_mfa(user, token, data["password"], data["code"], anonymous)


@app.route("/auth/profile", methods=["GET"], cors=CORS)
@required_env_vars(accounts.get_profile)
@validated(permission=signed_in, api_schema=None, returns=schemas.PROFILE)
def get_profile(user: Caller, token: str) -> Answer:
    """Your profile: name, preferences and rights."""
    return accounts.get_profile(user, token)


@app.route("/auth/profile", methods=["PATCH"], cors=CORS)
@required_env_vars(accounts.change_profile)
@validated(schemas.CHANGE_PROFILE, permission=signed_in, api_schema=None, returns=schemas.PROFILE, audited=True)
def change_profile(user: Caller, data: Payload, token: str) -> Answer:
    """Change your name or your preferences. A field that is left out stays as it is."""
    return accounts.change_profile(user, data, token)


@app.route("/auth/profile", methods=["DELETE"], cors=CORS)
@required_env_vars(erasure.erase)
@validated(permission=signed_in, api_schema=None, returns=MESSAGE, audited=True, allow_over_budget=True, erases=True)
def erase_account(user: Caller, execution: Execution) -> Answer:
    """Erase your account with all that it owns. This cannot be undone."""
    return erasure.erase(user, execution)


# ============================================================================ uploads


@app.route("/upload", methods=["POST"], cors=CORS)
@required_env_vars(images.create_upload)
@api_tool(tags=["images"], open_world=True)
@validated(
    images.CREATE,
    permission=signed_in,
    access=APIAccessType.FILE_UPLOAD,
    returns=images.CREATED,
    idempotent=images.UPLOAD_REPLAY,
)
def create_upload(user: Caller, data: Payload, rate: dict[str, str]) -> Answer:
    """Announce a photo, or have one fetched from a URL.

    The answer to an announcement holds the presigned request to send the photo by. With `sourceUrl` Darkroom fetches
    the photo itself, and the answer holds the image's id and status.
    """
    return images.create_upload(user, data, rate)


@required_env_vars(images.import_image)
@api_tool(tags=["images"], open_world=True, largest_body=MOST_BODY_BYTES)
@validated(
    images.IMPORT,
    permission=signed_in,
    access=APIAccessType.FILE_UPLOAD,
    returns=images.IMPORTED,
    idempotent=images.IMPORT_REPLAY,
)
def import_image(user: Caller, data: Payload, rate: dict[str, str]) -> Answer:
    """Bring in a picture, from an https URL or in base64.

    The answer holds the image's id. The image is finished some seconds later: wait_for_image waits until it is, and
    view_image shows it.
    """
    return images.import_image(user, data, rate)


@app.route("/presets", methods=["GET"], cors=CORS)
@required_env_vars(images.list_presets)
@api_tool(tags=["images"], reads_only=True)
@validated(permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=images.PRESETS)
def list_presets() -> Answer:
    """What can be made of a picture: the presets that an upload, an import or a reprocessing can name."""
    return images.list_presets()


# ============================================================================= images


@app.route("/images", methods=["GET"], cors=CORS)
@required_env_vars(images.list_images)
@api_tool(tags=["images"], reads_only=True)
@validated(images.LIST, permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=images.PAGE)
def list_images(user: Caller, data: Payload) -> Answer:
    """Your images, newest first, in pages.

    All filters must hold. A page with filters may be short, or empty, and still have a cursor: go on with it.
    """
    return images.list_images(user, data)


@app.route("/images/{imageId}", methods=["GET"], cors=CORS)
@required_env_vars(images.show_image)
@api_tool(tags=["images"], reads_only=True, present=images.show_links)
@validated(images.GET, permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=images.ONE)
def get_image(user: Caller, data: Payload) -> Answer:
    """One image: its status, metadata, and variants with links."""
    return images.show_image(user, data["imageId"])


@app.route("/images/{imageId}", methods=["PATCH"], cors=CORS)
@required_env_vars(images.change_image)
@api_tool(tags=["images"], destructive=True, idempotent=True, present=images.show_links)
@validated(images.CHANGE, permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=images.ONE, audited=True)
def change_image(user: Caller, data: Payload) -> Answer:
    """Set the title, the tags or the focal point of an image. Null removes one; what is not named stays as it is."""
    return images.change_image(user, data)


@app.route("/images/{imageId}", methods=["DELETE"], cors=CORS)
@required_env_vars(images.delete_image)
@api_tool(tags=["images"], destructive=True, idempotent=True)
@validated(images.DELETE, permission=signed_in, access=APIAccessType.FULL_ACCESS, returns=MESSAGE, audited=True)
def delete_image(user: Caller, data: Payload) -> Answer:
    """Remove an image with every version of every file."""
    return images.delete_image(user, data["imageId"])


@app.route("/images/{imageId}/reprocess", methods=["POST"], cors=CORS)
@required_env_vars(images.reprocess)
@api_tool(tags=["images"])
@validated(
    images.REPROCESS,
    permission=signed_in,
    access=APIAccessType.FILE_UPLOAD,
    limit=limits.Limit(60, limits.Window.MINUTE),
    returns=images.ONE,
    idempotent=images.REPROCESS_REPLAY,
)
def reprocess_image(user: Caller, data: Payload) -> Answer:
    """Make a finished image's variants again, or those of another preset."""
    return images.reprocess(user, data["imageId"], data.get("preset"))


@app.route("/images/{imageId}/variants/{name}", methods=["GET"], cors=CORS)
@required_env_vars(images.choose_variant)
@validated(images.GET_VARIANT, permission=signed_in, access=APIAccessType.FILE_UPLOAD, answers=[images.REDIRECT])
def get_variant(user: Caller, data: Payload, headers: Headers) -> Response:
    """A redirect to a variant's file, in the format that `Accept` prefers."""
    variant = images.choose_variant(user, data["imageId"], data["name"], headers.get("accept", ""))
    return Response(status_code=302, body="", headers={"Location": variant.url, "Vary": "Accept"})


@app.route("/images/{imageId}/download", methods=["GET"], cors=CORS)
@required_env_vars(images.get_download)
@api_tool(tags=["images"], reads_only=True)
@validated(images.DOWNLOAD, permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=images.DOWNLOADED)
def get_download(user: Caller, data: Payload) -> Answer:
    """A link that saves a file under a sensible name: the original of a finished image, or one of its variants."""
    return images.get_download(user, data)


# Without a route: a browser polls `GET /images/{imageId}` and follows links.


@required_env_vars(images.wait_for_image)
@api_tool(tags=["images"], reads_only=True, present=images.show_links)
@validated(
    images.WAIT,
    permission=signed_in,
    access=APIAccessType.FILE_UPLOAD,
    limit=limits.Limit(30, limits.Window.MINUTE),
    returns=images.WAITED,
)
def wait_for_image(user: Caller, data: Payload, context: Any) -> Answer:
    """Wait until an image is COMPLETED or FAILED. If it is not finished in time, call this again."""
    return images.wait_for_image(user, data, context)


@required_env_vars(images.view_image)
@api_tool(tags=["images"], reads_only=True, present=images.show_picture)
@validated(images.VIEW, permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=images.VIEWED)
def view_image(user: Caller, data: Payload) -> Answer:
    """See a finished image: one of its variants, as a picture. By default it is the smallest."""
    return images.view_image(user, data)


# ============================================================================ actions

# Whoever may begin an action may see how it ends, and no action of another kind.
ANY_ACTION = frozenset({APIAccessType.ACTIONS, APIAccessType.REPORTS, APIAccessType.EXPORTS})


@app.route("/actions/process", methods=["POST"], cors=CORS)
@required_env_vars(*processing.KIND.steps)
@api_tool(tags=["actions"])
@validated(
    processing.KIND.schema,
    permission=signed_in,
    access=APIAccessType.ACTIONS,
    limit=limits.Limit(60, limits.Window.MINUTE),
    returns=processing.KIND.returns,
    idempotent=processing.KIND.replay,
    audited=True,
)
def process_file(user: Caller, data: Payload) -> Answer:
    """Resize, convert or analyze one of your COMPLETED images."""
    return actions.submit(processing.KIND, user, data)


@app.route("/actions/report", methods=["POST"], cors=CORS)
@required_env_vars(*reporting.KIND.steps)
@api_tool(tags=["actions", "reports"])
@validated(
    reporting.KIND.schema,
    permission=can_report,
    access=APIAccessType.REPORTS,
    limit=limits.Limit(60, limits.Window.MINUTE),
    returns=reporting.KIND.returns,
    idempotent=reporting.KIND.replay,
    audited=True,
)
def generate_report(user: Caller, data: Payload) -> Answer:
    """Make a report on usage and cost, on images and users, or a summary of both, over up to 366 days."""
    return actions.submit(reporting.KIND, user, data)


@app.route("/actions/export", methods=["POST"], cors=CORS)
@required_env_vars(exporting.may_export, *exporting.KIND.steps)
@api_tool(tags=["actions"], open_world=True)
@validated(
    exporting.KIND.schema,
    permission=exporting.may_export,
    access=APIAccessType.EXPORTS,
    limit=limits.Limit(10, limits.Window.MINUTE),
    returns=exporting.KIND.returns,
    idempotent=exporting.KIND.replay,
    audited=True,
)
def export_data(user: Caller, data: Payload) -> Answer:
    """Export your profile, activities and files as JSON, CSV or PDF, to download or as a link by e-mail."""
    return actions.submit(exporting.KIND, user, data)


@app.route("/actions/custom", methods=["POST"], cors=CORS)
@required_env_vars(*custom.KIND.steps)
@validated(
    custom.KIND.schema,
    permission=signed_in,
    access=APIAccessType.ACTIONS,
    limit=limits.Limit(60, limits.Window.MINUTE),
    returns=custom.KIND.returns,
    idempotent=True,
    audited=True,
)
def run_custom_action(user: Caller, data: Payload) -> Answer:
    """Have the stage's external service do one of its own actions."""
    return actions.submit(custom.KIND, user, data)


@app.route("/actions", methods=["GET"], cors=CORS)
@required_env_vars(actions.list_page)
@validated(actions.LIST, permission=signed_in, access=ANY_ACTION, returns=actions.PAGE)
def list_actions(user: Caller, data: Payload) -> Answer:
    """Your actions, newest first, in pages."""
    return actions.list_page(user, data)


@app.route("/actions/{actionId}", methods=["GET"], cors=CORS)
@required_env_vars(actions.show)
@api_tool(tags=["actions"], reads_only=True)
@validated(actions.GET, permission=signed_in, access=ANY_ACTION, returns=actions.ONE)
def get_action(user: Caller, data: Payload) -> Answer:
    """How one of your actions stands, with links to the files that it made."""
    return actions.show(user, data["actionId"])


@app.route("/actions/{actionId}/callback", methods=["POST"], cors=CORS)
@required_env_vars(external_service.take_callback)
@validated(
    actions.CALLBACK,
    permission=public,
    limit=limits.ANONYMOUS,
    returns=MESSAGE,
    headers={signatures.HEADER: signatures.CALLBACK},
)
def take_callback(data: Payload, headers: Headers, body: bytes) -> Answer:
    """The external service reports how an action goes on or ended. The request is signed with the shared secret."""
    return external_service.take_callback(data, headers.get(signatures.HEADER.lower(), ""), body)


# =============================================================================== keys


@app.route("/keys", methods=["POST"], cors=CORS)
@required_env_vars(api_keys.create_key)
@validated(
    api_keys.CREATE,
    permission=signed_in,
    api_schema=None,
    returns=api_keys.ISSUED,
    idempotent=api_keys.REPLAY,
    audited=True,
)
def create_key(user: Caller, data: Payload) -> Answer:
    """Create an API key. Its secret is shown in this answer alone."""
    return api_keys.create_key(user, data)


@app.route("/keys", methods=["GET"], cors=CORS)
@required_env_vars(api_keys.list_keys)
@validated(permission=signed_in, api_schema=None, returns=api_keys.PAGE, allow_over_budget=True)
def list_keys(user: Caller) -> Answer:
    """Your API keys, without their secrets."""
    return api_keys.list_keys(user)


@app.route("/keys/{keyId}/rotate", methods=["POST"], cors=CORS)
@required_env_vars(api_keys.rotate_key)
@validated(
    api_keys.ROTATE,
    permission=signed_in,
    api_schema=None,
    returns=api_keys.ISSUED,
    idempotent=api_keys.REPLAY,
    audited=True,
)
def rotate_key(user: Caller, data: Payload) -> Answer:
    """Give an API key a new secret. The old one is valid until the grace period ends."""
    return api_keys.rotate_key(user, data)


@app.route("/keys/{keyId}", methods=["DELETE"], cors=CORS)
@required_env_vars(api_keys.revoke_key)
@validated(api_keys.ONE, permission=signed_in, api_schema=None, returns=MESSAGE, audited=True, allow_over_budget=True)
def revoke_key(user: Caller, data: Payload) -> Answer:
    """Revoke an API key at once."""
    return api_keys.revoke_key(user, data["keyId"])


# ============================================================================== usage


@app.route("/usage", methods=["GET"], cors=CORS)
@required_env_vars(metering.get_own_usage)
@api_tool(tags=["usage"], reads_only=True)
@validated(metering.GET, permission=signed_in, access=ANY_ACCESS, returns=metering.SUMMARY, allow_over_budget=True)
def get_usage(user: Caller, data: Payload, counted: limits.LimitStatus) -> Answer:
    """Your requests, their cost in dollars, and what became of your images, by day; and what is left of your limits."""
    return metering.get_own_usage(user, data, counted)


# ============================================================================== agent


@app.route("/agent/tools", methods=["GET"], cors=CORS)
@validated(permission=signed_in, access=ANY_ACCESS, returns=tools.LIST)
def list_tools(user: Caller) -> Answer:
    """The tools that you may call, with JSON Schemas of what each takes and answers."""
    return tools.list_tools(user)


@app.route("/agent/{tool}", methods=["POST"], cors=CORS)
@required_env_vars(tools.call)
@validated(
    tools.CALL,
    validate_body=False,
    permission=signed_in,
    access=ANY_ACCESS,
    body=agent_schemas.TOOL_INPUT,
    returns=agent_schemas.TOOL_ANSWER,
    routes_to=lambda path, body: tools.operation_of(path["tool"]),
    targets=tools.functions,
    explain=explaining.next_step,
)
def call_tool(data: Payload, headers: Headers, body: bytes, available: Payload) -> Answer:
    """Call a tool. It runs through the same steps as a request to the operation's own route."""
    payload = parse_body(body, tools.body_limit(data["tool"]))
    return tools.call(data["tool"], payload, available, headers.get(idempotency.HEADER))


@app.route("/mcp", methods=["POST"], cors=CORS)
@validated(
    validate_body=False,
    permission=signed_in,
    access=ANY_ACCESS,
    body=agent_schemas.MCP_MESSAGE,
    answers=agent_schemas.MCP_ANSWERS,
    routes_to=lambda path, body: mcp_protocol.operation_of(body),
    explain=explaining.next_step,
)
def mcp(headers: Headers, body: bytes, available: Payload) -> Response:
    """One message of the Model Context Protocol, answered in JSON."""
    reply = mcp_protocol.reply(body, headers, available)
    return responses.json(reply.status, reply.body)


# A route of its own: API Gateway answers a method that it does not know with 403, and clients of MCP expect 405.
@app.route("/mcp", methods=["GET", "DELETE"], cors=CORS)
@validated(permission=public, limit=limits.ANONYMOUS)
@raises(mcp_protocol.StreamNotOfferedError)
def refuse_mcp_stream() -> Answer:
    """There is no stream to open and no session to end: the answer is always 405."""
    raise mcp_protocol.StreamNotOfferedError


# ============================================================================== admin


@app.route("/admin/users", methods=["GET"], cors=CORS)
@required_env_vars(accounts.list_users)
@validated(schemas.LIST_USERS, permission=is_admin, access=APIAccessType.ADMIN, returns=schemas.USERS_PAGE)
def list_users(data: Payload) -> Answer:
    """Find users by role or e-mail address, in pages."""
    return accounts.list_users(data)


@app.route("/admin/users/{userId}", methods=["PATCH"], cors=CORS)
@required_env_vars(accounts.change_rights)
@validated(schemas.CHANGE_RIGHTS, permission=is_admin, access=APIAccessType.ADMIN, returns=schemas.USER, audited=True)
def change_rights(user: Caller, data: Payload) -> Answer:
    """Change a user's role, activity, permission to export, or limits."""
    return accounts.change_rights(user, data)


@app.route("/admin/users/{userId}/mfa", methods=["DELETE"], cors=CORS)
@required_env_vars(accounts.reset_mfa)
@validated(schemas.ONE_USER, permission=is_admin, api_schema=None, returns=MESSAGE, audited=True)
def reset_mfa(user: Caller, data: Payload) -> Answer:
    """Turn off the second factor of a user who has lost the authenticator."""
    return accounts.reset_mfa(user, data["userId"])


@app.route("/admin/usage", methods=["GET"], cors=CORS)
@required_env_vars(metering.get_all_usage)
@validated(metering.GET_ALL, permission=is_admin, access=APIAccessType.ADMIN, returns=metering.ALL_USAGE)
def get_all_usage(data: Payload) -> Answer:
    """Everyone's usage by day, one user's, or users' days."""
    return metering.get_all_usage(data)


@app.route("/admin/syncs", methods=["GET"], cors=CORS)
@required_env_vars(sync.list_syncs)
@validated(sync.LIST, permission=is_admin, access=APIAccessType.ADMIN, returns=sync.PAGE)
def list_syncs(data: Payload) -> Answer:
    """The scheduled syncs, newest first, in pages."""
    return sync.list_syncs(data)


@app.route("/admin/audit", methods=["GET"], cors=CORS)
@required_env_vars(audit.list_entries)
@validated(audit.LIST, permission=is_admin, access=APIAccessType.ADMIN, returns=audit.PAGE)
def list_audit(data: Payload) -> Answer:
    """The audit trail of a day, newest first, in pages."""
    return audit.list_entries(data)


@app.route("/admin/audit/verification", methods=["GET"], cors=CORS)
@required_env_vars(audit.verify_day)
@api_tool(tags=["operations"], reads_only=True)
@validated(
    audit.VERIFY,
    permission=is_admin,
    access=APIAccessType.ADMIN,
    limit=limits.Limit(60, limits.Window.MINUTE),
    returns=audit.VERIFIED,
)
def verify_audit(data: Payload, context: Any) -> Answer:
    """Check a day of the audit trail: hashes, links and gaps, and the links to the entries before and after the day."""
    return audit.verify_day(data, context)


@app.route("/admin/health", methods=["GET"], cors=CORS)
@required_env_vars(health.get_system_health)
@api_tool(tags=["operations"], reads_only=True)
@validated(permission=is_admin, access=APIAccessType.ADMIN, returns=health.SYSTEM_HEALTH)
def get_system_health() -> Answer:
    """How the stage is: each dependency, each scheduled job with its last run and its next, each queue's depth."""
    return health.get_system_health()


# ================================================================================ web


@app.route("/health", methods=["GET"], cors=CORS)
@required_env_vars(health.get_health)
@validated(permission=public, limit=health.LIMIT, returns=health.HEALTH)
def get_health() -> Answer:
    """The last health check: `ok`, `degraded`, or `unknown`. 503 when Darkroom is down."""
    return health.get_health()


# The contract and the pages call no service of AWS: to count a request would cost more than to answer it.
@app.route("/openapi.json", methods=["GET"], cors=CORS)
@validated(permission=public, answers=web.CONTRACT)
def get_contract(event: Event, headers: Headers) -> Response:
    """This contract, in OpenAPI 3.1."""
    return web.get_contract(app, event, headers)


@app.route("/", methods=["GET"])
@required_env_vars(web.send_page)
@validated(permission=public, answers=web.PAGE)
def show_page(event: Event, headers: Headers) -> Response:
    """The page for people: upload photos, see what becomes of them, and use all else that the API offers."""
    return web.send_page(event["requestContext"]["path"], headers)


@app.route("/docs", methods=["GET"])
@validated(permission=public, answers=web.DOCS)
def show_docs(event: Event, headers: Headers) -> Response:
    """The contract as pages for people: fields, errors, code to copy, and a form to try each operation."""
    return web.send_docs(event["requestContext"]["path"], headers)


@app.route("/assets/{version}/{folder}/{name}", methods=["GET"])
@required_env_vars(web.send_asset)
@validated(web.ASSET, permission=public, answers=web.FILE)
def get_asset(data: Payload, headers: Headers) -> Response:
    """A script, style or picture of the pages."""
    return web.send_asset(data["version"], data["folder"], data["name"], headers)


# =========================================================================== pipeline


def owner(event: Event) -> Account:
    """Whose picture a step works on, and the API key that it was announced with: its cost is written down for both."""
    return event.get("userId"), event.get("apiKeyId")


@app.on_s3_event(
    bucket=trigger_name(Settings.S3_INPUT_BUCKET), events=["s3:ObjectCreated:*"], prefix="uploads/", name="s3_event"
)
@required_env_vars(images.enqueue_uploads)
@track_execution
def s3_event(event: Event, context: Any) -> None:
    images.enqueue_uploads(event)


# When the trigger is made, S3 sends a test event that has no records; Chalice's S3Event cannot be built from it.
s3_event.event_class = LambdaFunctionEvent


@app.on_sqs_message(queue=trigger_name(Settings.SQS_QUEUE_URL), batch_size=10, name="orchestrator")
@required_env_vars(images.start_executions)
@track_execution
def orchestrator(event: Event, context: Any) -> None:
    images.start_executions(event)


@app.lambda_function(name="validation")
@required_env_vars(images.validate)
@track_execution(account=owner, refusals=(ImageRejectedError,))
def validation(event: Event, context: Any) -> Answer:
    return images.validate(event)


@app.lambda_function(name="resize")
@required_env_vars(images.resize)
@track_execution(account=owner, refusals=(ImageRejectedError,))
def resize(event: Event, context: Any) -> Answer:
    return images.resize(event)


@app.lambda_function(name="watermark")
@required_env_vars(images.watermark)
@track_execution(account=owner, refusals=(ImageRejectedError,))
def watermark(event: Event, context: Any) -> Answer:
    return images.watermark(event)


# ========================================================================== schedules


def scheduled(function: Callable[..., Any]) -> Any:
    """Fired by the clock as the table of schedules says; where the stage has switched that off, by hand alone."""
    name = function.__name__
    expression = schedules.expression(name)
    if expression is None:
        return app.lambda_function(name=name)(function)
    handler = app.schedule(expression, name=name)(function)
    # What is called by hand is no event of EventBridge, and Chalice's CloudWatchEvent cannot be built from it.
    handler.event_class = LambdaFunctionEvent
    return handler


@scheduled
@required_env_vars(runner.run, sync.NIGHTLY.work)
@track_execution
def nightly_sync(event: Event, context: Any) -> Answer:
    return runner.run(sync.NIGHTLY, event, context)


@scheduled
@required_env_vars(runner.run, sync.BUSINESS_HOURS.work)
@track_execution
def business_hours_sync(event: Event, context: Any) -> Answer:
    return runner.run(sync.BUSINESS_HOURS, event, context)


@scheduled
@required_env_vars(runner.run, retention.CLEAN_UP.work)
@track_execution
def weekly_cleanup(event: Event, context: Any) -> Answer:
    return runner.run(retention.CLEAN_UP, event, context)


@scheduled
@required_env_vars(runner.run, MONTHLY_REPORT.work)
@track_execution
def monthly_report(event: Event, context: Any) -> Answer:
    return runner.run(MONTHLY_REPORT, event, context)


@scheduled
@required_env_vars(runner.run, retention.ARCHIVE.work)
@track_execution
def quarterly_archive(event: Event, context: Any) -> Answer:
    return runner.run(retention.ARCHIVE, event, context)


@scheduled
@required_env_vars(runner.run, health.HEALTH_CHECK.work)
@track_execution
def health_check(event: Event, context: Any) -> Answer:
    return runner.run(health.HEALTH_CHECK, event, context)


@scheduled
@required_env_vars(runner.run, SWEEPER.work)
@track_execution
def sweeper(event: Event, context: Any) -> Answer:
    return runner.run(SWEEPER, event, context)


@scheduled
@required_env_vars(runner.run, RECONCILER.work)
@track_execution
def reconciler(event: Event, context: Any) -> Answer:
    return runner.run(RECONCILER, event, context)


# ========================================================= streams, topics and alerts


@app.on_dynamodb_record(
    stream_arn=trigger_name(Settings.IMAGES_STREAM_ARN),
    batch_size=25,
    starting_position="TRIM_HORIZON",
    name="image_changes",
)
@required_env_vars(images.follow_changes)
@track_execution(recorded=False)
def image_changes(event: Event, context: Any) -> None:
    images.follow_changes(event)


@app.on_dynamodb_record(
    stream_arn=trigger_name(Settings.USAGE_STREAM_ARN),
    batch_size=100,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
    name="usage_records",
)
@required_env_vars(metering.count_records)
@track_execution(recorded=False)
def usage_records(event: Event, context: Any) -> None:
    metering.count_records(event)


@app.on_dynamodb_record(
    stream_arn=trigger_name(Settings.AUDIT_STREAM_ARN),
    batch_size=40,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
    name="audit_entries",
)
@required_env_vars(audit.append_entries)
@track_execution
def audit_entries(event: Event, context: Any) -> None:
    audit.append_entries(event)


@app.on_sns_message(topic=trigger_name(Settings.SNS_TOPIC_ARN), name="notifications")
@required_env_vars(webhooks.deliver)
@track_execution(refusals=(webhooks.NotTakenError,))
def notifications(event: Event, context: Any) -> None:
    webhooks.deliver(event)


@app.on_sqs_message(queue=trigger_name(Settings.ACTIONS_QUEUE_URL), batch_size=1, name="action_worker")
@required_env_vars(worker.work)
@track_execution(kind=worker.kind)
def action_worker(event: Event, context: Any) -> None:
    worker.work(event, context)


# It waits for other people's servers: without a bound, slow ones could use up the account's concurrency.
@app.on_sqs_message(
    queue=trigger_name(Settings.IMPORTS_QUEUE_URL), batch_size=1, name="import_worker", maximum_concurrency=50
)
@required_env_vars(images.fetch_queued)
@track_execution(account=images.import_account)
def import_worker(event: Event, context: Any) -> None:
    images.fetch_queued(event, context)


@app.on_sqs_message(queue=trigger_name(Settings.CRITICAL_ERRORS_SQS_QUEUE_NAME), batch_size=10, name="critical_errors")
@required_env_vars(operators.notify_of_errors)
@track_execution
def critical_errors(event: Event, context: Any) -> None:
    operators.notify_of_errors(event)
