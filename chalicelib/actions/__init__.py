"""Users' actions: a row for each, one lifecycle for all kinds, and who sees them."""

from chalicelib.actions.lifecycle import (
    ActionFinishedError,
    ActionNotFoundError,
    all_of,
    begin,
    fail,
    fail_on_error,
    get,
    oldest_since,
    pending_since,
    reopen,
)
from chalicelib.actions.models import ACTIONS, Action, ActionType, File, Status
from chalicelib.actions.schemas import CALLBACK, GET, LIST, ONE, PAGE
from chalicelib.actions.service import erase_all, list_page, show, submit
