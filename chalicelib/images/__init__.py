"""Images: uploads, their states, the steps that make variants, and what their owners do with them."""

from chalicelib.images.deletion import delete, erase_all, expire
from chalicelib.images.executions import (
    announce_failure,
    enqueue_uploads,
    send_again,
    send_on,
    start_executions,
    take_upload,
)
from chalicelib.images.models import (
    EXTENSIONS,
    IMAGES,
    Image,
    ImageNotFoundError,
    Status,
    Variant,
    find,
    get,
    output_link,
)
from chalicelib.images.originals import decoding_limits, original, too_large
from chalicelib.images.schemas import CREATE, CREATED, DELETE, GET, GET_VARIANT, LIST, ONE, PAGE, REDIRECT, REPROCESS
from chalicelib.images.service import (
    REPROCESS_REPLAY,
    VariantNotFoundError,
    choose_variant,
    delete_image,
    list_images,
    reprocess,
    show_image,
)
from chalicelib.images.states import ImageBusyError, OriginalGoneError, action_time_update
from chalicelib.images.steps import resize, validate, watermark
from chalicelib.images.stream import count_changes
from chalicelib.images.stuck import fail, mark_remade, oldest_since, retry, unfinished_since
from chalicelib.images.uploads import REPLAY as UPLOAD_REPLAY
from chalicelib.images.uploads import create_upload
