"""Images: uploads, their states, the steps that make variants, and what their owners do with them."""

from chalicelib.images.acceptance import ImageNotProcessableError
from chalicelib.images.deletion import delete, erase_all, expire
from chalicelib.images.descriptions import change_image
from chalicelib.images.downloads import get_download
from chalicelib.images.executions import (
    enqueue_uploads,
    send_on,
    send_to_remake,
    start_executions,
    take_upload,
)
from chalicelib.images.imports import REPLAY as IMPORT_REPLAY
from chalicelib.images.imports import account as import_account
from chalicelib.images.imports import fetch_queued, import_image
from chalicelib.images.leftovers import EXECUTION_MINUTES, is_leftover, remove_leftovers, rows_with_leftovers
from chalicelib.images.listing import list_images
from chalicelib.images.models import (
    EXTENSIONS,
    IMAGES,
    IMPORTING,
    Image,
    ImageNotFoundError,
    Status,
    Variant,
    find,
    get,
    output_link,
)
from chalicelib.images.originals import decoding_limits, find_stored, original, original_link, too_large
from chalicelib.images.preset_schemas import PRESETS
from chalicelib.images.presets import list_presets
from chalicelib.images.retries import RETRY_PAUSES, waits_in
from chalicelib.images.schemas import (
    CHANGE,
    CREATE,
    CREATED,
    DELETE,
    DOWNLOAD,
    DOWNLOADED,
    GET,
    GET_VARIANT,
    IMPORT,
    IMPORTED,
    LIST,
    MAX_CONTENT_BYTES,
    ONE,
    PAGE,
    REDIRECT,
    REPROCESS,
    VIEW,
    VIEWED,
    WAIT,
    WAITED,
)
from chalicelib.images.service import (
    REPROCESS_REPLAY,
    VariantNotFoundError,
    choose_variant,
    delete_image,
    reprocess,
    show_image,
)
from chalicelib.images.states import IMPORT_FAILED, ImageBusyError, OriginalGoneError, action_time_update
from chalicelib.images.steps import resize, validate, watermark
from chalicelib.images.storage import correct_stored_bytes
from chalicelib.images.stream import follow_changes
from chalicelib.images.stuck import (
    fail,
    mark_remade,
    mark_sent_on,
    oldest_import,
    oldest_since,
    unfinished_since,
    wait_for_retry,
)
from chalicelib.images.uploads import REPLAY as UPLOAD_REPLAY
from chalicelib.images.uploads import create_upload
from chalicelib.images.viewing import show_links, show_picture, view_image
from chalicelib.images.waiting import wait_for_image
