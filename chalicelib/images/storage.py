"""What a user's images take, added up from their rows: what the stream of the rows should have counted."""

from chalicelib.accounts.models import note_stored_bytes
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.images.models import IMAGES, bytes_kept


@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.QUERY],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
    }
)
def correct_stored_bytes(user_id: str, now: str, since: str) -> int | None:
    """Corrects the user's stored bytes by what their images take, if they have differed since `since` (ISO 8601).

    Gives the correction in bytes; None if there was none to make.
    """
    kept = sum(bytes_kept(item) for item in IMAGES.all_of(user_id))
    return note_stored_bytes(user_id, kept, now, since)
